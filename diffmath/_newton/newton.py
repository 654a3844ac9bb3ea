r"""The simplified Newton iteration for all rows of a batch; every row converges or fails independently.

Stages are unknowns in the form :math:`Z_i = h k_i`, which avoids a division by the step:

.. math:: Z_i = h f(t + c_i h,\; x + \textstyle\sum_j a_{ij} Z_j), \qquad
          (I - h A \otimes J)\, \delta = h f - Z

Source: Hairer & Wanner (1996), Solving Ordinary Differential Equations II, section IV.8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays.namespace import (
    array_namespace,
    asarray_like,
    device,
    expand_like,
    real_dtype,
    to_numpy,
)
from diffmath._core.counts import check_count
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array, Drift, Time
from diffmath._newton.jacobian import flat_size
from diffmath._newton.linearised import Linearised, Matrix, multiply
from diffmath._stepping.clocks import Mask, Rows
from diffmath._stepping.control import Tolerance, finite_rows

__all__ = ["Newton", "Stages", "increment", "slope_of"]


# An iteration may leave this fraction of the error that the solver tolerates in a step.
_SHARE = 0.01

# A component is resolved to the accuracy of at least this fraction of the largest component of its row.
_FLOOR = 1e-3

# An iteration that stops this close to its goal is limited by round-off and has converged as far as possible;
# the remaining error is still less than a third of what the solver tolerates.
_STALLED = 30.0

# No stage is resolved beyond this many units of round-off of the largest component of its row.
_ROUNDOFF = 4.0

# An iteration that increases a state to this many times its size has diverged.
_FAR = 1e6

# The rate of convergence of one stage is used for the next stage, but not below this value.
_BEST_RATE = 1e-6


@dataclass
class Stages:
    """The scaled slopes Z of a step so far, and the state of their iterations in every row."""

    slopes: list[Array]
    failed: Mask
    rate: Rows  # of convergence: the remaining correction as a fraction of the last one
    allowed: Tolerance | None = None  # what the solver tolerates in a step, if it adapts
    guess: Array | None = None  # start of the next iteration; away from a stiff solution only 0 is safe
    unsolved: Mask | None = None  # rows whose iteration failed although all numbers were finite
    watcher: Any = None  # counts the calls of f that a row needs, if given

    @classmethod
    def begin(cls, linear: Linearised, f: Any = None) -> Stages:
        """Begin without stages: only rows without a finite Jacobian have failed. `f` gets `unsolved`."""
        stages = cls([], ~linear.finite, np.ones(len(linear.finite)), getattr(f, "tolerance", None))
        stages.unsolved = np.zeros_like(stages.failed)
        if hasattr(f, "unsolved"):
            f.unsolved = stages.unsolved  # updated during the iterations
            stages.watcher = f
        return stages

    def spare(self, rows: Mask, calls: int) -> None:
        """Do not count calls for rows whose iteration has ended: alone, they would not be made."""
        if self.watcher is not None:
            self.watcher.spared = self.watcher.spared + calls * rows

    def ended(self, x: Array) -> Array:
        """Return `x`, with NaN in the rows that failed, which the solver then rejects."""
        return _take(_sent(~self.failed, x), x, array_namespace(x).full_like(x, math.nan))

    def kept(self, slopes: Sequence[Array] | None = None) -> list[Array]:
        """Return the slopes of all stages, or the given slopes, with NaN in the rows that failed."""
        return [self.ended(slope) for slope in (self.slopes if slopes is None else slopes)]


@dataclass(frozen=True)
class Newton:
    r"""Settings of the iteration that solves the equations of an implicit step.

    Parameters
    ----------
    tolerance : float, optional
        Accuracy of a stage relative to its state, component by component; components below a thousandth of
        the largest component of their row are resolved to the accuracy of that thousandth. By default, in
        adaptive solves, a hundredth of the error that `rtol` and `atol` allow; otherwise the machine epsilon
        to the power 2/3 (4e-11 in float64).
    max_iterations : int, optional
        A row that needs more iterations has failed. By default 12 in adaptive solves, where a shorter step is
        cheaper, otherwise 100.

    Notes
    -----
    The Jacobian is evaluated at the start of the step. A row has converged when its last correction times
    :math:`\theta / (1 - \theta)` is within the tolerance, where theta is the ratio of its last two
    corrections. It has failed if theta is above 2 or a number is not finite. Rows that have converged or
    failed are not changed further, so a row does not depend on the others.

    References
    ----------
    .. [1] Hairer & Wanner (1996), Solving Ordinary Differential Equations II, section IV.8, (8.10).

    Examples
    --------
    >>> from dataclasses import replace
    >>> from diffmath import ode
    >>> replace(ode.kvaerno5, newton=ode.Newton(tolerance=1e-14)).newton
    Newton(tolerance=1e-14, max_iterations=None)
    """

    tolerance: float | None = None
    max_iterations: int | None = None

    def __post_init__(self) -> None:
        if self.tolerance is not None and not 0 < check_number("tolerance", self.tolerance) < 1:
            raise ValueError(f"tolerance must lie in (0, 1); got {self.tolerance}")
        if self.max_iterations is not None:
            check_count("max_iterations", self.max_iterations)

    def solve(
        self,
        f: Drift,
        times: Sequence[Time],
        bases: Sequence[Array],
        dt: Time,
        a: Matrix,
        linear: Linearised,
        stages: Stages,
    ) -> None:
        """Solve ``Z_i = dt f(times[i], bases[i] + sum_j a[i][j] Z_j)``; append the Z to the stages."""
        inverse, x = linear.inverse(a), bases[0]
        z = [array_namespace(x).zeros_like(x) if stages.guess is None else stages.guess] * len(a)
        rows = _Convergence(~stages.failed, np.maximum(stages.rate**0.8, _BEST_RATE))
        for _ in range(self.max_iterations or (100 if stages.allowed is None else 12)):
            if not rows.active.any():
                break
            stages.spare(~rows.active, len(times))
            states = [base + increment(row, z) for base, row in zip(bases, a, strict=True)]
            residual = [dt * f(t, state) - k for t, state, k in zip(times, states, z, strict=True)]
            change = multiply(inverse, residual)
            moving = _sent(rows.judge(self._distance(stages.allowed, states, change)), x)
            if stages.unsolved is not None and rows.lost.any():
                stages.unsolved |= rows.lost & _diverged(bases[-1], states[-1], residual)
            z = [_take(moving, k + d, k) for k, d in zip(z, change, strict=True)]
        stages.failed |= rows.broken | rows.active
        if stages.unsolved is not None:
            stages.unsolved |= rows.active
        stages.rate = rows.rate
        stages.slopes.extend(z)
        stages.guess = z[-1]

    def _distance(self, allowed: Tolerance | None, states: Sequence[Array], changes: Sequence[Array]) -> Rows:
        """Return the largest change of every row, in units of the allowed error."""
        worst: Any = 0.0
        for state, change in zip(states, changes, strict=True):
            xp, batch = array_namespace(state), state.shape[0]
            info = xp.finfo(real_dtype(state))
            d = xp.abs(xp.reshape(change, (batch, flat_size(state))))
            size = xp.abs(xp.reshape(state, d.shape)) + d  # a state of zero gives no scale at first
            if allowed is not None and self.tolerance is None:
                rtol, atol = allowed.flat(state.shape)
                unit = _SHARE * (rtol * size + atol)
            else:
                accuracy = float(info.eps) ** (2 / 3) if self.tolerance is None else self.tolerance
                unit = accuracy * (size + _FLOOR * _largest(size))
            unit = xp.maximum(unit, _ROUNDOFF * float(info.eps) * _largest(size))
            found = _largest(d / (unit + float(info.smallest_normal)))
            worst = found if isinstance(worst, float) else xp.maximum(worst, found)
        return to_numpy(worst[:, 0]).astype(np.float64)


@dataclass
class _Convergence:
    """Which rows of an iteration continue, have converged, or have failed."""

    active: Mask
    rate: Rows
    broken: Mask = field(init=False)
    lost: Mask = field(init=False)  # failed in the last call of `judge`
    previous: Rows = field(init=False)

    def __post_init__(self) -> None:
        self.broken = self.lost = np.zeros_like(self.active)
        self.previous = np.full(self.active.shape, np.inf)

    def judge(self, distance: Rows) -> Mask:
        """Return the rows that take the correction of this size; rows that are then not `active` are done."""
        with np.errstate(all="ignore"):  # rows that are done or failed may hold any value
            theta = distance / self.previous
            measured = np.where(theta < 1, theta / (1 - theta), np.inf)
            rate = np.where(np.isfinite(self.previous), measured, self.rate)
            lost = ~np.isfinite(distance) | (theta > 2)
            settled = (rate * distance <= 1) | (distance == 0) | ((theta > 0.5) & (distance <= _STALLED))
        self.lost = self.active & lost & ~settled
        self.broken = self.broken | self.lost
        moving = self.active & ~self.broken
        self.rate = np.where(moving & np.isfinite(rate), rate, self.rate)
        self.previous = distance
        self.active = moving & ~settled
        return moving


def slope_of(scaled: Array, dt: Time) -> Array:
    """Return a slope from ``dt`` times it; zero where the step is zero (rows that have ended)."""
    if not compat.is_array_api_obj(dt):
        return scaled / dt
    xp = array_namespace(dt)
    return scaled / xp.where(dt == 0, xp.ones_like(dt), dt)


def increment(weights: Sequence[float], slopes: Sequence[Array]) -> Array:
    """Return the sum of weights times scaled slopes; zero weights cost nothing."""
    terms = [weight * slope for weight, slope in zip(weights, slopes, strict=False) if weight != 0.0]
    return sum(terms[1:], start=terms[0]) if terms else 0.0


def _diverged(base: Array, state: Array, residual: Sequence[Array]) -> Mask:
    """Return in which rows a failed iteration diverged by itself, and not because f is nan.

    Its numbers are finite but grow (or the matrix is singular), or it has diverged to where f overflows.
    """
    finite = np.all([finite_rows(part) for part in residual], axis=0)
    xp, shape = array_namespace(base), (base.shape[0], flat_size(base))
    before, after = (to_numpy(_largest(xp.abs(xp.reshape(x, shape))))[:, 0] for x in (base, state))
    with np.errstate(all="ignore"):
        return np.asarray(finite | ((before > 0) & ~(after <= _FAR * before)))


def _largest(values: Array) -> Array:
    """Return the largest component of every row, shape (batch, 1)."""
    xp = array_namespace(values)
    if not values.shape[1]:
        return xp.zeros((values.shape[0], 1), dtype=values.dtype, device=device(values))
    return xp.max(values, axis=1, keepdims=True)


def _sent(mask: Mask, like: Array) -> Array | None:
    """Return a mask on the device of `like`, or None for all rows, which avoids the copy."""
    return None if mask.all() else asarray_like(mask, like, array_namespace(like).bool)


def _take(mask: Array | None, new: Array, old: Array) -> Array:
    """Return `new` in the rows of the mask (None: in all), `old` in the others."""
    return new if mask is None else array_namespace(new).where(expand_like(mask, new), new, old)
