"""The equation of an implicit drift stage, z = h f(t, x + theta z), solved row by row.

There is no error estimate that could reject a failed step, and one failed path in many thousands would end
the solve. Therefore rows that do not converge get a new Jacobian at their current iterate.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath._arrays.namespace import to_numpy
from diffmath._core.typing import Array
from diffmath._newton.linearised import Linearised, linearise
from diffmath._newton.newton import Newton
from diffmath._newton.plan import Plan
from diffmath._newton.stages import Stages
from diffmath._stepping.clocks import Mask

__all__ = ["implicit_slope", "planned_slope", "without"]

# How many times rows that did not converge get a new Jacobian.
_RESTARTS = 10


def implicit_slope(
    newton: Newton, f: Any, t: float, base: Array, dt: float, theta: float, linear: Linearised | None = None
) -> tuple[Array, Mask]:
    """Solve z = dt f(t, base + theta z) row by row; return z, and the rows that did not converge.

    The Jacobian is evaluated at `linear`, or at the state with the noise.
    """
    slope: Array = None
    waiting = np.ones(base.shape[0], dtype=bool)
    for _ in range(_RESTARTS):
        before, here = slope, linear is None
        if linear is None:
            linear = linearise(f, t, base if slope is None else base + theta * slope, dt, None)
        stages = Stages.begin(linear)
        stages.failed |= ~waiting  # rows that are done stay unchanged
        stages.guess = slope
        newton.solve(f, [t], [base], dt, ((theta,),), linear, stages)
        slope, linear = stages.slopes[0], None
        waiting &= stages.failed
        if not waiting.any() or (here and not _moved(slope, before)[waiting].any()):
            break  # all done, or all at their initial guess, where a new Jacobian would be the same
    return slope, waiting


def planned_slope(
    newton: Newton, f: Any, t: float, base: Array, dt: float, theta: float, plan: Plan
) -> tuple[Stages, Plan]:
    """Solve the equation on a device with the Jacobian at the start, and read once whether that has worked.

    Returns the stage, `lost` where a row needs a new Jacobian, and the plan for the next step.
    """
    linear = linearise(f, t, base, dt, None)
    while True:
        stages = Stages.begin(linear, None, plan)
        newton.solve(f, [t], [base], dt, ((theta,),), linear, stages)
        solved = stages.settle(linear, base)
        assert stages.plan is not None
        plan = stages.plan
        if solved:
            return stages, plan


def _moved(slope: Array, before: Array | None) -> Mask:
    """Return which rows an iteration has moved from the initial guess."""
    change = slope if before is None else slope - before
    return np.asarray(np.any(to_numpy(change) != 0, axis=1))


def without(rows: Mask, x: Array) -> Array:
    """Return x with NaN in the given rows."""
    return Stages([], rows, np.ones(len(rows))).ended(x)
