"""Philox4x32-10 uniforms and Box-Muller normals for NumPy arrays, in lanes that LLVM vectorises completely.

The work is split over plain threads; the kernels release the interpreter lock.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from diffmath._arrays.host_sharing import aligned_empty
from diffmath.kernels.numba._normals import make_uniforms
from diffmath.kernels.numba._normals_single import next_normals_32, next_normals_53
from diffmath.kernels.numba._threads import share_out
from diffmath.kernels.numba._words import (
    LANES,
    compiled,
    make_words,
    make_words_of_keys,
    philox4x32,
    set_counters,
)

__all__ = ["folded_words", "normal_rows", "rows_of_keys", "uniform_rows"]

_FOLD_NUMBER, _UNIFORM, _NORMAL_53, _NORMAL_32 = (np.uint64(n) for n in (1, 4, 5, 6))
_SHARE, _BUFFER = 2**15, 2**11  # blocks that justify a thread, blocks that fit in the cache


@intrinsic
def _prefetch_for_write(typing_context: Any, values: Any, index: Any) -> Any:
    """Prefetch the cache line of `values.ravel()[index]` for writing; it may lie beyond the end."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        line = builder.bitcast(builder.gep(array.data, [arguments[1]]), byte)
        function = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], function)
        builder.call(prefetch, [line, flag(1), flag(3), flag(1)])  # to write, keep near, data
        return context.get_dummy_value()

    return types.none(values, index), codegen


@compiled
def _fill(out: Any, start: Any, k0: Any, k1: Any, stream: Any, first: int, last: int, room: Any) -> None:
    """Fill blocks first to last of `out`; its rows consist of whole blocks and begin with row `start`.

    `room` is a buffer for words, (2, 4 * LANES): uint64, or uint32 for normals in single precision.
    """
    per_block = 4 if stream == _NORMAL_32 else 2
    blocks = out.shape[1] // per_block
    width, line = per_block * LANES, 64 // out.itemsize  # values per pass, values in a cache line
    rows, columns = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    words, following = room[0], room[1]
    flat, scratch = out.reshape(-1), np.empty(width, out.dtype)
    set_counters(first, blocks, start, rows, columns)
    make_words(rows, columns, stream, k0, k1, words)
    for lane in range(first, last, LANES):
        target = flat[per_block * lane : per_block * lane + width] if lane + LANES <= last else scratch
        for i in range(per_block * lane + width, per_block * lane + 2 * width, line):
            _prefetch_for_write(out, i)
        set_counters(lane + LANES, blocks, start, rows, columns)
        if stream == _NORMAL_53:
            next_normals_53(words, target, rows, columns, stream, k0, k1, following)
        elif stream == _NORMAL_32:
            next_normals_32(words, target, rows, columns, stream, k0, k1, following)
        else:
            make_uniforms(words, target, rows, columns, stream, k0, k1, following)
        if lane + LANES > last:
            flat[per_block * lane : per_block * last] = scratch[: per_block * (last - lane)]
        words, following = following, words


