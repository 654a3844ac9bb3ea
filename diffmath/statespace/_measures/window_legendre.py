"""LegT: a sliding window, uniformly, in Legendre polynomials."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffmath._arrays.accelerate import accelerated
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import asarray_like
from diffmath._core.typing import Array
from diffmath.statespace._measures.build import build
from diffmath.statespace._measures.closed_forms import legendre_basis, root_of_products
from diffmath.statespace._measures.translated import TranslatedMeasure, matrix_states
from diffmath.statespace._structure import (
    Clock,
    Matrices,
    TridiagonalInverse,
    Vector,
    check_parameter,
    jacobi,
)
from diffmath.statespace._system import StateSpace

__all__ = ["LegT", "legendre_window", "legt"]


@on_its_device
def legt(order: int, theta: float = 1.0, *, like: Array | None = None, dtype: Any = None) -> StateSpace:
    r"""Return HiPPO-LegT: the translated Legendre measure, which weights a sliding window uniformly.

    .. math:: c'(t) = A c(t) + B u(t), \qquad
        A_{nk} = -\frac{\sqrt{(2n+1)(2k+1)}}{\theta} \{1\ (k \le n);\ (-1)^{n-k}\ (k > n)\}, \quad
        B_n = \frac{\sqrt{2n+1}}{\theta}

    For growing `order` the state converges to
    :math:`\frac1\theta \int_0^\theta u(t-s) \sqrt{2n+1}\,P_n(1-2s/\theta)\,ds`, the coefficients of the best
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
    The only approximation is at the old end of the window: the input that leaves is replaced by the value of
    the polynomial there. This is a delay by the Pade approximant [order - 1 / order]. It is accurate if
    `order` exceeds about half of theta times the angular frequency.

    The gauge is orthonormal. The "legt" of the HiPPO code is ``theta=1``, and that of the S4 code is
    ``theta=2``. `change_gauge` gives other conventions, such as that of the Legendre Memory Unit.
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
    return build(LegT(length=theta), order, like, dtype)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LegT(TranslatedMeasure):
    """The measure of `legt`."""

    name: ClassVar[str] = "legt"
    clock: ClassVar[Clock] = "window"

    def unit_matrices(self, order: int) -> Matrices:
        """Return A and B, every entry correctly rounded."""
        n = np.arange(order, dtype=np.float64)
        odd = 2.0 * n + 1.0
        sign = np.where(n[:, None] >= n, -1.0, 2.0 * ((n[:, None] + n) % 2.0) - 1.0)
        return sign * root_of_products(odd), np.sqrt(odd)

    def orthonormal_structure(self, order: int) -> TridiagonalInverse:
        root = np.sqrt(2.0 * np.arange(order, dtype=np.float64) + 1.0)
        return TridiagonalInverse(root / self.length, root)

    def basis(self, order: int, t: Array) -> Array:
        return legendre_basis(order, t)

    def older(self, x: Vector, like: Array) -> Iterator[Array]:
        """Yield the integrals of sqrt(2n+1) P_n(1-2s) from the age x to 1."""
        yield asarray_like(1.0 - x, like)
        polynomials = jacobi(asarray_like(1.0 - 2.0 * x, like), 0.0, 0.0)
        before, here = next(polynomials), next(polynomials)
        for n, after in enumerate(polynomials, start=1):
            yield (0.5 / math.sqrt(2.0 * n + 1.0)) * (after - before)
            before, here = here, after

    def reach(self, order: int) -> float:
        return 1.0

    def bilinear_states(self, u: Array, c: Array, h: float, every: int) -> Array:
        return legendre_window(u, c, h, every)


@accelerated
def legendre_window(u: Array, c: Array, h: float, every: int) -> Array:
    """Return the saved states of LegT by bilinear steps of h windows; the kernel solves a step in O(n)."""
    return matrix_states(LegT().unit_matrices(c.shape[1]), u, c, h, every)
