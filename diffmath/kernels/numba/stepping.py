"""The clocks of adaptive steps, row by row, without temporaries: `diffmath._stepping.one_clock`, compiled."""

from __future__ import annotations

from typing import Any

import numba

from diffmath._stepping import one_clock
from diffmath.kernels.numba._cache import compiled_by

__all__ = ["advance_clocks", "plan_steps"]

_compiled = numba.njit(error_model="numpy")
_plan_one, _advance_one = _compiled(one_clock.plan_one), _compiled(one_clock.advance_one)


@compiled_by(error_model="numpy")
def plan_steps(
    t: Any, h: Any, goal: Any, running: Any, direction: float, max_step: float, dt: Any, reaches_goal: Any
) -> None:
    """Twin of `diffmath._stepping.clocks.plan_steps`."""
    for k in range(len(t)):
        dt[k], reaches_goal[k] = 0.0, False
        if running[k]:
            dt[k], reaches_goal[k] = _plan_one(t[k], h[k], goal[k], direction, max_step)


@compiled_by(error_model="numpy")
def advance_clocks(
    t: Any, h: Any, goal: Any, running: Any, error: Any, past: Any, recovering: Any, counts: Any, dt: Any,
    reaches_goal: Any, law: Any, limits: Any, accepted: Any, ended: Any,
) -> int:  # fmt: skip
    """Twin of `diffmath._stepping.clocks.advance_clocks`."""
    taken = 0
    for k in range(len(t)):
        accepted[k], ended[k] = False, 0
        if running[k]:
            counts[0, k] += 1
            t[k], h[k], past[0, k], past[1, k], accepted[k], ended[k], arrived = _advance_one(
                t[k], h[k], goal[k], dt[k], reaches_goal[k], error[k], past[0, k], past[1, k], recovering[k],
                counts[0, k], law, limits,
            )  # fmt: skip
            counts[1, k] += accepted[k]
            running[k] = not arrived and ended[k] == 0
            taken += accepted[k]
            recovering[k] = not accepted[k]
        else:
            recovering[k] = False
    return taken
