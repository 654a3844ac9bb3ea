"""A cut through a node of a Brownian motion: all levels of a few values at a time, which stay in cache."""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from diffmath._host_sharing import aligned_empty
from diffmath.kernels.numba._normals_single import next_normals_53
from diffmath.kernels.numba._threads import share_out, shares_of
from diffmath.kernels.numba._words import LANES, make_words, philox4x32, set_counters

__all__ = ["cut_increment"]

LEAF_BITS = 16  # of a place inside a leaf, as in the body

_MASK, _U0, _U32 = np.uint64(0xFFFFFFFF), np.uint64(0), np.uint64(32)
_FOLD_NUMBER, _NORMAL_53 = np.uint64(1), np.uint64(5)
_WIDTH = 2 * LANES  # values at once
_WORTH = 2**13  # blocks of normals that are worth a thread

Keys = npt.NDArray[np.uint64]

# Nothing is contracted here: products are rounded before they are added, as in the body.
_compiled = nb.njit(nogil=True, cache=True, error_model="numpy")


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _fold_in(key: Any, number: Any, into: Any) -> None:
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    a, b, _, _ = philox4x32(number & _MASK, number >> _U32, _U0, _FOLD_NUMBER, k0, k1)
    into[0], into[1] = a, b


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _halve(x: Any, z: Any, noise: Any, side: int, passed: Any, level: int) -> None:
    """Leave one half in `x`, the other, which is passed by, in a row of `passed`."""
    half, kick = x.dtype.type(0.5), noise if side == 1 else -noise
    for i in range(_WIDTH):
        share, moved = half * x[i], kick * z[i]
        passed[level, i], x[i] = share + moved, share - moved


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _add(x: Any, passed: Any, level: int) -> None:
    for i in range(_WIDTH):
        x[i] += passed[level, i]


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _plan(W: Any, cell: Any, leaf: Any, node: Any, depth: int, place: Any, h: float) -> Any:
    """Return keys, sides and noise of the halvings above a place; key, noise and shares of the division."""
    keys, sides = np.empty((depth + 1, 2), np.uint64), np.empty(depth, np.int64)
    shares, noise = np.full(2, W.dtype.type(0.5)), np.empty(depth + 1, W.dtype)
    node, place = np.uint64(node), np.uint64(place)
    level, half, r = 0, np.uint64(1) << np.uint64(depth + LEAF_BITS - 1), 0.5
    while level < depth:
        _fold_in(cell, node, keys[level])
        noise[level] = math.sqrt(h) * 0.5
        if place == half:
            break
        sides[level] = place > half
        place -= half if place > half else _U0
        node = np.uint64(2) * node + np.uint64(sides[level])
        half, h, level = half >> np.uint64(1), 0.5 * h, level + 1
    if level == depth:
        _fold_in(leaf, node, keys[level])
        _fold_in((keys[level, 0], keys[level, 1]), place, keys[level])
        r = place / np.float64(np.uint64(1) << np.uint64(LEAF_BITS))
        small = min(r, 1.0 - r)
        noise[level] = math.sqrt(h) * math.sqrt(small - small * small)
        shares[0], shares[1] = r, 1.0 - r
    return keys[: level + 1], sides[:level], shares, noise


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _cut(
    W: Any, left: Any, right: Any, columns: int, cell: Any, leaf: Any, node: Any, depth: int, place: Any,
    h: float, start: Any, first: int, last: int, room: Any,
) -> None:  # fmt: skip
    """Cut blocks first to last: halve towards the place, divide what is left, and add up from there.

    W, left and right are flat, of rows of `columns`, an even number.
    """
    keys, sides, shares, noise = _plan(W, cell, leaf, node, depth, place, h)
    levels, blocks = len(sides), columns // 2
    rows, numbers = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    words, following = room[0], room[1]
    z, x, y = np.empty(_WIDTH, W.dtype), np.zeros(_WIDTH, W.dtype), np.empty(_WIDTH, W.dtype)
    passed = np.empty((levels, _WIDTH), W.dtype)
    set_counters(first, blocks, start, rows, numbers)
    make_words(rows, numbers, _NORMAL_53, keys[0, 0], keys[0, 1], words)
    for lane in range(first, last, LANES):
        begin, count = 2 * lane, min(_WIDTH, 2 * (last - lane))
        for i in range(count):
            x[i] = W[begin + i]
        for level in range(levels):
            k0, k1 = keys[level + 1, 0], keys[level + 1, 1]
            next_normals_53(words, z, rows, numbers, _NORMAL_53, k0, k1, following)
            words, following = following, words
            _halve(x, z, noise[level], sides[level], passed, level)
        set_counters(lane + LANES, blocks, start, rows, numbers)
        next_normals_53(words, z, rows, numbers, _NORMAL_53, keys[0, 0], keys[0, 1], following)
        words, following = following, words
        p, q, kick = shares[0], shares[1], noise[levels]
        for i in range(_WIDTH):
            moved, whole = kick * z[i], x[i]
            x[i], y[i] = p * whole + moved, q * whole - moved
        for level in range(levels - 1, -1, -1):
            _add(x if sides[level] == 1 else y, passed, level)
        for i in range(count):
            left[begin + i], right[begin + i] = x[i], y[i]


def cut_increment(
    W: Any, cell: tuple[int, int], leaf: tuple[int, int], node: int, depth: int, place: int, h: float,
    first_row: int,
) -> tuple[Any, Any]:  # fmt: skip
    """Twin of `diffmath.sde._cut.cut_increment`."""
    flat = W.reshape(W.shape[0], -1)
    rows, columns = flat.shape
    even = columns + columns % 2
    if even > columns:  # blocks of normals are pairs
        flat = np.zeros((rows, even), dtype=W.dtype)
        flat[:, :columns] = W.reshape(rows, columns)
    left, right = aligned_empty((rows, even), W.dtype), aligned_empty((rows, even), W.dtype)
    arrays = flat.reshape(-1), left.reshape(-1), right.reshape(-1)
    words, start = np.uint32 if W.dtype == np.float32 else np.uint64, np.uint64(first_row)

    def work(bounds: tuple[int, int]) -> None:
        room = np.empty((2, 4 * LANES), words)
        _cut(*arrays, even, cell, leaf, node, depth, place, h, start, *bounds, room)

    share_out(work, shares_of(rows * even // 2, LANES, _WORTH // (depth + 1)))
    if even > columns:
        left, right = left[:, :columns].copy(), right[:, :columns].copy()
    return left.reshape(W.shape), right.reshape(W.shape)
