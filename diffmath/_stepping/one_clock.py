"""One clock of an adaptive solve, number by number: what a batch of one steps by, and the kernels loop over.

Plain arithmetic that numba compiles as it stands (`diffmath.kernels.numba.stepping`). `clocks` says the same
of all clocks at once, in array operations. All arrays have one entry per clock; k is the clock.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["BROKEN", "LEAST_ERROR", "ROUNDED", "SPENT", "STRETCH", "STUCK", "advance_one", "plan_one"]

# Why a clock ended before its last time.
BROKEN, STUCK, SPENT = 1, 2, 3

# A step that reaches within this factor of its goal is stretched to it: no slivers.
STRETCH = 1.01

# The longest step may be stretched by no more than what the clock has gathered of rounding.
ROUNDED = 1 + 1e-9

# An error as small as this says no more than that the step may grow (Hairer's facold).
LEAST_ERROR = 1e-4

_TINY = float(np.finfo(np.float64).tiny)


def plan_one(
    k: int, t: Any, h: Any, goal: Any, running: Any, direction: float, max_step: float, dt: Any,
    reaches_goal: Any,
) -> None:  # fmt: skip
    """Write the signed step of clock k into `dt`, and whether it ends on the goal."""
    if not running[k]:
        dt[k], reaches_goal[k] = 0.0, False
        return
    now, step = float(t[k]), float(h[k])
    remaining = float(goal[k]) - now
    if min(step * STRETCH, max_step * ROUNDED) >= abs(remaining):
        dt[k], reaches_goal[k] = remaining, True
    else:
        # The state must advance by exactly what the clock does: far from t = 0, t + h is rounded.
        dt[k], reaches_goal[k] = (now + direction * step) - now, False


def advance_one(
    k: int, t: Any, h: Any, goal: Any, running: Any, error: Any, past: Any, recovering: Any, counts: Any,
    dt: Any, reaches_goal: Any, law: Any, limits: Any, accepted: Any, ended: Any,
) -> None:  # fmt: skip
    """Accept or reject the step of clock k, move the clock, choose its next step.

    Powers are those of NumPy's floats, which overflow to infinity.
    """
    accepted[k], ended[k] = False, 0
    if not running[k]:
        recovering[k] = False
        return
    safety, least, most, e0, e1, e2, again = law
    min_step, max_step, stop, max_steps = limits
    found, size, planned, now = float(error[k]), abs(float(dt[k])), float(h[k]), float(t[k])
    passed, lands, finished = found <= 1.0, bool(reaches_goal[k]), False
    counts[0, k] += 1
    if passed:
        accepted[k] = True
        counts[1, k] += 1
        growth = safety * np.float64(max(found, _TINY)) ** e0
        growth *= np.float64(max(float(past[0, k]), LEAST_ERROR)) ** e1
        if e2 != 0.0:
            growth *= np.float64(max(float(past[1, k]), LEAST_ERROR)) ** e2
        growth = min(max(float(growth), least), most)
        # A step cut short by its goal says little about the step that was planned: keep the plan.
        cut = lands and size < planned and growth >= most
        growth = min(growth, 1.0) if recovering[k] else growth
        planned = max(planned, size * growth) if cut else size * growth
        if not cut:
            past[1, k], past[0, k] = past[0, k], found
        t[k] = now = float(goal[k]) if lands else now + float(dt[k])
        finished = lands and now == stop
    elif math.isfinite(found):
        planned = size * max(safety * float(np.float64(max(found, 1.0)) ** again), least)
    else:
        planned = 0.5 * size
    recovering[k] = not passed
    grain = float(np.spacing(abs(now)))
    floor = max(min_step, 4 * grain)
    h[k] = min(max(planned, floor), max_step)
    # A step of the floor's length may have been rounded up by a unit in the last place of t.
    if not passed and size <= floor + grain:
        ended[k] = STUCK if math.isfinite(found) else BROKEN
    elif not finished and counts[0, k] >= max_steps:
        ended[k] = SPENT
    running[k] = not finished and ended[k] == 0
