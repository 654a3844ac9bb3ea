"""The counter generator Philox4x32-10 in lanes: blocks of four 32-bit words, numbered by row and column."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from diffmath.kernels.numba._cache import compiled_by
from diffmath.kernels.numba._vectors import widest_vectors

__all__ = [
    "LANES", "Words", "compiled", "inlined", "make_words", "make_words_of_keys", "philox4x32", "set_counters",
]  # fmt: skip

_MASK = np.uint64(0xFFFFFFFF)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_U0, _U1, _U32 = np.uint64(0), np.uint64(1), np.uint64(32)

LANES = 128  # blocks at once

Words = npt.NDArray[np.uint64]

inlined = nb.njit(inline="always", error_model="numpy", fastmath={"contract"})
compiled = compiled_by(nogil=True, error_model="numpy", fastmath={"contract"})


@inlined
def philox4x32(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Return the four words of a block; arguments are uint64 below 2^32."""
    for _ in range(10):
        p0, p1 = (c0 & _MASK) * _M0, (c2 & _MASK) * _M1
        c0, c1, c2, c3 = (p1 >> _U32) ^ c1 ^ k0, p1, (p0 >> _U32) ^ c3 ^ k1, p0
        k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
    return c0 & _MASK, c1 & _MASK, c2 & _MASK, c3 & _MASK


@compiled
def set_counters(first: int, blocks: int, start: Any, rows: Words, columns: Words) -> None:
    """Write rows and column blocks of lanes first, first + 1, ... of an array of `blocks` blocks per row."""
    row, block = start + np.uint64(first // blocks), np.uint64(first % blocks)
    if block + np.uint64(LANES) <= np.uint64(blocks):
        for i in range(LANES):
            rows[i] = row
            columns[i] = block + np.uint64(i)
        return
    if blocks == 1:
        for i in range(LANES):
            rows[i] = row + np.uint64(i)
            columns[i] = _U0
        return
    for i in range(LANES):
        rows[i] = row
        columns[i] = block
        block += _U1
        if block == np.uint64(blocks):
            row, block = row + _U1, _U0


@compiled
def make_words(rows: Words, blocks: Words, stream: Any, k0: Any, k1: Any, words: Any) -> None:
    """Fill `words`, uint64 or uint32: word j of lane i is at j * LANES + i."""
    widest_vectors()
    for i in range(LANES):
        a, b, c, d = philox4x32(rows[i] & _MASK, rows[i] >> _U32, blocks[i], stream, k0, k1)
        words[i], words[LANES + i], words[2 * LANES + i], words[3 * LANES + i] = a, b, c, d


@compiled
def make_words_of_keys(rows: Words, blocks: Words, stream: Any, k0: Words, k1: Words, words: Any) -> None:
    """Like `make_words`, with a separate key for each lane."""
    widest_vectors()
    for i in range(LANES):
        a, b, c, d = philox4x32(rows[i] & _MASK, rows[i] >> _U32, blocks[i], stream, k0[i], k1[i])
        words[i], words[LANES + i], words[2 * LANES + i], words[3 * LANES + i] = a, b, c, d
