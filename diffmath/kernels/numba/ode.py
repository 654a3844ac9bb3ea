"""Adaptive Runge-Kutta steps: each loop once over the batch, without temporaries; the clocks one by one."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numba.extending import overload

__all__ = ["advance", "combine", "estimate", "interpolate", "plan"]

_TINY = float(np.finfo(np.float64).tiny)


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def combine(x: Any, dt: Any, weights: Any, slopes: Any, count: int) -> Any:
    """Twin of `diffmath.ode._stages.combine`."""
    rows, columns = x.shape
    out = np.empty_like(x)
    for r in range(rows):
        h = dt[r if len(dt) > 1 else 0]
        for c in range(columns):
            total = 0.0 * x[r, c]
            total = total - total
            for i in range(count):
                if weights[i] != 0.0:
                    total += (weights[i] * h) * slopes[i, r, c]
            out[r, c] = x[r, c] + total
    return out


def _entry(value: Any, r: int, c: int) -> Any:
    """The entry of a number, or of an array (rows or 1, columns or 1)."""


@overload(_entry, strict=False)  # type: ignore[untyped-decorator, unused-ignore]
def _entry_of(value: Any, r: Any, c: Any) -> Any:
    if not isinstance(value, numba.types.Array):
        return lambda value, r, c: value
    return lambda value, r, c: value[r if value.shape[0] > 1 else 0, c if value.shape[1] > 1 else 0]


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def estimate(slopes: Any, dt: Any, weights: Any, low: Any, x: Any, x_new: Any, rtol: Any, atol: Any) -> Any:
    """Twin of `diffmath.ode._stages.estimate`."""
    rows, columns = x.shape
    out = np.empty(rows)
    for r in range(rows):
        h = dt[r if len(dt) > 1 else 0]
        total = 0.0
        for c in range(columns):
            change, other = slopes[0, r, c] * (weights[0] * h), 0.0 * slopes[0, r, c]
            for i in range(1, len(weights)):
                if weights[i] != 0.0:
                    change += (weights[i] * h) * slopes[i, r, c]
            error = abs(change)
            if len(low):
                for i in range(len(low)):
                    if low[i] != 0.0:
                        other += (low[i] * h) * slopes[i, r, c]
                second = 0.1 * abs(other)
                largest = max(error, second, _TINY)
                a, b = error / largest, second / largest
                error *= a / math.sqrt(max(a * a + b * b, 0.5))
            before, after = abs(x[r, c]), abs(x_new[r, c])
            # max may drop a NaN: zero times either keeps it, and an infinity as NaN
            allowed = _entry(rtol, r, c) * max(before, after) + (_entry(atol, r, c) + _TINY)
            ratio = error / allowed + 0.0 * before + 0.0 * after
            total += ratio * ratio
        out[r] = math.sqrt(total / max(columns, 1))
    return out


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def interpolate(x: Any, rows: Any, weights: Any, slopes: Any) -> Any:
    """Twin of `diffmath.ode._stages.interpolate`."""
    stages, pairs = weights.shape
    columns = x.shape[1]
    out = np.empty((pairs, columns), dtype=x.dtype)
    for p in range(pairs):
        r = rows[p]
        for c in range(columns):
            total = weights[0, p] * slopes[0, r, c]
            for i in range(1, stages):
                total += weights[i, p] * slopes[i, r, c]
            out[p, c] = x[r, c] + total
    return out


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def plan(
    t: Any, h: Any, goal: Any, running: Any, direction: float, max_step: float, dt: Any, lands: Any
) -> None:
    """Twin of `diffmath.ode._clocks.plan`."""
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
    """Twin of `diffmath.ode._clocks.advance`."""
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
