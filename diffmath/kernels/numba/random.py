"""Philox4x32-10 uniforms and Box-Muller normals for NumPy arrays, in lanes that LLVM vectorises whole.

The loops over lanes are free of branches and calls: the counter generator in 64-bit integers, logarithm, sine
and cosine by the polynomials of fdlibm [1]_, so that eight (AVX-512) or four (AVX2) blocks go at once.
The inlined scalar functions are also meant for other kernels, which so make the same numbers.

Work is cut over plain threads; the kernels release the interpreter lock.

References
----------
.. [1] Sun Microsystems (1993), fdlibm 5.3: e_log.c, k_sin.c, k_cos.c.
"""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from diffmath.kernels.numba._threads import share_out
from diffmath.kernels.numba._vectors import widest_vectors

__all__ = ["box_muller", "normal_rows", "philox4x32", "uniform_rows", "unit_interval"]

_MASK, _HALF = np.uint64(0xFFFFFFFF), np.uint64(0x7FFFFFFF)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_U0, _U1, _U32, _U52 = np.uint64(0), np.uint64(1), np.uint64(32), np.uint64(52)
_EIGHTH, _QUARTER, _MIDDLE = np.uint64(2**29), np.uint64(2**30), np.uint64(2**31)  # of a turn, 2^32
# Bits of float64: 2^52, the mantissa, sqrt(1/2), and what takes sqrt(1/2) to 1.
_BITS_52, _MANTISSA = np.uint64(0x4330000000000000), np.uint64(0x000FFFFFFFFFFFFF)
_SQRT_HALF = np.uint64(0x3FE6A09E667F3BCD)
_TO_ONE = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_BELOW_ONE = 1.0 - 2.0**-53

_NORMAL_53, _NORMAL_32 = np.uint64(5), np.uint64(6)
_LANES = 128
_SHARE, _BUFFER = 2**17, 2**11  # blocks that are worth a thread, blocks that stay in the cache

Words = npt.NDArray[np.uint64]
Lanes = npt.NDArray[np.float64]

_inline = nb.njit(inline="always", error_model="numpy", fastmath={"contract"})
_compiled = nb.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})


@_inline
def philox4x32(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Return the four words of a block; arguments are uint64 below 2^32."""
    for _ in range(10):
        p0, p1 = (c0 & _MASK) * _M0, (c2 & _MASK) * _M1
        c0, c1, c2, c3 = (p1 >> _U32) ^ c1 ^ k0, p1, (p0 >> _U32) ^ c3 ^ k1, p0
        k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
    return c0 & _MASK, c1 & _MASK, c2 & _MASK, c3 & _MASK


@_inline
def _to_float(word: Any, offset: Any) -> Any:
    # word - offset, exact below 2^52, and two vector instructions also where there is no conversion (AVX2).
    return np.uint64(word | _BITS_52).view(np.float64) - (4503599627370496.0 + offset)


@_inline
def unit_interval(word: Any, low: Any) -> Any:
    """Return the fraction (word + (low + 1/2) / 2^32) / 2^32, rounded once (to 1.0 at most)."""
    return (_to_float(word, 0.0) + _to_float(low, -0.5) * 2.0**-32) * 2.0**-32


@_inline
def _minus_two_log(near: Any, upper: Any) -> Any:
    """Return -2 log(near), or -2 log(1 - near) where `upper`, for near in (0, 1/2]."""
    bits = np.float64(1.0 - near if upper else near).view(np.uint64) + _TO_ONE
    # The argument is 2^k (1 + f) with 1 + f from sqrt(1/2) to sqrt(2).
    k = _to_float(bits >> _U52, 1023.0)
    f = np.uint64((bits & _MANTISSA) + _SQRT_HALF).view(np.float64) - 1.0
    f = -near if (upper and k == 0.0) else f
    s = f / (2.0 + f)
    z = s * s
    # log(1 + f) = s (2 + R(s^2)), a minimax R.
    p = 1.818357216161805012e-01 + z * (1.531383769920937332e-01 + z * 1.479819860511658591e-01)
    p = 3.999999999940941908e-01 + z * (2.857142874366239149e-01 + z * (2.222219843214978396e-01 + z * p))
    return s * (-4.0 - z * (2.0 * 6.666666666666735130e-01 + z * (2.0 * p))) - k * (2.0 * math.log(2.0))


@_inline
def _sin_cos(x: Any) -> Any:
    """Return sine and cosine of an angle within pi/4."""
    z = x * x
    p = 2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)
    p = z * (
        -1.66666666666666324348e-01
        + z * (8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * p))
    )
    q = -2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)
    q = 4.16666666666666019037e-02 + z * (
        -1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 + z * q)
    )
    return x + x * p, 1.0 + z * (-0.5 + z * q)


@_inline
def box_muller(radius: Any, radius_low: Any, angle: Any, angle_low: Any) -> Any:
    """Turn four 32-bit words into two normals; a low word of 2^31 stands for "no further bits"."""
    upper = radius > _HALF
    flip = _MASK if upper else _U0
    r = math.sqrt(_minus_two_log(unit_interval(radius ^ flip, radius_low ^ flip), upper))
    turned = angle + _EIGHTH  # bits 30 and 31 count the quarter turns, the rest is the angle from their axis
    v = _to_float(turned & (_QUARTER - _U1), 536870912.0) + _to_float(angle_low, -0.5) * 2.0**-32
    sine, cosine = _sin_cos(v * (math.pi / 2.0**31))
    odd = (turned & _QUARTER) != _U0
    x, y = (sine, cosine) if odd else (cosine, sine)
    x = -x if ((turned + _QUARTER) & _MIDDLE) != _U0 else x
    y = -y if (turned & _MIDDLE) != _U0 else y
    return r * x, r * y


@intrinsic
def _prefetch_for_write(typing_context: Any, values: Any, index: Any) -> Any:
    """Ask for the cache line of `values.ravel()[index]`, which may lie beyond the end, to be written soon."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        line = builder.bitcast(builder.gep(array.data, [arguments[1]]), byte)
        function = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], function)
        builder.call(prefetch, [line, flag(1), flag(3), flag(1)])  # to write, keep near, data
        return context.get_dummy_value()

    return types.none(values, index), codegen


