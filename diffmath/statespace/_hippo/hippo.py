"""HiPPO systems: how the optimal polynomial memory of a signal evolves, one builder per measure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, asarray_like, is_real_float
from diffmath._core.counts import check_count
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array
from diffmath.statespace._structure import Measure, quiet
from diffmath.statespace._system import StateSpace

__all__ = ["build", "check_order", "check_parameter", "jacs", "lagt", "legs", "legt"]


@on_its_device
def legs(order: int, *, like: Array | None = None, dtype: Any = None) -> StateSpace:
    r"""Return HiPPO-LegS: the scaled Legendre measure, which remembers the whole history evenly.

    .. math:: t\,c'(t) = A c(t) + B u(t), \qquad
        A_{nk} = -\sqrt{(2n+1)(2k+1)}\ (k < n), \quad A_{nn} = -(n+1), \quad B_n = \sqrt{2n+1}

    The state :math:`c_n(t) = \int_0^1 u(ts) \sqrt{2n+1} P_n(2s-1)\,ds` holds the coefficients of the best
    polynomial of degree ``order - 1`` for the history on :math:`[0, t]`; nothing is truncated.

    Parameters
    ----------
    order : int
        Number of coefficients, at least 1.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library.

    Returns
    -------
    StateSpace
        A (order, order) and B (order,), continuous, of lower-cumulative structure.

    Raises
    ------
    TypeError
        `order` is not an integer, or `dtype` not a real floating type.
    ValueError
        `order` is below 1.

    Notes
    -----
    Signs and scale are those of the S4 code: A includes the minus of the paper's
    :math:`c' = -A c/t + B u/t`. `memorize` steps this equation in :math:`\ln t`; read as the time-invariant
    system :math:`x' = A x + B u` it is the A of S4, with impulse responses
    :math:`e^{-t} \sqrt{2n+1} P_n(2e^{-t} - 1)`.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       theorem 2.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.legs(3).A.round(3)
    array([[-1.   ,  0.   ,  0.   ],
           [-1.732, -2.   ,  0.   ],
           [-2.236, -3.873, -3.   ]])
    """
    return build(Measure("legs"), order, like, dtype)


@on_its_device
def jacs(order: int, beta: float, *, like: Array | None = None, dtype: Any = None) -> StateSpace:
    r"""Return JacS: a scaled measure that prefers the present by a power, of which LegS is beta = 0.

    .. math:: t\,c'(t) = A c(t) + B u(t), \qquad A_{nk} = -\sqrt{(2n+\beta+1)(2k+\beta+1)}\ (k < n), \quad
        A_{nn} = -(n+\beta+1), \quad B_n = \sqrt{2n+\beta+1}

    The state :math:`c_n(t) = \int_0^1 u(ts)\,\sqrt{2n+\beta+1}\,P_n^{(0,\beta)}(2s-1)\,s^\beta\,ds` holds the
    best polynomial under the weight :math:`s^\beta`; nothing is truncated.

    Parameters
    ----------
    order : int
        Number of coefficients, at least 1.
    beta : float
        Greater than -1; positive prefers the present.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library.

    Returns
    -------
    StateSpace
        A (order, order) and B (order,), continuous, of lower-cumulative structure.

    Raises
    ------
    TypeError
        `order` is not an integer, `beta` not a number, or `dtype` not a real floating type.
    ValueError
        `order` is below 1, or `beta` not greater than -1.

    Notes
    -----
    The gauge is orthonormal and there is no unit of time. `symbolic.jacs` derives the matrices. Read as a
    time-invariant system, the impulse responses are :math:`e^{-(\beta+1)t} \sqrt{2n+\beta+1}
    P_n^{(0,\beta)}(2e^{-t} - 1)`.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.jacs(2, beta=1).A.round(3)
    array([[-2.   ,  0.   ],
           [-2.828, -3.   ]])
    """
    beta = check_parameter("beta", beta, above=-1.0)
    return build(Measure("jacs", (beta,)), order, like, dtype)


@on_its_device
def legt(order: int, theta: float = 1.0, *, like: Array | None = None, dtype: Any = None) -> StateSpace:
    r"""Return HiPPO-LegT: the translated Legendre measure, which remembers a sliding window.

    .. math:: c'(t) = A c(t) + B u(t), \qquad
        A_{nk} = -\frac{\sqrt{(2n+1)(2k+1)}}{\theta} \{1\ (k \le n);\ (-1)^{n-k}\ (k > n)\}, \quad
        B_n = \frac{\sqrt{2n+1}}{\theta}

    The state tends to :math:`\frac1\theta \int_0^\theta u(t-s) \sqrt{2n+1}\,P_n(1-2s/\theta)\,ds`: the best
    polynomial of degree ``order - 1`` for the last `theta` units of time.

    Parameters
    ----------
    order : int
        Number of coefficients, at least 1.
    theta : float
        Length of the window, in the unit of time of the model; positive.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library.

    Returns
    -------
    StateSpace
        A (order, order) and B (order,), continuous, of tridiagonal-inverse structure.

    Raises
    ------
    TypeError
        `order` is not an integer, `theta` not a number, or `dtype` not a real floating type.
    ValueError
        `order` is below 1, or `theta` not positive.

    Notes
    -----
    The only approximation is the end: what leaves the window is taken from the polynomial itself, a delay by
    the Pade approximant [order - 1 / order]. It is accurate where `order` exceeds about half of theta times
    the angular frequency.

    The gauge is orthonormal: the "legt" of the HiPPO code is ``theta=1`` and that of the S4 code
    ``theta=2``; `change_gauge` leads to the others, the Legendre Memory Unit's among them.
    `symbolic.legt` derives the matrices.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       theorem 1 and appendix D.1.
    .. [2] Voelker, Kajic & Eliasmith (2019), Legendre Memory Units.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.legt(2, theta=2.0).A.round(3)
    array([[-0.5  ,  0.866],
           [-0.866, -1.5  ]])
    """
    theta = check_parameter("theta", theta, above=0.0)
    return build(Measure("legt", length=theta), order, like, dtype)


@on_its_device
def lagt(
    order: int,
    alpha: float = 0.0,
    beta: float = 1.0,
    *,
    timescale: float = 1.0,
    like: Array | None = None,
    dtype: Any = None,
) -> StateSpace:
    r"""Return generalised HiPPO-LagT: a memory that fades with age, in tilted Laguerre functions.

    .. math:: c'(t) = A c(t) + B u(t), \qquad p A_{nk} = -\sqrt{\gamma_k/\gamma_n}\ (k < n), \quad
        p A_{nn} = -\frac{1+\beta}{2}, \quad p B_n = \sqrt{\frac{\gamma_n}{\zeta\,\Gamma(\alpha+1)}}, \quad
        \gamma_n = \binom{n+\alpha}{n}, \quad \zeta = \frac{\Gamma(1-\alpha)}{\beta^{1-\alpha}}

    with the timescale p. The state is :math:`c_n(t) = \frac1p \int_0^\infty u(t-s)\,K_n(s/p)\,ds`,
    :math:`K_n(s) = \zeta^{-1/2} \sqrt{n!/\Gamma(n+\alpha+1)}\,L_n^{(\alpha)}(s)\,e^{-(1+\beta)s/2}`, exactly.

    Parameters
    ----------
    order : int
        Number of coefficients, at least 1.
    alpha : float
        In (-1, 1).
    beta : float
        Not negative: 1 is the LagT of the HiPPO paper; 0, with :math:`\zeta = 1`, that of its code, the
        orthonormal Laguerre functions.
    timescale : float
        p, the unit of time of the measure; positive. With ``beta=0`` the kernels oscillate up to the age
        ``4 * order * timescale`` and vanish beyond.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library.

    Returns
    -------
    StateSpace
        A (order, order), a lower triangle, and B (order,), continuous, of lower-cumulative
        structure.

    Raises
    ------
    TypeError
        `order` is not an integer, a parameter not a number, or `dtype` not a real floating type.
    ValueError
        `order` is below 1, or a parameter out of its range.

    Notes
    -----
    The gauge is orthonormal under the weight :math:`s^{-\alpha} e^{-\beta s}/\zeta`, that of "glagt" in the
    HiPPO code. The history is read back as :math:`\hat u(t - ps) = \sum_n c_n g_n(s)`, where :math:`g_n` is
    :math:`K_n` over the weight, from the age 0 on: nothing runs backwards. `symbolic.lagt` derives the
    matrices.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       appendix D.2.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.lagt(3, beta=0.0).A
    array([[-0.5,  0. ,  0. ],
           [-1. , -0.5,  0. ],
           [-1. , -1. , -0.5]])
    """
    alpha = check_parameter("alpha", alpha, above=-1.0, below=1.0)
    beta = check_parameter("beta", beta, at_least=0.0)
    timescale = check_parameter("timescale", timescale, above=0.0)
    return build(Measure("lagt", (alpha, beta), timescale), order, like, dtype)


def build(measure: Measure, order: Any, like: Array | None, dtype: Any) -> StateSpace:
    """Return the system of a measure in closed form, on the library of `like`."""
    order = check_order(order)
    like = np.empty(0) if like is None else like
    xp = array_namespace(like, names=["like"])
    if dtype is not None and not is_real_float(dtype, xp):
        raise TypeError(f"dtype must be float32 or float64; got {dtype}")
    with quiet():
        matrices = measure.matrices(order)
        if not all(np.all(np.isfinite(values)) and np.any(values) for values in matrices):
            raise ValueError(
                f"the matrices of {measure!r} leave the range of float64: choose other parameters"
            )
        A, B = (asarray_like(values, like, dtype) for values in matrices)
    return StateSpace(A, B, structure=measure.structure(order), measure=measure)


def check_order(order: Any) -> int:
    """Return an order as a Python int, or refuse it."""
    return check_count("order", order)


def check_parameter(
    name: str,
    value: Any,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return a parameter as a Python float, or refuse what is not a number inside the bounds."""
    number = check_number(name, value)
    if not (above < number < below and number >= at_least):
        limits = {"greater than": above, "at least": at_least, "less than": below}
        bounds = [f"{words} {bound:g}" for words, bound in limits.items() if abs(bound) < math.inf]
        required = " and ".join(bounds) or "finite"
        raise ValueError(f"{name} must be {required}; got {value}")
    return number
