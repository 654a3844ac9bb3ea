r"""The simplified Newton iteration for all rows of a batch; every row converges or fails independently.

Stages are unknowns in the form :math:`Z_i = h k_i`, which avoids a division by the step:

.. math:: Z_i = h f(t + c_i h,\; x + \textstyle\sum_j a_{ij} Z_j), \qquad
          (I - h A \otimes J)\, \delta = h f - Z

Source: Hairer & Wanner (1996), Solving Ordinary Differential Equations II, section IV.8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import array_api_compat as compat
import numpy as np

from diffmath._arrays.namespace import array_namespace, real_dtype, to_numpy
from diffmath._core.counts import check_count
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array, Drift, Time
from diffmath._newton.convergence import Convergence, first_rate, judge_all
from diffmath._newton.linearised import Linearised, Matrix, multiply
from diffmath._newton.stages import Attempted, Correction, Stages, largest, sent, take
from diffmath._stepping.control import Tolerance

__all__ = ["Newton", "increment", "slope_of"]


# An iteration may leave this fraction of the error that the solver tolerates in a step.
_SHARE = 0.01

# A component is resolved to the accuracy of at least this fraction of the largest component of its row.
_FLOOR = 1e-3

# No stage is resolved beyond this many units of round-off of the largest component of its row.
_ROUNDOFF = 4.0


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

    On a device other than the CPU, the host does not look at every iteration, which would wait for the device
    each time. A step makes one iteration more than the last step needed, or as many where that has not
    changed for some steps; a row stops at the iteration with which it has converged. The host reads once per
    step whether all rows have ended, and otherwise repeats the step with twice as many. The solution is the
    same. Calls of f beyond the need of a row do not count as its `evaluations` if every row has its own
    clock; with a shared clock or fixed steps `evaluations` counts every call.

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
        x = bases[0]
        block = _Block(f, times, bases, dt, a, linear.inverse(a))
        z = [array_namespace(x).zeros_like(x) if stages.guess is None else stages.guess] * len(a)
        limit = self.max_iterations or (100 if stages.allowed is None else 12)
        if stages.plan is None:
            z = self._follow(block, stages, z, limit)
        else:
            made = min(stages.plan.iterations(len(stages.made)), limit)
            z = self._plan(block, stages, z, made, last=made == limit)
        stages.slopes.extend(z)
        stages.guess = z[-1]

    def _follow(self, block: _Block, stages: Stages, z: list[Array], limit: int) -> list[Array]:
        """Iterate until the host has seen every row converge or fail."""
        rows = Convergence(~stages.failed, first_rate(stages.rate))
        for _ in range(limit):
            if not rows.active.any():
                break
            stages.spare(~rows.active, len(z))
            now = block.correct(z)
            distance = self._distance(stages.allowed, z[0].shape, now.states, now.change)
            moving = sent(rows.judge(to_numpy(distance).astype(np.float64)), z[0])
            z = [take(moving, k + d, k) for k, d in zip(z, now.change, strict=True)]
        stages.failed |= rows.broken | rows.active
        if stages.unsolved is not None:
            stages.unsolved |= rows.active
            if rows.broken.any():  # such a row does not move: it is where it failed
                stages.unsolved |= rows.broken & to_numpy(now.diverged(block.bases[-1]))
        stages.rate = rows.rate
        return z

    def _plan(self, block: _Block, stages: Stages, z: list[Array], made: int, *, last: bool) -> list[Array]:
        """Iterate as often as planned, and judge all iterations together, without waiting for the device."""
        found, iterates = list[Correction](), list[list[Array]]()
        for _ in range(made):
            found.append(block.correct(z))
            z = [k + d for k, d in zip(z, found[-1].change, strict=True)]
            iterates.append(z)
        xp, shape = array_namespace(z[0]), z[0].shape
        states = [xp.stack(list(parts)) for parts in zip(*(one.states for one in found), strict=True)]
        changes = [xp.stack(list(parts)) for parts in zip(*(one.change for one in found), strict=True)]
        distances = self._distance(stages.allowed, shape, states, changes)
        judged = judge_all(distances, first_rate(stages.rate), ~stages.failed, last=last)
        stages.record(Attempted(block.bases[-1], found, judged), len(z))
        z = iterates[0]
        for k in range(1, made):  # a row keeps the iterate with which it ended
            z = [take(judged.taken[k, :], new, old) for new, old in zip(iterates[k], z, strict=True)]
        return z

    def _distance(
        self,
        allowed: Tolerance | None,
        shape: tuple[int, ...],
        states: Sequence[Array],
        changes: Sequence[Array],
    ) -> Array:
        """Return the largest change of every row, in units of the allowed error.

        The rows have the shape (batch, ...); axes before them, for several iterations, stay.
        """
        worst: Any = 0.0
        for state, change in zip(states, changes, strict=True):
            xp, rows = array_namespace(state), state.shape[: state.ndim - len(shape) + 1]
            info, n = xp.finfo(real_dtype(state)), math.prod(shape[1:])
            d = xp.abs(xp.reshape(change, (*rows, n)))
            size = xp.abs(xp.reshape(state, (*rows, n))) + d  # a state of zero gives no scale at first
            row = largest(size)
            if allowed is not None and self.tolerance is None:
                rtol, atol = allowed.flat(shape)
                unit = _SHARE * (rtol * size + atol)
            else:
                accuracy = float(info.eps) ** (2 / 3) if self.tolerance is None else self.tolerance
                unit = accuracy * (size + _FLOOR * row)
            unit = xp.maximum(unit, _ROUNDOFF * float(info.eps) * row)
            found = largest(d / (unit + float(info.smallest_normal)))
            worst = found if isinstance(worst, float) else xp.maximum(worst, found)
        return worst[..., 0]


class _Block(NamedTuple):
    """The equations of stages that depend on each other."""

    f: Drift
    times: Sequence[Time]
    bases: Sequence[Array]
    dt: Time
    a: Matrix
    inverse: Array

    def correct(self, z: Sequence[Array]) -> Correction:
        """Evaluate the equations at the scaled slopes z."""
        f, times, bases, dt = self[:4]
        states = [base + increment(row, z) for base, row in zip(bases, self.a, strict=True)]
        residual = [dt * f(t, state) - k for t, state, k in zip(times, states, z, strict=True)]
        return Correction(states, residual, multiply(self.inverse, residual))


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