# Each loop makes values and, next to them, the words that come next: independent chains, so that the divider
# works on logarithms and roots while the integer ports work on the generator. Word j of lane i is at
# j * _LANES + i, value j of a block at per_block * i + j, in the order of the result.
@_compiled
def _make_words(rows: Words, blocks: Words, stream: Any, k0: Any, k1: Any, words: Words) -> None:
    widest_vectors()
    for i in range(_LANES):
        a, b, c, d = philox4x32(rows[i] & _MASK, rows[i] >> _U32, blocks[i], stream, k0, k1)
        words[i], words[_LANES + i], words[2 * _LANES + i], words[3 * _LANES + i] = a, b, c, d


@_compiled
def _make_uniforms(
    words: Words, out: Lanes, rows: Words, blocks: Words, stream: Any, k0: Any, k1: Any, following: Words
) -> None:
    widest_vectors()
    for i in range(_LANES):
        a, b, c, d = philox4x32(rows[i] & _MASK, rows[i] >> _U32, blocks[i], stream, k0, k1)
        following[i], following[_LANES + i], following[2 * _LANES + i], following[3 * _LANES + i] = a, b, c, d
        out[2 * i] = min(unit_interval(words[i], words[_LANES + i]), _BELOW_ONE)
        out[2 * i + 1] = min(unit_interval(words[2 * _LANES + i], words[3 * _LANES + i]), _BELOW_ONE)


@_compiled
def _make_normals_53(
    words: Words, out: Lanes, rows: Words, blocks: Words, stream: Any, k0: Any, k1: Any, following: Words
) -> None:
    widest_vectors()
    for i in range(_LANES):
        a, b, c, d = philox4x32(rows[i] & _MASK, rows[i] >> _U32, blocks[i], stream, k0, k1)
        following[i], following[_LANES + i], following[2 * _LANES + i], following[3 * _LANES + i] = a, b, c, d
        x, y = box_muller(words[i], words[_LANES + i], words[2 * _LANES + i], words[3 * _LANES + i])
        out[2 * i], out[2 * i + 1] = x, y


@_compiled
def _make_normals_32(
    words: Words, out: Lanes, rows: Words, blocks: Words, stream: Any, k0: Any, k1: Any, following: Words
) -> None:
    widest_vectors()
    for i in range(_LANES):
        a, b, c, d = philox4x32(rows[i] & _MASK, rows[i] >> _U32, blocks[i], stream, k0, k1)
        following[i], following[_LANES + i], following[2 * _LANES + i], following[3 * _LANES + i] = a, b, c, d
        x, y = box_muller(words[i], _MIDDLE, words[_LANES + i], _MIDDLE)
        z, w = box_muller(words[2 * _LANES + i], _MIDDLE, words[3 * _LANES + i], _MIDDLE)
        out[4 * i], out[4 * i + 1], out[4 * i + 2], out[4 * i + 3] = x, y, z, w


