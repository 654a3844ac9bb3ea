"""FouT and FouD: the Fourier series of a sliding window, and of a past that fades by whole windows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from diffmath._arrays.accelerate import accelerated
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.counts import check_count
from diffmath._core.flags import check_flag
from diffmath._core.typing import Array
from diffmath.statespace._measures.build import build
from diffmath.statespace._measures.closed_forms import root_of_products
from diffmath.statespace._measures.translated import TranslatedMeasure, matrix_states, within_window
from diffmath.statespace._structure import BlockDiagonal, Clock, Matrices, Vector, check_parameter, waves
from diffmath.statespace._system import StateSpace

__all__ = [
    "FouD", "FouT", "check_odd", "foud", "fourier_basis", "fourier_present_squared", "fourier_window", "fout",
]  # fmt: skip

_GONE = 46.0  # e^-46 is 1e-20


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

    where J rotates the cosine and the sine of n waves at the rate :math:`2\pi n`. The state holds
    :math:`\frac1\theta \int_0^\theta u(t-s)\,g(s/\theta)\,ds` with the basis
    :math:`g(s) = (1, \sqrt2\cos 2\pi s, \sqrt2\sin 2\pi s, \sqrt2\cos 4\pi s, \ldots)`.

    Parameters
    ----------
    order : int
        Number of coefficients: odd, for complete pairs of cosine and sine.
    theta : float
        Length of the window, in the unit of time of the model; positive.
    as_published : bool
        Use the matrices of the HiPPO paper, :math:`\theta A = J - b b^\mathsf{T}` and :math:`\theta B = b`.
        Their memory is not a window: see Notes.
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
    A Fourier series converges to the mean of its two ends. The true window therefore estimates the input that
    leaves as twice the series minus u(t) [2]_. The paper [1]_ uses the series itself. The weights of the last
    window and of those before are then 2/3, 2/9, 2/27, ...: this is `foud` with retention 1/3. The window of
    the S4 code is ``theta=2``. `symbolic.fout` derives both.

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
    return build(FouT(kappa=1.0 if as_published else 2.0, length=theta), order, like, dtype)


@on_its_device
def foud(
    order: int, retention: float, theta: float = 1.0, *, like: Array | None = None, dtype: Any = None
) -> StateSpace:
    r"""Return Fourier decay: the past folded into one window, with a weight that falls from window to window.

    .. math:: c'(t) = A c(t) + B u(t), \qquad \theta A = J - \kappa\,b b^\mathsf{T}, \quad
        \theta B = \kappa\,b, \quad \kappa = \frac{2(1-r)}{1+r}

    with J and b of `fout`. The state is :math:`\frac1\theta \int_0^\infty u(t-s)\,g(s/\theta)\,(1-r)\,
    r^{\lfloor s/\theta \rfloor}\,ds` in the limit of large orders.

    Parameters
    ----------
    order : int
        Number of coefficients: odd, for complete pairs of cosine and sine.
    retention : float
        r, in [0, 1): the part of the memory that is left one window later. 0 is `fout`, 1/3 is `fout` as
        published.
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
    return build(FouD(kappa=kappa, length=theta), order, like, dtype)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class _FourierWindow(TranslatedMeasure):
    """A Fourier series of the window, with the closure kappa: 2 for the true window."""

    kappa: float

    def check_order(self, order: Any) -> int:
        return check_odd(order)

    def unit_matrices(self, order: int) -> Matrices:
        r"""Return :math:`A = J - \kappa\,b b^\mathsf{T}` and :math:`B = \kappa\,b`."""
        squares = fourier_present_squared(order)
        turn = np.zeros(order - 1)
        turn[1::2] = 2.0 * np.pi * np.arange(1, (order + 1) // 2)
        A = np.diag(turn, -1) - np.diag(turn, 1) - self.kappa * root_of_products(squares)
        return A, self.kappa * np.sqrt(squares)

    def orthonormal_structure(self, order: int) -> BlockDiagonal:
        n = np.arange(order)
        partner = np.where(n == 0, 0, np.where(n % 2 == 1, n + 1, n - 1))
        turn = np.where(n == 0, 0.0, np.where(n % 2 == 1, -1.0, 1.0)) * (2.0 * np.pi) * ((n + 1) // 2)
        present = np.sqrt(fourier_present_squared(order))
        # kappa is part of l, so that l is a multiple of B.
        left = (self.kappa / self.length) * present
        return BlockDiagonal(0.0 * turn, turn / self.length, partner, left, present)

    def basis(self, order: int, t: Array) -> Array:
        return fourier_basis(order, 1.0 - t)

    def readable(self, t: Array) -> tuple[Array, str]:
        return within_window(t, self.length)

    def older(self, x: Vector, like: Array) -> Iterator[Array]:
        """Yield the integrals of the decayed waves from the age x on."""
        fading, windows = self._retention(), np.floor(x)
        weight = fading**windows
        yield asarray_like(weight * (1.0 - (1.0 - fading) * (x - windows)), like)
        weight = asarray_like((1.0 - fading) * weight, like)
        for n, (cosine, sine) in enumerate(waves(x, like), start=1):
            root = weight * (-1.0 / (math.sqrt(2.0) * math.pi * n))
            yield root * sine
            yield root * (1.0 - cosine)

    def reach(self, order: int) -> float:
        fading = self._retention()
        return 1.0 + (math.ceil(-_GONE / math.log(fading)) if fading else 0.0)

    def bilinear_states(self, u: Array, c: Array, h: float, every: int) -> Array:
        return fourier_window(u, c, h, self.kappa, every)

    def _retention(self) -> float:
        """Return the fraction that the memory keeps of the previous window."""
        return (2.0 - self.kappa) / (2.0 + self.kappa)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FouT(_FourierWindow):
    """The measure of `fout`."""

    name: ClassVar[str] = "fout"
    clock: ClassVar[Clock] = "window"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FouD(_FourierWindow):
    """The measure of `foud`."""

    name: ClassVar[str] = "foud"
    clock: ClassVar[Clock] = "endless"


@accelerated
def fourier_window(u: Array, c: Array, h: float, kappa: float, every: int) -> Array:
    """Return the saved states of a Fourier window with the closure kappa, by bilinear steps of h windows.

    The kernel solves a step in O(n).
    """
    return matrix_states(FouT(kappa=kappa).unit_matrices(c.shape[1]), u, c, h, every)


def check_odd(order: Any) -> int:
    """Return the order of a Fourier series: complete pairs of cosine and sine."""
    count = check_count("order", order)
    if count % 2 == 0:
        raise ValueError(
            f"order must be odd, the constant and pairs of cosine and sine; got {count}: take {count + 1}"
        )
    return count


def fourier_basis(order: int, turns: Array) -> Array:
    """Return 1, sqrt(2) cos, sqrt(2) sin, ... of these turns, shape (times, order)."""
    xp, root = array_namespace(turns), math.sqrt(2.0)
    rows = [xp.ones_like(turns)]
    for cosine, sine in islice(waves(turns), order // 2):
        rows += [root * cosine, root * sine]
    return xp.stack(rows, axis=-1)


def fourier_present_squared(order: int) -> Vector:
    """Return the squares of the Fourier basis 1, cos, sin, cos, sin, ... at the age 0."""
    n = np.arange(order)
    return np.where(n == 0, 1.0, np.where(n % 2 == 1, 2.0, 0.0))
