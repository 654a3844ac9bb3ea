"""The matrix exponential and the integrals of an input, in the array library of their arguments."""

from __future__ import annotations

import math
from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays.namespace import array_namespace, asarray_like, to_numpy
from diffmath._arrays.tracing import all_true, branch, is_traced, scan_loop
from diffmath._core.typing import Array

__all__ = ["expm", "integrals"]

# The diagonal Pade approximant [13/13] is exact to float64 for norms up to this (Higham 2005, table 2.3).
_LARGEST_NORM = 5.371920351148152
# Under a trace, the program contains this many squarings.
_MOST_SQUARINGS = 32
_PADE = [math.comb(13, j) * math.factorial(26 - j) / math.factorial(26) for j in range(14)]


def expm(A: Array) -> Array:
    """Return exp(A) of one matrix or a stack (..., n, n), by scaling and squaring of the Pade approximant.

    Higham (2005), The Scaling and Squaring Method for the Matrix Exponential Revisited, algorithm 2.3. Every
    matrix of a stack has its own scale. The result is not finite if it overflows.
    """
    xp = array_namespace(A)
    norms = xp.max(xp.sum(xp.abs(A), axis=-2), axis=-1)
    if is_traced(norms):
        return _traced_expm(A, norms)
    squarings = _squarings(to_numpy(norms))
    A = A * asarray_like(np.ldexp(1.0, -squarings), A)[..., None, None]
    result = _pade(A)
    for k in range(int(squarings.max(initial=0))):
        more = xp.asarray(k < squarings, device=compat.device(A))[..., None, None]
        result = xp.where(more, result @ result, result)
    return result


def _traced_expm(A: Array, norms: Array) -> Array:
    """Return exp(A) under a JAX trace: the program chooses the scale; not finite for norms above 2^34."""
    xp = array_namespace(A)
    squarings = xp.ceil(xp.log2(xp.where(norms > _LARGEST_NORM, norms, _LARGEST_NORM) / _LARGEST_NORM))
    more = np.arange(_MOST_SQUARINGS).reshape(-1, *(1,) * A.ndim) < squarings[..., None, None]

    def square(result: Array, chosen: Array) -> tuple[Array, None]:
        # A squaring that no matrix needs is not computed.
        squared = branch(xp.any(chosen), lambda: result @ result, lambda: result)
        return xp.where(chosen, squared, result), None

    A, _ = scan_loop(lambda A, chosen: (xp.where(chosen, 0.5 * A, A), None), A, more)
    result, _ = scan_loop(square, _pade(A), more)
    return xp.where(squarings[..., None, None] <= _MOST_SQUARINGS, result, math.nan)


def _pade(A: Array) -> Array:
    """Return the approximant of exp(A), for norms up to `_LARGEST_NORM`."""
    odd, even = _pade_parts(A)
    return array_namespace(A).linalg.solve(even - odd, even + odd)


def _squarings(norms: Any) -> Any:
    """Return how many times to halve matrices of these norms; non-finite matrices overflow later."""
    halve = np.isfinite(norms) & (norms > _LARGEST_NORM)
    return np.ceil(np.log2(np.where(halve, norms, _LARGEST_NORM) / _LARGEST_NORM)).astype(int)


def _pade_parts(A: Array) -> tuple[Array, Array]:
    """Return the odd and the even part of the numerator; the denominator is their difference."""
    xp = array_namespace(A)
    identity = xp.eye(A.shape[-1], dtype=A.dtype, device=compat.device(A))
    A2 = A @ A
    A4 = A2 @ A2
    A6 = A4 @ A2

    def half(first: int) -> Array:
        c = _PADE[first::2]
        low = c[0] * identity + c[1] * A2 + c[2] * A4 + c[3] * A6
        return low + A6 @ (c[4] * A2 + c[5] * A4 + c[6] * A6)

    return A @ half(1), half(0)


def integrals(A: Array, B: Array, steps: Array, ramps: int) -> tuple[Array, ...]:
    """Return exp(A dt) and dt phi_j(A dt) B for j = 1, ..., ramps and every dt of an array of steps.

    Shapes (*steps, n, n) and (*steps, n). One exponential of a block matrix per step (Van Loan 1978): the
    input is a constant state, and the ramp a state driven by it. Not finite if it overflows.
    """
    xp, n, shape = array_namespace(A), A.shape[0], tuple(steps.shape)
    dt = steps[..., None, None]
    held = xp.zeros((*shape, n, ramps - 1), dtype=A.dtype, device=compat.device(A))
    top = xp.concat([dt * A, dt * B[:, None], held], axis=-1)
    shift = xp.eye(ramps, n + ramps, k=n + 1, dtype=A.dtype, device=compat.device(A))
    block = xp.concat([top, xp.broadcast_to(shift, (*shape, ramps, n + ramps))], axis=-2)
    result = expm(block) if all_true(xp.isfinite(block)) else block * math.nan
    return (result[..., :n, :n], *(result[..., :n, n + j] for j in range(ramps)))