@_compiled
def _set_counters(first: int, blocks: int, start: Any, rows: Words, columns: Words) -> None:
    """Write row and column block of the lanes first, first + 1, ... of an array of `blocks` blocks a row."""
    row, block = start + np.uint64(first // blocks), np.uint64(first % blocks)
    if block + np.uint64(_LANES) <= np.uint64(blocks):
        for i in range(_LANES):
            rows[i] = row
            columns[i] = block + np.uint64(i)
        return
    if blocks == 1:
        for i in range(_LANES):
            rows[i] = row + np.uint64(i)
            columns[i] = _U0
        return
    for i in range(_LANES):
        rows[i] = row
        columns[i] = block
        block += _U1
        if block == np.uint64(blocks):
            row, block = row + _U1, _U0


@_compiled
def _fill(out: Any, start: Any, k0: Any, k1: Any, stream: Any, first: int, last: int) -> None:
    """Fill blocks first to last of `out`, whose rows, of whole blocks, begin with row `start`."""
    per_block = 4 if stream == _NORMAL_32 else 2
    blocks = out.shape[1] // per_block
    width, line = per_block * _LANES, 64 // out.itemsize  # values made at once, values in a cache line
    rows, columns = np.empty(_LANES, np.uint64), np.empty(_LANES, np.uint64)
    words, following = np.empty(4 * _LANES, np.uint64), np.empty(4 * _LANES, np.uint64)
    flat, scratch = out.reshape(-1), np.empty(width, out.dtype)
    _set_counters(first, blocks, start, rows, columns)
    _make_words(rows, columns, stream, k0, k1, words)
    for lane in range(first, last, _LANES):
        target = flat[per_block * lane : per_block * lane + width] if lane + _LANES <= last else scratch
        for i in range(per_block * lane + width, per_block * lane + 2 * width, line):
            _prefetch_for_write(out, i)
        _set_counters(lane + _LANES, blocks, start, rows, columns)
        if stream == _NORMAL_53:
            _make_normals_53(words, target, rows, columns, stream, k0, k1, following)
        elif stream == _NORMAL_32:
            _make_normals_32(words, target, rows, columns, stream, k0, k1, following)
        else:
            _make_uniforms(words, target, rows, columns, stream, k0, k1, following)
        if lane + _LANES > last:
            flat[per_block * lane : per_block * last] = scratch[: per_block * (last - lane)]
        words, following = following, words


@_compiled
def _fill_part(out: Any, start: Any, k0: Any, k1: Any, stream: Any, first: int, last: int) -> None:
    """Fill rows first to last of `out`, whose last block is not used whole: by way of rows that are."""
    per_block, columns = 4 if stream == _NORMAL_32 else 2, out.shape[1]
    blocks = -(-columns // per_block)
    room = np.empty((max(1, _BUFFER // blocks), per_block * blocks), out.dtype)
    for row in range(first, last, len(room)):
        count = min(len(room), last - row)
        _fill(room, start + np.uint64(row), k0, k1, stream, 0, count * blocks)
        for i in range(count):
            for j in range(columns):
                out[row + i, j] = room[i, j]


def normal_rows(like: Any, key: tuple[int, int], rows: tuple[int, int], columns: int, stream: int) -> Any:
    """Return some rows of a stream; the twin of normal_rows and of uniform_rows."""
    start, stop = rows
    out = np.empty((stop - start, columns), like.dtype)
    per_block = 4 if stream == _NORMAL_32 else 2
    blocks = -(-columns // per_block)
    whole = columns == per_block * blocks
    unit = 1 if whole else blocks  # of work: a block, or a row
    total, share = (stop - start) * blocks // unit, max(_LANES, _SHARE // unit)
    arguments = (out, np.uint64(start), np.uint64(key[0]), np.uint64(key[1]), np.uint64(stream))

    def fill(first: int) -> None:
        (_fill if whole else _fill_part)(*arguments, first, min(first + share, total))

    share_out(fill, range(0, total, share))
    return out


uniform_rows = normal_rows
