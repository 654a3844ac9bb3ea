"""Weighted sums of a few slopes in Python numbers: the states of the stages of one small state.

A loop over the weights costs more than the products in it, so sums of up to six weights are written out, one
function for each number of weights. The operations and their order are those of the arrays: the weights times
the step first (so that large slopes do not overflow), then the products from left to right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from numpy import empty

from diffmath._core.typing import Array

__all__ = ["StageSums", "Weights", "stage_sums"]

Numbers: TypeAlias = list[float]
Weights: TypeAlias = Sequence[tuple[int, float]]  # the index of a slope, and its weight

# (h, x, slopes) -> x + sum_i (weight_i h) slopes_i, shape (1, components)
StageSums: TypeAlias = Callable[[float, Numbers, list[Numbers]], Array]


def stage_sums(weights: Weights, columns: int) -> StageSums:
    """Return the function that adds slopes with these weights to a state (1, columns).

    Examples
    --------
    >>> from diffmath.ode._steps.sums import stage_sums
    >>> stage_sums([(0, 0.5), (2, 2.0)], 2)(0.5, [1.0, 2.0], [[1.0, 2.0], [7.0, 7.0], [3.0, 4.0]])
    array([[4.25, 6.5 ]])
    """
    return _WRITTEN_OUT.get(len(weights), _many)(weights, columns)


def _one(weights: Weights, columns: int) -> StageSums:
    ((i, a),), shape, numbers = weights, (1, columns), range(columns)

    def add(h: float, x: Numbers, k: list[Numbers]) -> Array:
        a_h, p, new = a * h, k[i], empty(shape)
        for j in numbers:
            new[0, j] = x[j] + a_h * p[j]
        return new

    return add


def _two(weights: Weights, columns: int) -> StageSums:
    ((i0, a), (i1, b)), shape, numbers = weights, (1, columns), range(columns)

    def add(h: float, x: Numbers, k: list[Numbers]) -> Array:
        a_h, b_h = a * h, b * h
        p, q, new = k[i0], k[i1], empty(shape)
        for j in numbers:
            new[0, j] = x[j] + (a_h * p[j] + b_h * q[j])
        return new

    return add


def _three(weights: Weights, columns: int) -> StageSums:
    ((i0, a), (i1, b), (i2, c)), shape, numbers = weights, (1, columns), range(columns)

    def add(h: float, x: Numbers, k: list[Numbers]) -> Array:
        a_h, b_h, c_h = a * h, b * h, c * h
        p, q, r, new = k[i0], k[i1], k[i2], empty(shape)
        for j in numbers:
            new[0, j] = x[j] + (a_h * p[j] + b_h * q[j] + c_h * r[j])
        return new

    return add


def _four(weights: Weights, columns: int) -> StageSums:
    ((i0, a), (i1, b), (i2, c), (i3, d)), shape, numbers = weights, (1, columns), range(columns)

    def add(h: float, x: Numbers, k: list[Numbers]) -> Array:
        a_h, b_h, c_h, d_h = a * h, b * h, c * h, d * h
        p, q, r, s, new = k[i0], k[i1], k[i2], k[i3], empty(shape)
        for j in numbers:
            new[0, j] = x[j] + (a_h * p[j] + b_h * q[j] + c_h * r[j] + d_h * s[j])
        return new

    return add


def _five(weights: Weights, columns: int) -> StageSums:
    ((i0, a), (i1, b), (i2, c), (i3, d), (i4, e)), shape, numbers = weights, (1, columns), range(columns)

    def add(h: float, x: Numbers, k: list[Numbers]) -> Array:
        a_h, b_h, c_h, d_h, e_h = a * h, b * h, c * h, d * h, e * h
        p, q, r, s, u, new = k[i0], k[i1], k[i2], k[i3], k[i4], empty(shape)
        for j in numbers:
            new[0, j] = x[j] + (a_h * p[j] + b_h * q[j] + c_h * r[j] + d_h * s[j] + e_h * u[j])
        return new

    return add


def _six(weights: Weights, columns: int) -> StageSums:
    ((i0, a), (i1, b), (i2, c), (i3, d), (i4, e), (i5, f)), shape, numbers = (
        weights,
        (1, columns),
        range(columns),
    )

    def add(h: float, x: Numbers, k: list[Numbers]) -> Array:
        a_h, b_h, c_h, d_h, e_h, f_h = a * h, b * h, c * h, d * h, e * h, f * h
        p, q, r, s, u, v, new = k[i0], k[i1], k[i2], k[i3], k[i4], k[i5], empty(shape)
        for j in numbers:
            new[0, j] = x[j] + (a_h * p[j] + b_h * q[j] + c_h * r[j] + d_h * s[j] + e_h * u[j] + f_h * v[j])
        return new

    return add


def _many(weights: Weights, columns: int) -> StageSums:
    """Any number of weights, also none."""
    shape, numbers = (1, columns), range(columns)

    def add(h: float, x: Numbers, k: list[Numbers]) -> Array:
        (i, weight), *rest = weights or [(0, 0.0)]
        scale, new = weight * h, empty(shape)
        totals = [scale * slope for slope in k[i]]
        for i, weight in rest:
            scale, slopes = weight * h, k[i]
            for j, slope in enumerate(slopes):
                totals[j] += scale * slope
        for j in numbers:
            new[0, j] = x[j] + totals[j]
        return new

    return add


_WRITTEN_OUT = {1: _one, 2: _two, 3: _three, 4: _four, 5: _five, 6: _six}
