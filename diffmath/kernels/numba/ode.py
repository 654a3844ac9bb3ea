"""Runge-Kutta stages: each loop passes once over the batch, without temporaries."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numba.extending import overload

from diffmath.kernels.numba._cache import compiled_by

__all__ = ["combine", "estimate", "interpolate"]

_TINY = float(np.finfo(np.float64).tiny)


@compiled_by(error_model="numpy")
def combine(x: Any, dt: Any, weights: Any, slopes: Any, count: int) -> Any:
    """Twin of `diffmath.ode._explicit.stages.combine`."""
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


@compiled_by(error_model="numpy")
def estimate(slopes: Any, dt: Any, weights: Any, low: Any, x: Any, x_new: Any, rtol: Any, atol: Any) -> Any:
    """Twin of `diffmath.ode._explicit.stages.estimate`."""
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
            # max may drop a NaN: adding zero times either keeps it, and turns an infinity into NaN
            allowed = _entry(rtol, r, c) * max(before, after) + (_entry(atol, r, c) + _TINY)
            ratio = error / allowed + 0.0 * before + 0.0 * after
            total += ratio * ratio
        out[r] = math.sqrt(total / max(columns, 1))
    return out


@compiled_by(error_model="numpy")
def interpolate(x: Any, rows: Any, weights: Any, slopes: Any) -> Any:
    """Twin of `diffmath.ode._explicit.stages.interpolate`."""
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
