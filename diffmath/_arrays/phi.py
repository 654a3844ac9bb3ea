r"""The phi-functions of exponential integrators: of numbers and elements, to a few ulp, and of matrices.

.. math:: \varphi_0(z) = e^z, \qquad \varphi_k(z) = \int_0^1 e^{(1-w)z} \frac{w^{k-1}}{(k-1)!}\,dw
   = \frac{\varphi_{k-1}(z) - 1/(k-1)!}{z}

The recurrence loses a digit per order near z = 0, where it is replaced by the Taylor series
(Hochbruck & Ostermann 2010, Exponential integrators, eq. 2.10-2.11).
"""

from __future__ import annotations

import math

import array_api_compat as compat

from diffmath._arrays.expm import expm
from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array

__all__ = ["matrix_phis", "phi", "phi1", "phis"]


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
        For z above about 709, where the value overflows float64.

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
        In the dtype and on the device of `z`; 1 at z = 0, and not finite if :math:`e^z` overflows.

    Notes
    -----
    Relative error below 8 eps in modulus, for real or complex arguments of any size (tested against 50
    digits): cancellation in :math:`\mathrm{Re}(e^{x+iy} - 1) = (e^x - 1) \cos y - 2 \sin^2(y/2)` is small
    compared with the imaginary part.

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
    # A subnormal divisor would overflow inside a complex division; phi_1 equals 1 long before that.
    zero, one = xp.abs(z) < 4.0 * xp.finfo(z.dtype).smallest_normal, xp.ones_like(z)
    return xp.where(zero, one, numerator / xp.where(zero, one, z))


def phis(z: Array, count: int) -> list[Array]:
    r"""Return :math:`\varphi_0(z), \dots, \varphi_{count}(z)` of every element.

    Parameters
    ----------
    z : array, any shape, real or complex
        Arguments, finite.
    count : int
        The last order, at least 0.

    Returns
    -------
    list of array, shape of `z`
        In the dtype and on the device of `z`; not finite if :math:`e^z` overflows.

    Notes
    -----
    Relative error below 16 eps in modulus for count <= 4 and arguments of any size with Re z <= 0 or real
    (tested against 50 digits); for :math:`\varphi_0`, that of exp.

    Examples
    --------
    >>> import numpy as np
    >>> [float(value[0]) for value in phis(np.array([0.0]), 2)]
    [1.0, 1.0, 0.5]
    """
    xp = array_namespace(z)
    values = [xp.exp(z), phi1(z)][: count + 1]
    for k in range(2, count + 1):
        near = xp.abs(z) <= k
        far = xp.where(near, xp.ones_like(z), z)
        recurrence = (values[-1] - 1 / math.factorial(k - 1)) / far
        values.append(xp.where(near, _horner(k, xp.where(near, z, xp.zeros_like(z))), recurrence))
    return values


def _horner(k: int, z: Array) -> Array:
    """Sum z**j / (j + k)! like `_taylor`, for every element."""
    terms = [1 / math.factorial(j + k) for j in range(2 * k + 21)]
    total = 0.0 * z + terms[-1]
    for term in reversed(terms[:-1]):
        total = total * z + term
    return total


def matrix_phis(A: Array, count: int) -> list[Array]:
    r"""Return :math:`\varphi_0(A), \dots, \varphi_{count}(A)` of one matrix or of a stack.

    .. math:: \exp \begin{pmatrix} A & I & \\ & 0 & I \\ & & 0 \end{pmatrix} =
        \begin{pmatrix} e^A & \varphi_1(A) & \varphi_2(A) \\ & I & I \\ & & I \end{pmatrix}

    Parameters
    ----------
    A : array, shape (..., n, n)
        Square matrices, real or complex.
    count : int
        The last order, at least 0.

    Returns
    -------
    list of array, shape (..., n, n)
        In the dtype and on the device of `A`; not finite if they overflow.

    Notes
    -----
    Scaling and squaring of the augmented matrix, of size (count + 1) n, without an inverse of A, which may be
    singular. Cost: about 20 products of that size, and one for every doubling of the norm.

    References
    ----------
    .. [1] Sidje (1998), Expokit, ACM Trans. Math. Softw. 24, 130-156, theorem 1.

    Examples
    --------
    >>> import numpy as np
    >>> matrix_phis(np.array([[0.0, 1.0], [0.0, 0.0]]), 2)[2]
    array([[0.5       , 0.16666667],
           [0.        , 0.5       ]])
    """
    xp, n, place = array_namespace(A), A.shape[-1], {"dtype": A.dtype, "device": compat.device(A)}
    size = (count + 1) * n
    right = xp.broadcast_to(xp.eye(n, size - n, **place), (*A.shape[:-1], size - n))
    below = xp.broadcast_to(xp.eye(size - n, size, k=2 * n, **place), (*A.shape[:-2], size - n, size))
    result = expm(xp.concat([xp.concat([A, right], axis=-1), below], axis=-2))
    return [result[..., :n, k * n : (k + 1) * n] for k in range(count + 1)]


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
