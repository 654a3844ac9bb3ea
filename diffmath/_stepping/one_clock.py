"""One clock of an adaptive solve, in plain numbers: used for a batch of one, and by the kernels for each
clock.

This is plain arithmetic, which numba compiles unchanged (`diffmath.kernels.numba.stepping`). `clocks` does
the same for all clocks at once, in array operations.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

__all__ = [
    "BROKEN",
    "LEAST_ERROR",
    "ROUNDED",
    "SPENT",
    "STRETCH",
    "STUCK",
    "Law",
    "Limits",
    "advance_one",
    "plan_one",
]

# safety, least and largest factor, exponents of the last three errors, exponent after a rejection.
Law: TypeAlias = tuple[float, float, float, float, float, float, float]

# min_step, max_step, the last time, max_steps.
Limits: TypeAlias = tuple[float, float, float, int]

# Why a clock ended before its last time.
BROKEN, STUCK, SPENT = 1, 2, 3

# A step that ends within this factor of its goal is lengthened to end on it, so that no tiny step is left.
STRETCH = 1.01

# The longest step may be lengthened only by the rounding errors that the clock has accumulated.
ROUNDED = 1 + 1e-9

# Errors below this bound have the same effect: the step may grow (Hairer's facold).
LEAST_ERROR = 1e-4

_TINY = float(np.finfo(np.float64).tiny)


def plan_one(t: float, h: float, goal: float, direction: float, max_step: float) -> tuple[float, bool]:
    """Return the signed step of a clock at t, and whether it ends on the goal."""
    remaining = goal - t
    if min(h * STRETCH, max_step * ROUNDED) >= abs(remaining):
        return remaining, True
    # The state must advance by exactly the step of the clock: far from t = 0, t + h is rounded.
    return (t + direction * h) - t, False


def advance_one(
    t: float, h: float, goal: float, dt: float, reaches_goal: bool, error: float, past: float, before: float,
    recovering: bool, trials: int, law: Law, limits: Limits,
) -> tuple[float, float, float, float, bool, int, bool]:  # fmt: skip
    """Accept or reject a step, move the clock, choose its next step.

    `past` and `before` are the errors of the last two accepted steps, `recovering` means that the last trial
    was rejected, `trials` includes this one. Returns t, h, past, before; whether the step was accepted; why
    the clock ended, or 0; whether it reached the last time. Powers are those of NumPy's floats, which
    overflow to infinity.
    """
    safety, least, most, e0, e1, e2, again = law
    min_step, max_step, stop, max_steps = limits
    size, accepted, ended, arrived = abs(dt), error <= 1.0, 0, False
    if accepted:
        growth = safety * float(np.float64(max(error, _TINY)) ** e0)
        growth *= float(np.float64(max(past, LEAST_ERROR)) ** e1)
        if e2 != 0.0:
            growth *= float(np.float64(max(before, LEAST_ERROR)) ** e2)
        growth = min(max(growth, least), most)
        # A step shortened to end on its goal says little about the planned step: keep the plan.
        cut = reaches_goal and size < h and growth >= most
        factor = min(growth, 1.0) if recovering else growth
        h = max(h, size * factor) if cut else size * factor
        if not cut:
            past, before = error, past
        t = goal if reaches_goal else t + dt
        arrived = reaches_goal and t == stop
    elif math.isfinite(error):
        h = size * max(safety * float(np.float64(max(error, 1.0)) ** again), least)
    else:
        h = 0.5 * size
    grain = float(np.spacing(abs(t)))
    floor = max(min_step, 4 * grain)
    h = min(max(h, floor), max_step)
    # A step of minimum length may have been rounded up by a unit in the last place of t.
    if not accepted and size <= floor + grain:
        ended = STUCK if math.isfinite(error) else BROKEN
    elif not arrived and trials >= max_steps:
        ended = SPENT
    return t, h, past, before, accepted, ended, arrived
