"""The matrix exponential, in the array library of its argument."""

from __future__ import annotations

import math

import array_api_compat as compat

from diffmath._arrays import array_namespace
from diffmath._typing import Array

__all__ = ["expm"]

# The diagonal Pade approximant [13/13] is exact to float64 for norms up to this (Higham 2005, table 2.3).
_LARGEST_NORM = 5.371920351148152
_PADE = [math.comb(13, j) * math.factorial(26 - j) / math.factorial(26) for j in range(14)]


def expm(A: Array) -> Array:
    """Return exp(A), by scaling and squaring of the Pade approximant [13/13].

    Higham (2005), The Scaling and Squaring Method for the Matrix Exponential Revisited, algorithm 2.3. The
    result is not finite where it overflows.
    """
    xp = array_namespace(A)
    norm = float(xp.max(xp.sum(xp.abs(A), axis=0)))
    squarings = max(0, math.ceil(math.log2(norm / _LARGEST_NORM))) if 0.0 < norm < math.inf else 0
    A = A * 2.0**-squarings
    odd, even = _pade_parts(A)
    result = xp.linalg.solve(even - odd, even + odd)
    for _ in range(squarings):
        result = result @ result
    return result


def _pade_parts(A: Array) -> tuple[Array, Array]:
    """Return the odd and the even part of the numerator; the denominator is their difference."""
    xp = array_namespace(A)
    identity = xp.eye(A.shape[0], dtype=A.dtype, device=compat.device(A))
    A2 = A @ A
    A4 = A2 @ A2
    A6 = A4 @ A2

    def half(first: int) -> Array:
        c = _PADE[first::2]
        low = c[0] * identity + c[1] * A2 + c[2] * A4 + c[3] * A6
        return low + A6 @ (c[4] * A2 + c[5] * A4 + c[6] * A6)

    return A @ half(1), half(0)
