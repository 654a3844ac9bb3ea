"""From words to Box-Muller normals in single precision, sixteen lanes (AVX-512) or eight (AVX2) at once.

The words and the formula are the same as in double precision: the numbers agree up to rounding in float32.
Radii are measured from the nearer end of (0, 1) and angles from the nearest axis, so that tails and small
numbers keep their relative accuracy. The polynomials are those of fdlibm and Cephes [1]_ [2]_.

References
----------
.. [1] Sun Microsystems (1993), fdlibm 5.3: e_logf.c.
.. [2] Moshier (1989), Methods and programs for mathematical functions: sinf.c.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import int32
from numba.core import types
from numba.extending import overload

from diffmath.kernels.numba._normals import make_normals_32, make_normals_53
from diffmath.kernels.numba._vectors import widest_vectors
from diffmath.kernels.numba._words import LANES, compiled, inlined, make_words

__all__ = ["next_normals_32", "next_normals_53"]

_f, _u = np.float32, np.uint32

_ALL, _HALF = _u(0xFFFFFFFF), _u(0x7FFFFFFF)
_0, _23 = _u(0), _u(23)
_EIGHTH, _QUARTER, _MIDDLE = _u(2**29), _u(2**30), _u(2**31)  # of a turn, 2^32
# Bits of float32: the mantissa, sqrt(1/2), and the difference from sqrt(1/2) to 1.
_MANTISSA, _SQRT_HALF, _TO_ONE = _u(0x007FFFFF), _u(0x3F3504F3), _u(0x3F800000 - 0x3F3504F3)


@inlined
def _fraction(low: Any) -> Any:
    return (_f(low) + _f(0.5)) * _f(2.0**-32)


@inlined
def _minus_two_log(near: Any, upper: Any) -> Any:
    """Return -2 log(near), or -2 log(1 - near) where `upper`, for near in (0, 1/2]."""
    bits = _u(_f(_f(1.0) - near if upper else near).view(np.uint32) + _TO_ONE)
    k = _f(int32(bits >> _23)) - _f(127.0)
    f = _u((bits & _MANTISSA) + _SQRT_HALF).view(np.float32) - _f(1.0)
    f = -near if (upper and k == _f(0.0)) else f
    s = f / (_f(2.0) + f)
    z = s * s
    p = _f(0.40000972152) + z * (_f(0.28498786688) + z * _f(0.24279078841))
    p = _f(0.66666662693) + z * p
    return s * (_f(-4.0) - z * (_f(2.0) * p)) - k * _f(2.0 * math.log(2.0))


@inlined
def _sin_cos(x: Any) -> Any:
    """Return sine and cosine of an angle within pi/4."""
    z = x * x
    p = _f(8.3321608736e-3) + z * _f(-1.9515295891e-4)
    p = z * (_f(-1.6666654611e-1) + z * p)
    q = _f(-1.388731625493765e-3) + z * _f(2.443315711809948e-5)
    q = _f(-0.5) + z * (_f(4.166664568298827e-2) + z * q)
    return x + x * p, _f(1.0) + z * q


@inlined
def _signed(x: Any, sign: Any) -> Any:
    return _u(_f(x).view(np.uint32) ^ sign).view(np.float32)


@inlined
def _box_muller(radius: Any, radius_low: Any, angle: Any, angle_low: Any) -> Any:
    """Turn four 32-bit words into two normals; a low word of 2^31 means "no further bits"."""
    upper = radius > _HALF
    flip = _ALL if upper else _0
    # A word below 2^31 is converted as a signed integer, which takes one instruction on every CPU.
    near = (_f(int32(radius ^ flip)) + _fraction(radius_low ^ flip)) * _f(2.0**-32)
    r = math.sqrt(_minus_two_log(near, upper))
    turned = _u(
        angle + _EIGHTH
    )  # bits 30 and 31 count the quarter turns, the rest is the angle from their axis
    v = _f(int32(int32(turned & _u(2**30 - 1)) - int32(2**29))) + _fraction(angle_low)
    sine, cosine = _sin_cos(v * _f(math.pi / 2.0**31))
    odd = (turned & _QUARTER) != _0
    x, y = (sine, cosine) if odd else (cosine, sine)
    return _signed(r * x, _u(turned + _QUARTER) & _MIDDLE), _signed(r * y, turned & _MIDDLE)


@compiled
def _make_53(words: Any, out: Any) -> None:
    widest_vectors()
    for i in range(LANES):
        x, y = _box_muller(words[i], words[LANES + i], words[2 * LANES + i], words[3 * LANES + i])
        out[2 * i], out[2 * i + 1] = x, y


@compiled
def _make_32(words: Any, out: Any) -> None:
    widest_vectors()
    for i in range(LANES):
        x, y = _box_muller(words[i], _MIDDLE, words[LANES + i], _MIDDLE)
        z, w = _box_muller(words[2 * LANES + i], _MIDDLE, words[3 * LANES + i], _MIDDLE)
        out[4 * i], out[4 * i + 1], out[4 * i + 2], out[4 * i + 3] = x, y, z, w


def next_normals_53(
    words: Any, out: Any, rows: Any, blocks: Any, stream: Any, k0: Any, k1: Any, following: Any
) -> None:
    """Turn words into 53-bit normals in `out`, and make the next words; uint32 words give float32."""


def next_normals_32(
    words: Any, out: Any, rows: Any, blocks: Any, stream: Any, k0: Any, k1: Any, following: Any
) -> None:
    """Do the same for 32-bit normals."""


def _together_53(
    words: Any, out: Any, rows: Any, blocks: Any, stream: Any, k0: Any, k1: Any, following: Any
) -> None:
    make_normals_53(words, out, rows, blocks, stream, k0, k1, following)


def _together_32(
    words: Any, out: Any, rows: Any, blocks: Any, stream: Any, k0: Any, k1: Any, following: Any
) -> None:
    make_normals_32(words, out, rows, blocks, stream, k0, k1, following)


# In single precision one loop for both is slower: it mixes lanes of two widths.
def _separate_53(
    words: Any, out: Any, rows: Any, blocks: Any, stream: Any, k0: Any, k1: Any, following: Any
) -> None:
    _make_53(words, out)
    make_words(rows, blocks, stream, k0, k1, following)


def _separate_32(
    words: Any, out: Any, rows: Any, blocks: Any, stream: Any, k0: Any, k1: Any, following: Any
) -> None:
    _make_32(words, out)
    make_words(rows, blocks, stream, k0, k1, following)


def _by_precision(together: Any, separate: Any) -> Any:
    """Return the typing of a function that is `together` for words in uint64, and `separate` for uint32.

    Machine code on disk is linked by names: of the function, of its arguments, and a number that counts the
    functions of a process. Two inner functions of one name and one signature, compiled by two processes, may
    take the same number; then one is called for the other. Their names must differ.
    """

    def choose(
        words: Any, out: Any, rows: Any, blocks: Any, stream: Any, k0: Any, k1: Any, following: Any
    ) -> Any:
        return separate if words.dtype == types.uint32 else together

    return choose


overload(next_normals_53)(_by_precision(_together_53, _separate_53))
overload(next_normals_32)(_by_precision(_together_32, _separate_32))
