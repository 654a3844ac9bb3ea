"""Initial poles of diagonal models, S4D: one pole for each pair of conjugates."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, asarray_like, is_real_float, real_dtype
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.statespace._measures import legs
from diffmath.statespace._system import dplr

__all__ = ["s4d_inv", "s4d_legs", "s4d_lin", "s4d_real", "send"]

Values = npt.NDArray[Any]


@on_its_device
def s4d_lin(order: int, *, like: Array | None = None, dtype: Any = None) -> tuple[Array, Array]:
    r"""Return S4D-Lin: poles with the frequencies of a Fourier series.

    .. math:: \lambda_n = -\tfrac12 + i \pi n, \qquad B_n = 1, \qquad n < \tfrac{N}{2}

    Parameters
    ----------
    order : int
        Number of real states N, even.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library, for complex64 or complex128 poles.

    Returns
    -------
    poles : array, shape (order / 2,)
        Complex; each represents itself and its conjugate.
    B : array, shape (order / 2,)
        Input vector, ones, complex.

    Raises
    ------
    TypeError
        `order` is not an integer, or `dtype` not a real floating type.
    ValueError
        `order` is not positive and even.

    Notes
    -----
    Choose a complex output C. Then use ``diagonal_kernel(poles, C * B, length, dt=dt)`` for kernels,
    ``modal(poles, B, C)`` for a `StateSpace`, or `discretize_diagonal` and `scan` for a recurrence.

    References
    ----------
    .. [1] Gu, Gupta, Goel & Re (2022), On the Parameterization and Initialization of Diagonal State Space
       Models, section 4 (S4D-Lin).

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> poles, B = ss.s4d_lin(6)
    >>> poles.round(3)
    array([-0.5+0.j   , -0.5+3.142j, -0.5+6.283j])
    """
    n = np.arange(_check_even(order) // 2)
    return send(-0.5 + 1j * np.pi * n, like, dtype), send(np.ones(n.size) + 0j, like, dtype)


@on_its_device
def s4d_inv(order: int, *, like: Array | None = None, dtype: Any = None) -> tuple[Array, Array]:
    r"""Return S4D-Inv: poles with an inverse law of frequencies, close to those of S4D-LegS.

    .. math:: \lambda_n = -\tfrac12 + i\,\frac{N}{\pi} \Big(\frac{N}{2n+1} - 1\Big), \qquad B_n = 1,
        \qquad n < \tfrac{N}{2}

    Parameters
    ----------
    order : int
        Number of real states N, even.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library, for complex64 or complex128 poles.

    Returns
    -------
    poles : array, shape (order / 2,)
        Complex, the fastest first; each represents itself and its conjugate.
    B : array, shape (order / 2,)
        Input vector, ones, complex.

    Raises
    ------
    TypeError, ValueError
        Like `s4d_lin`.

    Notes
    -----
    The law approximates the frequencies of `s4d_legs` for many states. The fastest frequency is lower by a
    fraction of about 1 / N, those in the middle are lower by up to 22 %, and the slowest are higher by a
    fraction that grows with the logarithm of N: 23 % at 64 states, 50 % at 256.

    References
    ----------
    .. [1] Gu, Gupta, Goel & Re (2022), On the Parameterization and Initialization of Diagonal State Space
       Models, section 4 (S4D-Inv).

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.s4d_inv(6)[0].imag.round(3)
    array([9.549, 1.91 , 0.382])
    """
    n = np.arange(_check_even(order) // 2)
    frequencies = (order / np.pi) * (order / (2.0 * n + 1.0) - 1.0)
    return send(-0.5 + 1j * frequencies, like, dtype), send(np.ones(n.size) + 0j, like, dtype)


@on_its_device
def s4d_legs(order: int, *, like: Array | None = None, dtype: Any = None) -> tuple[Array, Array]:
    r"""Return S4D-LegS: the poles of the normal part of HiPPO-LegS, and its input.

    .. math:: A_{LegS} = V \operatorname{diag}(\lambda) V^* - P P^\mathsf{T}, \qquad
        B_n = \tfrac12\,|(V^* B_{LegS})_n|

    Parameters
    ----------
    order : int
        Number of real states N, even.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library, for complex64 or complex128 poles.

    Returns
    -------
    poles : array, shape (order / 2,)
        Complex, the fastest first; each represents itself and its conjugate.
    B : array, shape (order / 2,)
        Input vector, of complex dtype. Its values are positive: the phases of the eigenvectors are free.

    Raises
    ------
    TypeError, ValueError
        Like `s4d_lin`.

    Notes
    -----
    The factor 1/2 of the input compensates for the low-rank part that is left out [1]_. With
    ``modes = dplr(legs(order))`` and the weights ``modes.V[n] * modes.B / 2`` (``pairs=False``), the model of
    coefficient n converges to that of LegS, whose kernel is :math:`e^{-t} \sqrt{2n+1} P_n(2e^{-t} - 1)`. The
    convergence is weak [2]_. A constant input is exact at every order. The frequency response converges at
    every frequency: for n = 0 its error up to :math:`\omega = 50` is 0.22, 0.031 and 0.0048 at 16, 64 and 256
    states. The kernel itself does not converge, and its error has half of the energy:
    :math:`\int (K - e^{-t})^2 dt = \frac14 - \frac{1}{2N^2}`.

    The S4 code omits the factor 1/2, and clips the imaginary part of B at 2, although B of 64 states reaches
    40. This function does not clip. It solves the Hermitian eigenproblem of `dplr` in float64 on the host,
    O(n^3).

    References
    ----------
    .. [1] Gu, Gupta, Goel & Re (2022), On the Parameterization and Initialization of Diagonal State Space
       Models, theorem 3.
    .. [2] Yu, Nigmetov, Morozov, Mahoney & Erichson (2024), Robustifying State-space Models for Long
       Sequences via Approximate Diagonalization, section 3.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> poles, B = ss.s4d_legs(4)
    >>> poles.round(3), B.real.round(3)
    (array([-0.5+4.603j, -0.5+0.557j]), array([1.329, 0.483]))
    """
    modes = dplr(legs(_check_even(order)))
    fastest_first = slice(None, order // 2 - 1, -1)
    B = 0.5 * np.abs(modes.B[fastest_first]) + 0j
    return send(modes.eigenvalues[fastest_first], like, dtype), send(B, like, dtype)


@on_its_device
def s4d_real(order: int, *, like: Array | None = None, dtype: Any = None) -> tuple[Array, Array]:
    r"""Return S4D-Real: real poles, the eigenvalues of HiPPO-LegS.

    .. math:: \lambda_n = -(n + 1), \qquad B_n = 1, \qquad n < N

    Parameters
    ----------
    order : int
        Number of real states N.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library.

    Returns
    -------
    poles : array, shape (order,)
        Real, without conjugates: pass ``pairs=False`` to `diagonal_kernel` and `modal`.
    B : array, shape (order,)
        Input vector, ones, real.

    Raises
    ------
    TypeError
        `order` is not an integer, or `dtype` not a real floating type.
    ValueError
        `order` is below 1.

    Notes
    -----
    The S4 code uses half as many poles, as complex numbers.

    References
    ----------
    .. [1] Gu, Gupta, Goel & Re (2022), On the Parameterization and Initialization of Diagonal State Space
       Models, section 4 (S4D-Real).

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.s4d_real(3)
    (array([-1., -2., -3.]), array([1., 1., 1.]))
    """
    n = np.arange(check_count("order", order))
    return send(-(n + 1.0), like, dtype), send(np.ones(n.size), like, dtype)


def _check_even(order: Any) -> int:
    number = check_count("order", order)
    if number % 2:
        raise ValueError(
            f"order must be even, because each pole represents itself and its conjugate; got {number}"
        )
    return number


def send(values: Values, like: Array | None, dtype: Any) -> Array:
    """Send host values, real or complex, to the library and device of `like`, in its precision."""
    like = np.empty(0) if like is None else like
    xp = array_namespace(like, names=["like"])
    if dtype is not None and not is_real_float(dtype, xp):
        raise TypeError(f"dtype must be float32 or float64; got {dtype}")
    real = real_dtype(like) if dtype is None else dtype
    kind = {True: real, False: xp.complex64 if real == xp.float32 else xp.complex128}
    return asarray_like(values, like, kind[np.isrealobj(values)])
