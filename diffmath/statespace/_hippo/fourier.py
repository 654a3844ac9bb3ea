"""HiPPO systems in the Fourier basis: a true window, one that fades by periods, and the whole past."""

from __future__ import annotations

from typing import Any

from diffmath._arrays.devices import on_its_device
from diffmath._core.flags import check_flag
from diffmath._core.typing import Array
from diffmath.statespace._hippo.hippo import build, check_order, check_parameter
from diffmath.statespace._structure import Measure
from diffmath.statespace._system import StateSpace

__all__ = ["foud", "fous", "fout"]


@on_its_device
def fout(
    order: int,
    theta: float = 1.0,
    *,
    as_published: bool = False,
    like: Array | None = None,
    dtype: Any = None,
) -> StateSpace:
    r"""Return HiPPO-FouT: the Fourier series of a sliding window.

    .. math:: c'(t) = A c(t) + B u(t), \qquad \theta A = J - 2 b b^\mathsf{T}, \quad \theta B = 2 b, \quad
        b = (1, \sqrt2, 0, \sqrt2, 0, \ldots)

    where J turns the cosine and the sine of n waves by :math:`2\pi n`. The state holds
    :math:`\frac1\theta \int_0^\theta u(t-s)\,g(s/\theta)\,ds` with the basis
    :math:`g(s) = (1, \sqrt2\cos 2\pi s, \sqrt2\sin 2\pi s, \sqrt2\cos 4\pi s, \ldots)`.

    Parameters
    ----------
    order : int
        Number of coefficients: odd, for whole pairs of cosine and sine.
    theta : float
        Length of the window, in the unit of time of the model; positive.
    as_published : bool
        The matrices of the HiPPO paper, :math:`\theta A = J - b b^\mathsf{T}` and :math:`\theta B = b`. They
        are no window: see Notes.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library.

    Returns
    -------
    StateSpace
        A (order, order) and B (order,), continuous, of block-diagonal structure.

    Raises
    ------
    TypeError
        `order` is not an integer, `theta` not a number, `as_published` not a bool, or `dtype` not a real
        floating type.
    ValueError
        `order` is even or below 1, or `theta` not positive.

    Notes
    -----
    At the joint of the window's two ends a Fourier series converges to their mean. The true window takes
    what is forgotten as twice the series minus u(t) [2]_; the paper [1]_ took the series itself, so that its
    memory of the windows before is 2/3, 2/9, 2/27, ...: `foud` with retention 1/3. The window of the S4 code
    is ``theta=2``. `symbolic.fout` derives both.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       appendix D.4.1.
    .. [2] Gu, Johnson, Timalsina, Rudra & Re (2022), How to Train Your HiPPO.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.fout(3).A.round(3)
    array([[-2.   , -2.828,  0.   ],
           [-2.828, -4.   , -6.283],
           [ 0.   ,  6.283,  0.   ]])
    """
    as_published = check_flag("as_published", as_published)
    theta = check_parameter("theta", theta, above=0.0)
    return build(Measure("fout", (1.0 if as_published else 2.0,), theta), _odd(order), like, dtype)


@on_its_device
def foud(
    order: int, retention: float, theta: float = 1.0, *, like: Array | None = None, dtype: Any = None
) -> StateSpace:
    r"""Return Fourier decay: the past folded into one window, every window remembered less than the next.

    .. math:: c'(t) = A c(t) + B u(t), \qquad \theta A = J - \kappa\,b b^\mathsf{T}, \quad
        \theta B = \kappa\,b, \quad \kappa = \frac{2(1-r)}{1+r}

    with J and b of `fout`. The state is :math:`\frac1\theta \int_0^\infty u(t-s)\,g(s/\theta)\,(1-r)\,
    r^{\lfloor s/\theta \rfloor}\,ds` in the limit of large orders.

    Parameters
    ----------
    order : int
        Number of coefficients: odd, for whole pairs of cosine and sine.
    retention : float
        r, in [0, 1): what is left of a memory one window later. 0 is `fout`, 1/3 is `fout` as published.
    theta : float
        Length of the window, in the unit of time of the model; positive.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library.

    Returns
    -------
    StateSpace
        A (order, order) and B (order,), continuous, of block-diagonal structure.

    Raises
    ------
    TypeError
        `order` is not an integer, a parameter not a number, or `dtype` not a real floating type.
    ValueError
        `order` is even or below 1, or a parameter out of its range.

    Notes
    -----
    The gauge is orthonormal on the window. `symbolic.foud` derives the matrices.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.foud(3, retention=0.6).B.round(3)
    array([0.5  , 0.707, 0.   ])
    """
    retention = check_parameter("retention", retention, at_least=0.0, below=1.0)
    theta = check_parameter("theta", theta, above=0.0)
    kappa = 2.0 * (1.0 - retention) / (1.0 + retention)
    return build(Measure("foud", (kappa,), theta), _odd(order), like, dtype)


@on_its_device
def fous(order: int, *, like: Array | None = None, dtype: Any = None) -> StateSpace:
    r"""Return FouS: the Fourier series of the whole past, as far as a linear equation can keep it.

    .. math:: t\,c'(t) = A c(t) + B u(t), \qquad A_{nk} = -\int_0^1 (s\,g_n)'(s)\,g_k(s)\,ds, \quad
        B = b = (1, \sqrt2, 0, \sqrt2, 0, \ldots)

    for :math:`c_n(t) = \int_0^1 u(ts)\,g_n(s)\,ds` with the basis g of `fout`.

    Parameters
    ----------
    order : int
        Number of coefficients: odd, for whole pairs of cosine and sine.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library.

    Returns
    -------
    StateSpace
        A (order, order) and B (order,), continuous.

    Raises
    ------
    TypeError
        `order` is not an integer, or `dtype` not a real floating type.
    ValueError
        `order` is even or below 1.

    Notes
    -----
    The equation is truncated: the derivatives of the kernels leave their span, and A is their projection.
    All eigenvalues have real part -1, and the eigenvectors stay well conditioned, which those of the exact
    scaled memories do not. The gauge is orthonormal and there is no unit of time. `symbolic.fous` derives the
    matrices, with the norm of what is cut off.

    References
    ----------
    .. [1] Su (2024), Revisiting SSM (2): unresolved issues of HiPPO, https://kexue.fm/archives/10137, in
       complex exponentials.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.fous(3).A.round(3)
    array([[-1.   ,  0.   ,  0.   ],
           [-1.414, -1.5  ,  3.142],
           [ 0.   , -3.142, -0.5  ]])
    """
    return build(Measure("fous"), _odd(order), like, dtype)


def _odd(order: Any) -> int:
    count = check_order(order)
    if count % 2 == 0:
        raise ValueError(
            f"order must be odd, the constant and pairs of cosine and sine; got {count}: take {count + 1}"
        )
    return count
