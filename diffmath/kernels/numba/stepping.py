"""The clocks of adaptive steps, row by row, without temporaries: `diffmath._stepping.one_clock`, compiled."""

from __future__ import annotations

from typing import Any

import numba

from diffmath._stepping import one_clock

__all__ = ["advance_clocks", "plan_steps"]

_compiled = numba.njit(error_model="numpy")
_plan_one, _advance_one = _compiled(one_clock.plan_one), _compiled(one_clock.advance_one)


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def plan_steps(
    t: Any, h: Any, goal: Any, running: Any, direction: float, max_step: float, dt: Any, reaches_goal: Any
) -> None:
    """Twin of `diffmath._stepping.clocks.plan_steps`."""
    for k in range(len(t)):
        _plan_one(k, t, h, goal, running, direction, max_step, dt, reaches_goal)


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def advance_clocks(
    t: Any, h: Any, goal: Any, running: Any, error: Any, past: Any, recovering: Any, counts: Any, dt: Any,
    reaches_goal: Any, law: Any, limits: Any, accepted: Any, ended: Any,
) -> int:  # fmt: skip
    """Twin of `diffmath._stepping.clocks.advance_clocks`."""
    taken = 0
    for k in range(len(t)):
        _advance_one(
            k, t, h, goal, running, error, past, recovering, counts, dt, reaches_goal, law, limits, accepted,
            ended,
        )  # fmt: skip
        taken += accepted[k]
    return taken
