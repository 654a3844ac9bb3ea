"""The clocks of adaptive steps, row by row, without temporaries."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

__all__ = ["advance", "plan"]

_TINY = float(np.finfo(np.float64).tiny)


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def plan(
    t: Any, h: Any, goal: Any, running: Any, direction: float, max_step: float, dt: Any, lands: Any
) -> None:
    """Twin of `diffmath._stepping.clocks.plan`."""
    for k in range(len(t)):
        remaining = goal[k] - t[k]
        lands[k] = running[k] and min(h[k] * 1.01, max_step * (1 + 1e-9)) >= abs(remaining)
        if not running[k]:
            dt[k] = 0.0
        elif lands[k]:
            dt[k] = remaining
        else:
            dt[k] = (t[k] + direction * h[k]) - t[k]


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def advance(
    t: Any, h: Any, goal: Any, running: Any, error: Any, past: Any, recovering: Any, counts: Any, dt: Any,
    lands: Any, law: Any, limits: Any, accepted: Any, ended: Any,
) -> int:  # fmt: skip
    """Twin of `diffmath._stepping.clocks.advance`."""
    safety, least, most, e0, e1, e2, again = law
    min_step, max_step, stop, max_steps = limits
    taken = 0
    for k in range(len(t)):
        accepted[k] = running[k] and error[k] <= 1
        ended[k] = 0
        if not running[k]:
            recovering[k] = False
            continue
        counts[0, k] += 1
        size = abs(dt[k])
        finished = False
        if accepted[k]:
            taken += 1
            counts[1, k] += 1
            growth = safety * max(error[k], _TINY) ** e0
            growth *= max(past[0, k], 1e-4) ** e1 * (max(past[1, k], 1e-4) ** e2 if e2 != 0.0 else 1.0)
            growth = min(max(growth, least), most)
            cut = lands[k] and size < h[k] and growth >= most
            if recovering[k]:
                growth = min(growth, 1.0)
            h[k] = max(h[k], size * growth) if cut else size * growth
            if not cut:
                past[1, k], past[0, k] = past[0, k], error[k]
            t[k] = goal[k] if lands[k] else t[k] + dt[k]
            finished = lands[k] and goal[k] == stop
        elif math.isfinite(error[k]):
            h[k] = size * max(safety * max(error[k], 1.0) ** again, least)
        else:
            h[k] = 0.5 * size
        recovering[k] = not accepted[k]
        grain = np.spacing(abs(t[k]))
        floor = max(min_step, 4 * grain)
        h[k] = min(max(h[k], floor), max_step)
        if not accepted[k] and size <= floor + grain:
            ended[k] = 2 if math.isfinite(error[k]) else 1
        elif not finished and counts[0, k] >= max_steps:
            ended[k] = 3
        running[k] = not finished and ended[k] == 0
    return taken
