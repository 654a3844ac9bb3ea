r"""The phi-functions of exponential integrators, to a few ulp: of numbers, and the first of arrays.

.. math:: \varphi_0(z) = e^z, \qquad \varphi_k(z) = \int_0^1 e^{(1-w)z} \frac{w^{k-1}}{(k-1)!}\,dw
   = \frac{\varphi_{k-1}(z) - 1/(k-1)!}{z}

The recurrence loses a digit per order near z = 0, so that the Taylor series replaces it there
(Hochbruck & Ostermann 2010, Exponential integrators, eq. 2.10-2.11).
"""

from __future__ import annotations

import math

from diffmath._arrays import array_namespace
from diffmath._typing import Array

__all__ = ["phi", "phi1"]


def phi(k: int, z: float) -> float:
    r"""Return :math:`\varphi_k(z)`.

    Parameters
    ----------
    k : int
        Order, at least 0.
    z : float
        Real argument; minus infinity gives the limit 0.

    Returns
    -------
    float

    Raises
    ------
    OverflowError
        For z above about 709, where the value leaves float64.

    Notes
    -----
    Relative error below 8 ulp for k <= 6 and every finite z (tested against 50 digits).

    Examples
    --------
    >>> phi(1, 0.0), phi(2, 0.0), phi(2, -1e-12)
    (1.0, 0.5, 0.49999999999983...)
    """
    if k == 0:
        return math.exp(z)
    if abs(z) <= k:
        return _taylor(k, z)
    value = math.expm1(z) / z
    for j in range(1, k):
        value = (value - 1 / math.factorial(j)) / z
    return value


def phi1(z: Array) -> Array:
    r"""Return :math:`\varphi_1(z) = (e^z - 1) / z` of every element.

    Parameters
    ----------
    z : array, any shape, real or complex
        Arguments, finite.

    Returns
    -------
    array, shape of `z`
        In the dtype and on the device of `z`; 1 at z = 0, and not finite where :math:`e^z` overflows.

    Notes
    -----
    Relative error below 8 eps in modulus, of a real or a complex argument of any size (tested against 50
    digits): :math:`\mathrm{Re}(e^{x+iy} - 1) = (e^x - 1) \cos y - 2 \sin^2(y/2)` cancels nothing that the
    imaginary part does not make up for.

    Examples
    --------
    >>> import numpy as np
    >>> phi1(np.array([0.0, 1e-20, -1.0])).round(4)
    array([1.    , 1.    , 0.6321])
    """
    xp = array_namespace(z)
    if xp.isdtype(z.dtype, "complex floating"):
        x, y = xp.real(z), xp.imag(z)
        real, imag = xp.expm1(x) * xp.cos(y) - 2.0 * xp.sin(0.5 * y) ** 2, xp.exp(x) * xp.sin(y)
        numerator = xp.astype(real, z.dtype) + 1j * xp.astype(imag, z.dtype)
    else:
        numerator = xp.expm1(z)
    zero, one = z == 0.0, xp.ones_like(z)
    return xp.where(zero, one, numerator / xp.where(zero, one, z))


def _taylor(k: int, z: float) -> float:
    """Sum z**j / (j + k)!; 2k + 20 terms reach the last bit for abs(z) <= k."""
    if k == 1:
        return math.expm1(z) / z if z else 1.0
    term = 1 / math.factorial(k)
    terms = [term]
    for j in range(k + 1, 3 * k + 21):
        term *= z / j
        terms.append(term)
    return math.fsum(terms)
