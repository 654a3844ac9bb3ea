r"""Which rows of an iteration have converged or diverged, from the size of their corrections.

With :math:`d_k` the k-th correction in units of the allowed error and :math:`\theta_k = d_k / d_{k-1}`, a row
has converged if :math:`d_k\,\theta_k / (1 - \theta_k) \le 1`, and has diverged if :math:`\theta_k > 2`.

Source: Hairer & Wanner (1996), Solving Ordinary Differential Equations II, section IV.8, (8.10).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from diffmath._arrays.namespace import array_namespace, device
from diffmath._arrays.scalars import constant
from diffmath._core.typing import Array
from diffmath._stepping.clocks import Mask, Rows

__all__ = ["Convergence", "Judged", "first_rate", "judge_all"]

# An iteration that stops this close to its goal is limited by round-off and has converged as far as possible;
# the remaining error is still less than a third of what the solver tolerates.
_STALLED = 30.0

# The rate of convergence of one stage is used for the next stage, but not below this value.
_BEST_RATE = 1e-6


def first_rate(rate: Array) -> Array:
    """Return the rate to assume before the second correction, from that of the last stage."""
    if type(rate) is np.ndarray:
        return np.maximum(rate**0.8, _BEST_RATE)
    return array_namespace(rate).maximum(rate**0.8, constant(_BEST_RATE, rate))


@dataclass
class Convergence:
    """Which rows of an iteration continue, have converged, or have failed: judged after every iteration."""

    active: Mask
    rate: Rows  # the remaining correction as a fraction of the last one
    broken: Mask = field(init=False)
    previous: Rows = field(init=False)

    def __post_init__(self) -> None:
        self.broken = np.zeros_like(self.active)
        self.previous = np.full(self.active.shape, np.inf)

    def judge(self, distance: Rows) -> Mask:
        """Return the rows that take the correction of this size; rows that are then not `active` are done."""
        with np.errstate(all="ignore"):  # rows that are done or failed may hold any value
            theta = distance / self.previous
            measured = np.where(theta < 1, theta / (1 - theta), np.inf)
            rate = np.where(np.isfinite(self.previous), measured, self.rate)
            lost = ~np.isfinite(distance) | (theta > 2)
            settled = (rate * distance <= 1) | (distance == 0) | ((theta > 0.5) & (distance <= _STALLED))
        self.broken = self.broken | (self.active & lost & ~settled)
        moving = self.active & ~self.broken
        self.rate = np.where(moving & np.isfinite(rate), rate, self.rate)
        self.previous = distance
        self.active = moving & ~settled
        return moving


class Judged(NamedTuple):
    """What `Convergence` finds out, for all iterations of a stage at once, on their device."""

    needed: Array  # (batch,) iterations up to the one that ended the row; one more than were made if none did
    taken: Array  # (iterations, batch) whether a row makes this iteration
    converged: Array  # (batch,)
    rate: Array  # (batch,)


def judge_all(d: Array, rate: Array, active: Array, *, last: bool) -> Judged:
    """Judge the corrections of all iterations, made also in rows that had ended, as `Convergence` does.

    `d` holds the size of the corrections, shape (iterations, batch); `rate` is the rate to assume at first.
    Rows that are not `active` need no iteration and do not converge. If the `last` iteration was the last one
    allowed, a row that did not end with it needs no more. Nothing is copied to or from the host.
    """
    with np.errstate(all="ignore"):  # rows that are done or failed may hold any value
        return _judge_all(d, rate, active, last)


def _judge_all(d: Array, rate: Array, active: Array, last: bool) -> Judged:
    xp, made = array_namespace(rate), d.shape[0]
    # Before the first correction, the largest number of which the double is finite: only what is not finite
    # is larger.
    before = xp.concat([xp.full_like(d[:1, :], 0.5 * float(xp.finfo(d.dtype).max)), d[:-1, :]])
    theta = d / before
    shrinking = theta < 1
    rates = xp.concat([rate[None, :], (theta / (1 - theta))[1:, :]])
    settled = (shrinking & (rates * d <= 1)) | ((theta > 0.5) & (d <= _STALLED))
    lasting = ~settled & (d <= 2 * before)
    number = xp.arange(1, made + 1, dtype=d.dtype, device=device(d))[:, None]
    needed = xp.min(number + made * xp.astype(lasting, d.dtype), axis=0)
    if last:
        needed = xp.minimum(needed, constant(made, d))
    needed = needed * xp.astype(active, d.dtype)
    converged = xp.any(settled & (number == needed), axis=0)
    taken = number <= needed
    measured = shrinking & taken
    for k in range(1, made):
        rate = xp.where(measured[k, :], rates[k, :], rate)
    return Judged(needed, taken, converged, rate)