@compiled
def _fill_part(out: Any, start: Any, k0: Any, k1: Any, stream: Any, first: int, last: int, room: Any) -> None:
    """Fill rows first to last of `out`, whose last block is partly used, through rows of whole blocks."""
    per_block, columns = 4 if stream == _NORMAL_32 else 2, out.shape[1]
    blocks = -(-columns // per_block)
    whole = np.empty((max(1, _BUFFER // blocks), per_block * blocks), out.dtype)
    for row in range(first, last, len(whole)):
        count = min(len(whole), last - row)
        _fill(whole, start + np.uint64(row), k0, k1, stream, 0, count * blocks, room)
        for i in range(count):
            for j in range(columns):
                out[row + i, j] = whole[i, j]


def normal_rows(like: Any, key: tuple[int, int], rows: tuple[int, int], columns: int, stream: int) -> Any:
    """Return some rows of a stream; the counterpart of normal_rows and uniform_rows."""
    start, stop = rows
    out = aligned_empty((stop - start, columns), like.dtype)
    number = np.uint64(int(stream))  # comparison with an enumeration is slow
    per_block = 4 if number == _NORMAL_32 else 2
    blocks = -(-columns // per_block)
    whole = columns == per_block * blocks
    unit = 1 if whole else blocks  # unit of work: a block, or a row
    total, share = (stop - start) * blocks // unit, max(LANES, _SHARE // unit)
    arguments = (out, np.uint64(start), np.uint64(key[0]), np.uint64(key[1]), number)
    single = like.dtype == np.float32 and number != _UNIFORM

    def fill(first: int) -> None:
        room = np.empty((2, 4 * LANES), np.uint32 if single else np.uint64)
        (_fill if whole else _fill_part)(*arguments, first, min(first + share, total), room)

    share_out(fill, range(0, total, share))
    return out


uniform_rows = normal_rows


@compiled
def _fill_of_keys(out: Any, start: Any, blocks: int, keys: Any, stream: Any, room: Any) -> None:
    """Fill `out`, (keys, rows, whole blocks), in lanes that continue from key to key."""
    per_block = 4 if stream == _NORMAL_32 else 2
    rows, columns = np.zeros(LANES, np.uint64), np.zeros(LANES, np.uint64)
    k0, k1 = np.zeros(LANES, np.uint64), np.zeros(LANES, np.uint64)
    flat, scratch = out.reshape(-1), np.empty(per_block * LANES, out.dtype)
    n, row, block, total = 0, 0, 0, out.shape[0] * out.shape[1] * blocks
    for lane in range(0, total, LANES):
        last = min(lane + LANES, total)
        for j in range(last - lane):
            rows[j], columns[j] = start + np.uint64(row), np.uint64(block)
            k0[j], k1[j] = np.uint64(keys[n, 0]), np.uint64(keys[n, 1])
            block += 1
            if block == blocks:
                block, row = 0, row + 1
                if row == out.shape[1]:
                    row, n = 0, n + 1
        make_words_of_keys(rows, columns, stream, k0, k1, room[0])
        # The next words are not used.
        if stream == _NORMAL_53:
            next_normals_53(room[0], scratch, rows, columns, stream, k0[0], k1[0], room[1])
        elif stream == _NORMAL_32:
            next_normals_32(room[0], scratch, rows, columns, stream, k0[0], k1[0], room[1])
        else:
            make_uniforms(room[0], scratch, rows, columns, stream, k0[0], k1[0], room[1])
        flat[per_block * lane : per_block * last] = scratch[: per_block * (last - lane)]


def rows_of_keys(like: Any, keys: Any, rows: tuple[int, int], columns: int, stream: int) -> Any:
    """Return some rows of the streams of many keys, on one thread."""
    number = np.uint64(int(stream))
    per_block = 4 if number == _NORMAL_32 else 2
    blocks = -(-columns // per_block)
    out = np.empty((len(keys), rows[1] - rows[0], blocks * per_block), like.dtype)
    single = like.dtype == np.float32 and number != _UNIFORM
    room = np.empty((2, 4 * LANES), np.uint32 if single else np.uint64)
    _fill_of_keys(out, np.uint64(rows[0]), blocks, keys, number, room)
    return out[:, :, :columns]


@compiled
def _fold(words: Any, numbers: Any) -> None:
    mask, shift, zero = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(0)
    for i in range(len(numbers)):
        k0, k1 = np.uint64(words[i, 0]), np.uint64(words[i, 1])
        for j in range(numbers.shape[1]):
            number = np.uint64(numbers[i, j])
            k0, k1, _, _ = philox4x32(number & mask, number >> shift, zero, _FOLD_NUMBER, k0, k1)
        words[i, 0], words[i, 1] = k0, k1


def folded_words(key: tuple[int, int], numbers: Any) -> Any:
    """Return the words of the keys into which the rows of numbers are folded."""
    words = np.empty((len(numbers), 2), np.int64)
    words[:] = key
    _fold(words, numbers)
    return words
