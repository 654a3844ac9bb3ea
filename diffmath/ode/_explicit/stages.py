"""The inner loops of an explicit Runge-Kutta step on the host, with the slopes of all stages in one array.

These functions are the specification of the kernels. Without a kernel, `ExplicitRungeKutta` steps on arrays
of any library and does not use them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.accelerate import accelerated
from diffmath._stepping.clocks import Rows

__all__ = ["combine", "estimate", "interpolate"]

HostArray = npt.NDArray[Any]


@accelerated
def combine(x: HostArray, dt: Rows, weights: Rows, slopes: HostArray, count: int) -> HostArray:
    """Return ``x + sum_i (weights_i dt) slopes_i`` over the first `count` slopes.

    x (rows, columns), dt (rows,) or (1,), slopes (stages, rows, columns). The weights are multiplied by the
    step first: the product is smaller, so large slopes do not overflow.
    """
    total = np.zeros_like(x)
    for i in range(count):
        if weights[i] != 0.0:
            total = total + ((weights[i] * dt)[:, None] * slopes[i]).astype(x.dtype)
    return np.asarray(x + total)


@accelerated
def estimate(
    slopes: HostArray, dt: Rows, weights: Rows, low: Rows, x: HostArray, x_new: HostArray, rtol: Any,
    atol: Any,
) -> Rows:  # fmt: skip
    """Return the root mean square of the error of every row, in units of the tolerance.

    rtol and atol are numbers, or arrays (rows or 1, columns or 1). `low` holds the weights of the second
    estimate, or is empty. NaN if the new state is not finite.
    """
    zero = np.zeros_like(x)
    error = np.abs(combine.reference(zero, dt, weights, slopes, len(weights))).astype(np.float64)
    if len(low):
        other = 0.1 * np.abs(combine.reference(zero, dt, low, slopes, len(low))).astype(np.float64)
        largest = np.maximum(np.maximum(error, other), np.finfo(np.float64).tiny)
        a, b = error / largest, other / largest
        error = error * (a / np.sqrt(np.maximum(a * a + b * b, 0.5)))
    size = np.maximum(np.abs(x), np.abs(x_new)).astype(np.float64)
    ratio = error / (rtol * size + (atol + np.finfo(np.float64).tiny)) + 0.0 * size
    total = np.zeros(len(x))
    for column in range(x.shape[1]):  # column by column: the sum of a row does not depend on other rows
        total = total + ratio[:, column] * ratio[:, column]
    return np.asarray(np.sqrt(total / max(x.shape[1], 1)))


@accelerated
def interpolate(x: HostArray, rows: npt.NDArray[np.intp], weights: Rows, slopes: HostArray) -> HostArray:
    """Return ``x[rows] + sum_i weights_i slopes_i[rows]``, shape (pairs, columns)."""
    total = np.zeros((len(rows), x.shape[1]), dtype=x.dtype)
    for i in range(len(weights)):
        total = total + (weights[i][:, None] * slopes[i][rows]).astype(x.dtype)
    return np.asarray(x[rows] + total)
