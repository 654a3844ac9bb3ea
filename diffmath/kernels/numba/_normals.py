"""From words to numbers in double precision: uniforms and Box-Muller normals, in lanes.

The loops over lanes contain no branches and no calls: logarithm, sine and cosine are the polynomials of
fdlibm [1]_, so that eight (AVX-512) or four (AVX2) blocks are computed at once.

References
----------
.. [1] Sun Microsystems (1993), fdlibm 5.3: e_log.c, k_sin.c, k_cos.c.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath.kernels.numba._vectors import widest_vectors
from diffmath.kernels.numba._words import LANES, Words, compiled, inlined, philox4x32

__all__ = ["box_muller", "make_normals_32", "make_normals_53", "make_uniforms", "unit_interval"]

_MASK, _HALF = np.uint64(0xFFFFFFFF), np.uint64(0x7FFFFFFF)
_U0, _U1, _U32, _U52 = np.uint64(0), np.uint64(1), np.uint64(32), np.uint64(52)
_EIGHTH, _QUARTER, _MIDDLE = np.uint64(2**29), np.uint64(2**30), np.uint64(2**31)  # of a turn, 2^32
# Bits of float64: 2^52, the mantissa, sqrt(1/2), and the difference from sqrt(1/2) to 1.
_BITS_52, _MANTISSA = np.uint64(0x4330000000000000), np.uint64(0x000FFFFFFFFFFFFF)
_SQRT_HALF = np.uint64(0x3FE6A09E667F3BCD)
_TO_ONE = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_BELOW_ONE = 1.0 - 2.0**-53

Lanes = npt.NDArray[np.float64]


@inlined
def _to_float(word: Any, offset: Any) -> Any:
    # word - offset, exact below 2^52; two vector instructions even without a conversion instruction (AVX2).
    return np.uint64(word | _BITS_52).view(np.float64) - (4503599627370496.0 + offset)


@inlined
def unit_interval(word: Any, low: Any) -> Any:
    """Return the fraction (word + (low + 1/2) / 2^32) / 2^32, rounded once (to 1.0 at most)."""
    return (_to_float(word, 0.0) + _to_float(low, -0.5) * 2.0**-32) * 2.0**-32


@inlined
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


@inlined
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


@inlined
def box_muller(radius: Any, radius_low: Any, angle: Any, angle_low: Any) -> Any:
    """Turn four 32-bit words into two normals; a low word of 2^31 means "no further bits"."""
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


# Each loop computes values and also the next words: independent chains, so that the divider
# works on logarithms and roots while the integer ports work on the generator. Value j of a block is at
# per_block * i + j, in the order of the result.
@compiled
def make_uniforms(
    words: Words, out: Lanes, rows: Words, blocks: Words, stream: Any, k0: Any, k1: Any, following: Words
) -> None:
    widest_vectors()
    for i in range(LANES):
        a, b, c, d = philox4x32(rows[i] & _MASK, rows[i] >> _U32, blocks[i], stream, k0, k1)
        following[i], following[LANES + i], following[2 * LANES + i], following[3 * LANES + i] = a, b, c, d
        out[2 * i] = min(unit_interval(words[i], words[LANES + i]), _BELOW_ONE)
        out[2 * i + 1] = min(unit_interval(words[2 * LANES + i], words[3 * LANES + i]), _BELOW_ONE)


@compiled
def make_normals_53(
    words: Words, out: Lanes, rows: Words, blocks: Words, stream: Any, k0: Any, k1: Any, following: Words
) -> None:
    widest_vectors()
    for i in range(LANES):
        a, b, c, d = philox4x32(rows[i] & _MASK, rows[i] >> _U32, blocks[i], stream, k0, k1)
        following[i], following[LANES + i], following[2 * LANES + i], following[3 * LANES + i] = a, b, c, d
        x, y = box_muller(words[i], words[LANES + i], words[2 * LANES + i], words[3 * LANES + i])
        out[2 * i], out[2 * i + 1] = x, y


@compiled
def make_normals_32(
    words: Words, out: Lanes, rows: Words, blocks: Words, stream: Any, k0: Any, k1: Any, following: Words
) -> None:
    widest_vectors()
    for i in range(LANES):
        a, b, c, d = philox4x32(rows[i] & _MASK, rows[i] >> _U32, blocks[i], stream, k0, k1)
        following[i], following[LANES + i], following[2 * LANES + i], following[3 * LANES + i] = a, b, c, d
        x, y = box_muller(words[i], _MIDDLE, words[LANES + i], _MIDDLE)
        z, w = box_muller(words[2 * LANES + i], _MIDDLE, words[3 * LANES + i], _MIDDLE)
        out[4 * i], out[4 * i + 1], out[4 * i + 2], out[4 * i + 3] = x, y, z, w
