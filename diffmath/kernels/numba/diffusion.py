"""Linear combinations: blocks that stay in the nearest cache, so that memory is passed over once.

No fused multiplications and no other order of the sums: the numbers are those of the array code, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from diffmath._arrays.host_sharing import aligned_empty
from diffmath.kernels.numba._cache import compiled_by
from diffmath.kernels.numba._threads import share_out, shares_of

__all__ = ["combine", "combine_checked", "combine_nested"]

_BLOCK, _WORTH = 2**11, 2**16  # numbers that stay in the cache with their summands; that justify a thread


@numba.njit(error_model="numpy")
def _scale(out: Any, factor: Any, values: Any) -> None:
    for i in range(out.size):
        out[i] = factor * values[i]


@numba.njit(error_model="numpy")
def _scale_and_add(out: Any, factor: Any, values: Any, other: Any, more: Any) -> None:
    for i in range(out.size):
        out[i] = factor * values[i] + other * more[i]


@numba.njit(error_model="numpy")
def _add(out: Any, factor: Any, values: Any) -> None:
    for i in range(out.size):
        out[i] = out[i] + factor * values[i]


@numba.njit(error_model="numpy")
def _count_nonfinite(values: Any) -> Any:
    count = np.uint32(0)
    for i in range(values.size):
        rest = values[i] - values[i]  # 0, or NaN
        count += np.uint32(rest != rest)
    return count


@compiled_by(nogil=True, error_model="numpy")
def _combine(out: Any, factors: Any, arrays: Any, first: int, last: int, checks: bool) -> bool:
    """Write the combination into ``out[first:last]``; return whether it is finite, if it `checks`."""
    kind, finite = out.dtype.type, True
    for start in range(first, last, _BLOCK):
        stop = min(start + _BLOCK, last)
        part = out[start:stop]
        if len(arrays) > 1:
            one, two = arrays[0], arrays[1 % len(arrays)]
            _scale_and_add(part, kind(factors[0]), one[start:stop], kind(factors[1]), two[start:stop])
        else:
            _scale(part, kind(factors[0]), arrays[0][start:stop])
        for j in range(2, len(arrays)):
            _add(part, kind(factors[j]), arrays[j][start:stop])
        if checks and _count_nonfinite(part):
            finite = False
    return finite


@compiled_by(nogil=True, error_model="numpy")
def _nest(out: Any, inner: Any, pair: Any, factors: Any, arrays: Any, first: int, last: int) -> bool:
    """Write a share of both combinations; return whether the outer one is finite."""
    kind, finite = out.dtype.type, True
    for start in range(first, last, _BLOCK):
        stop = min(start + _BLOCK, last)
        part, between, x = out[start:stop], inner[start:stop], arrays[0][start:stop]
        _scale_and_add(between, kind(pair[0]), x, kind(pair[1]), arrays[1][start:stop])
        _scale_and_add(part, kind(factors[0]), x, kind(factors[1]), between)
        for j in range(2, len(arrays)):
            _add(part, kind(factors[j]), arrays[j][start:stop])
        if _count_nonfinite(part):
            finite = False
    return finite


def combine(factors: tuple[float, ...], *arrays: Any) -> Any:
    """Twin of `diffmath.diffusion._process.combination.combine`."""
    return _combined(factors, arrays, False)[0]


def combine_checked(factors: tuple[float, ...], *arrays: Any) -> tuple[Any, bool]:
    """Twin of `diffmath.diffusion._process.combination.combine_checked`."""
    return _combined(factors, arrays, True)


def combine_nested(
    pair: tuple[float, float], factors: tuple[float, ...], x: Any, y: Any, *others: Any
) -> tuple[Any, Any, bool]:
    """Twin of `diffmath.diffusion._process.combination.combine_nested`."""
    inner, out = aligned_empty(x.shape, x.dtype), aligned_empty(x.shape, x.dtype)
    flat = out.reshape(-1), inner.reshape(-1)
    numbers, lines = (np.array(pair), np.array(factors)), _lines((x, y, *others))
    return inner, out, _in_shares(lambda share: _nest(*flat, *numbers, lines, *share), out.size)


def _combined(factors: tuple[float, ...], arrays: tuple[Any, ...], checks: bool) -> tuple[Any, bool]:
    out = aligned_empty(arrays[0].shape, arrays[0].dtype)
    flat, numbers, lines = out.reshape(-1), np.array(factors), _lines(arrays)
    return out, _in_shares(lambda share: _combine(flat, numbers, lines, *share, checks), out.size)


def _in_shares(work: Callable[[tuple[int, int]], bool], size: int) -> bool:
    """Call `work` on all shares of `size` numbers; return whether it is true of all."""
    answers: list[bool] = []
    share_out(lambda share: answers.append(work(share)), shares_of(size, _BLOCK, _WORTH))
    return all(answers)


def _lines(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arrays in one axis, not to be written to: so all have one type."""
    lines = tuple(values.reshape(-1)[:] for values in arrays)
    for line in lines:
        line.flags.writeable = False
    return lines
