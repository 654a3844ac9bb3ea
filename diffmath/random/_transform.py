r"""Transform 32-bit words to numbers: uniforms on (0, 1), and normals by the Box-Muller method.

A pair of words :math:`(w, w')` is the fraction :math:`u = (w + f) / 2^{32}`, :math:`f = (w' + 1/2) / 2^{32}`,
exact until it is rounded once.
"""

from __future__ import annotations

import math
from typing import Any

import array_api_compat as compat

from diffmath._arrays.scalars import constant
from diffmath._core.typing import Array

__all__ = ["box_muller", "unit_interval"]

_HALF = 2**31 - 1  # the 31 low bits of a word


def box_muller(
    radius: Array, radius_low: Array | None, angle: Array, angle_low: Array | None, dtype: Any
) -> tuple[Array, Array]:
    """Turn 32-bit words into two independent standard normals.

    Parameters
    ----------
    radius, angle : integer arrays of 32-bit words, shape s
        Leading words of the fractions u and v.
    radius_low, angle_low : integer arrays of shape s, or None
        The words that refine them; None means the middle, 2^31.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    two arrays of shape s

    Notes
    -----
    u is measured from the nearer end of (0, 1) and v from the nearest quarter turn, so that small radii,
    tails and axis crossings keep their relative accuracy, also in float32.
    """
    xp = compat.array_namespace(radius)
    fraction = _fraction(radius_low, dtype, radius)
    upper = radius > _HALF
    leading = radius & _HALF
    leading = xp.astype(xp.where(upper, _HALF - leading, leading), dtype)
    near = (leading + xp.where(upper, 1.0 - fraction, fraction)) * 2.0**-32
    # log(1 - near) with Kahan's correction of the rounded 1 - near, since log1p of XLA is 100 ulp off.
    u = xp.where(upper, _below_one(1.0 - near), near)
    r = xp.sqrt(-2.0 * xp.log(u) * (near / xp.where(upper, 1.0 - u, near)))
    # Count quarter turns of 2^30 from the nearest axis: |v| <= 2^29, an angle within pi/4.
    quarter = ((angle >> 29) + 1) >> 1
    v = xp.astype((angle + 2**29) & (2**30 - 1), xp.int32) - 2**29
    phi = (xp.astype(v, dtype) + _fraction(angle_low, dtype, angle)) * (math.pi / 2**31)
    sine, cosine = r * xp.sin(phi), r * xp.cos(phi)
    odd = (quarter & 1) == 1
    x, y = xp.where(odd, sine, cosine), xp.where(odd, cosine, sine)
    # cos changes sign in quarters 1 and 2, sin in quarters 2 and 3.
    return xp.where(((quarter + 1) & 2) == 2, -x, x), xp.where((quarter & 2) == 2, -y, y)


def unit_interval(word: Array, low: Array, dtype: Any) -> Array:
    """Turn two 32-bit words into a number of the open interval (0, 1)."""
    xp = compat.array_namespace(word)
    return _below_one((xp.astype(word, dtype) + _fraction(low, dtype, word)) * 2.0**-32)


def _fraction(low: Array | None, dtype: Any, like: Array) -> Array:
    """Return (low + 1/2) / 2^32, in (0, 1): exact in float64."""
    if low is None:
        return constant(0.5 + 2.0**-33, like, dtype)
    return _below_one((compat.array_namespace(low).astype(low, dtype) + 0.5) * 2.0**-32)


def _below_one(x: Array) -> Array:
    """Replace a value that was rounded up to 1 by the largest number below 1."""
    xp = compat.array_namespace(x)
    return xp.minimum(x, constant(1.0 - float(xp.finfo(x.dtype).eps) / 2, x))
