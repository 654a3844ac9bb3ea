"""Where diagonal models start: the poles of S4D, each pair of conjugates by its upper half."""

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
    r"""Return S4D-Lin: frequencies on a grid, those of a Fourier series.

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
        Complex; each stands for itself and its conjugate.
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
    Choose an output C, complex, and take ``diagonal_kernel(poles, C * B, length, dt=dt)``, or
    ``modal(poles, B, C)`` for a `StateSpace`, or the factors of `discretize_diagonal` for a `scan`.

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
    r"""Return S4D-Inv: frequencies by an inverse law, those of S4D-LegS about.

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
        Complex, the fastest first; each stands for itself and its conjugate.
    B : array, shape (order / 2,)
        Input vector, ones, complex.

    Raises
    ------
    TypeError, ValueError
        As `s4d_lin`.

    Notes
    -----
    The law of S4D-LegS for many states: the fastest frequency is below that of `s4d_legs` by a share of about
    1 / N, those in the middle by up to 22 %, and the slowest are above, by a share that grows with the
    logarithm of N: 23 % at 64 states, 50 % at 256.

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
        Complex, the fastest first; each stands for itself and its conjugate.
    B : array, shape (order / 2,)
        Input vector: positive, for the phases of the eigenvectors are free; complex dtype.

    Raises
    ------
    TypeError, ValueError
        As `s4d_lin`.

    Notes
    -----
    Half the input makes up for the low rank left out [1]_: with ``modes = dplr(legs(order))`` and the weights
    ``modes.V[n] * modes.B / 2`` (``pairs=False``), the model of coefficient n tends to that of LegS, whose
    kernel is :math:`e^{-t} \sqrt{2n+1} P_n(2e^{-t} - 1)`. It does so weakly [2]_: a constant input is
    remembered exactly at every order, and the frequency response converges at every frequency, for n = 0
    with an error of 0.22, 0.031 and 0.0048 up to :math:`\omega = 50` at 16, 64 and 256 states; but the kernel
    does not: its error keeps half of the energy, :math:`\int (K - e^{-t})^2 dt = \frac14 - \frac{1}{2N^2}`.

    The S4 code leaves the half out, and clips the imaginary part of B at 2, where B of 64 states reaches 40.
    Nothing is clipped here. From the normal part in float64, by the Hermitian eigenproblem of `dplr`, O(n^3),
    on the host.

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
    r"""Return S4D-Real: decays without a frequency, the eigenvalues of HiPPO-LegS.

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
        Real: no pairs, so that ``pairs=False`` goes to `diagonal_kernel` and `modal`.
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
    The S4 code keeps half as many, in complex numbers.

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
            f"order must be even, for each pole stands for itself and its conjugate; got {number}"
        )
    return number


def send(values: Values, like: Array | None, dtype: Any) -> Array:
    """Send host values to the library and device of `like`, real or complex as they are, in its precision."""
    like = np.empty(0) if like is None else like
    xp = array_namespace(like, names=["like"])
    if dtype is not None and not is_real_float(dtype, xp):
        raise TypeError(f"dtype must be float32 or float64; got {dtype}")
    real = real_dtype(like) if dtype is None else dtype
    kind = {True: real, False: xp.complex64 if real == xp.float32 else xp.complex128}
    return asarray_like(values, like, kind[np.isrealobj(values)])
