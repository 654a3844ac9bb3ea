"""A and B of every HiPPO measure in closed form, vectorised, in units of the measure's window.

The entries are square roots of rational numbers, rounded once or twice; `symbolic.derive_hippo` derives them.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "Matrices", "fourier_matrices", "fourier_present_squared", "fous_matrices", "jacs_matrices",
    "lagt_matrices", "laguerre_growth", "legs_matrices", "legt_matrices",
]  # fmt: skip

Vector: TypeAlias = npt.NDArray[np.float64]
Matrices: TypeAlias = tuple[Vector, Vector]


def legs_matrices(order: int) -> Matrices:
    r"""Return A (order, order) and B (order,) of HiPPO-LegS, every entry correctly rounded.

    .. math:: A_{nk} = -\sqrt{(2n+1)(2k+1)}\ (k < n), \quad A_{nn} = -(n+1), \quad B_n = \sqrt{2n+1}
    """
    return jacs_matrices(order, 0.0)


def jacs_matrices(order: int, beta: float) -> Matrices:
    r"""Return A and B of JacS.

    .. math:: A_{nk} = -\sqrt{(2n+\beta+1)(2k+\beta+1)}\ (k < n), \quad A_{nn} = -(n+\beta+1), \quad
        B_n = \sqrt{2n+\beta+1}
    """
    n = np.arange(order, dtype=np.float64)
    odd = 2.0 * n + (1.0 + beta)
    return np.tril(-_root_of_products(odd), -1) + np.diag(-(n + (1.0 + beta))), np.sqrt(odd)


def legt_matrices(order: int) -> Matrices:
    r"""Return A and B of HiPPO-LegT, every entry correctly rounded.

    .. math:: A_{nk} = -\sqrt{(2n+1)(2k+1)}\,\{1\ (k \le n);\ (-1)^{n-k}\ (k > n)\}, \quad
        B_n = \sqrt{2n+1}
    """
    n = np.arange(order, dtype=np.float64)
    odd = 2.0 * n + 1.0
    sign = np.where(n[:, None] >= n, -1.0, 2.0 * ((n[:, None] + n) % 2.0) - 1.0)
    return sign * _root_of_products(odd), np.sqrt(odd)


def lagt_matrices(order: int, alpha: float, beta: float) -> Matrices:
    r"""Return A and B of generalised LagT, with :math:`\gamma_n = \binom{n+\alpha}{n}`.

    .. math:: A_{nk} = -\sqrt{\gamma_k/\gamma_n}\ (k < n), \quad A_{nn} = -\tfrac{1+\beta}{2}, \quad
        B_n = \sqrt{\frac{\gamma_n}{\zeta\,\Gamma(\alpha+1)}}
    """
    growth = laguerre_growth(order, alpha)
    # 1 / zeta, which small beta take to zero; its inverse would overflow.
    share = beta ** (1.0 - alpha) / math.gamma(1.0 - alpha) if beta else 1.0
    A = np.tril(-np.sqrt(growth / growth[:, None]), -1) - 0.5 * (1.0 + beta) * np.eye(order)
    return A, np.sqrt(growth * (share / math.gamma(1.0 + alpha)))


def laguerre_growth(order: int, alpha: float) -> Vector:
    r"""Return :math:`\gamma_n = \binom{n+\alpha}{n}`, shape (order,)."""
    n = np.arange(1, order, dtype=np.float64)
    growth: Vector = np.concatenate([[1.0], np.cumprod((n + alpha) / n)])
    return growth


def fourier_matrices(order: int, kappa: float) -> Matrices:
    r"""Return A and B of a window's Fourier series, closed by :math:`\kappa` (2 for the true window).

    .. math:: A = J - \kappa\,b b^\mathsf{T}, \quad B = \kappa\,b, \quad
        b = (1, \sqrt2, 0, \sqrt2, 0, \ldots)

    J turns the cosine and the sine of n waves by :math:`2\pi n` per window.
    """
    squares = fourier_present_squared(order)
    turn = np.zeros(order - 1)
    turn[1::2] = 2.0 * np.pi * np.arange(1, (order + 1) // 2)
    A = np.diag(turn, -1) - np.diag(turn, 1) - kappa * _root_of_products(squares)
    return A, kappa * np.sqrt(squares)


def fous_matrices(order: int) -> Matrices:
    r"""Return A and B of FouS: the projection of :math:`-(s g)'` onto the Fourier series of the whole past.

    Between p and q waves :math:`2p^2/(q^2-p^2)` from cosine to cosine and :math:`2pq/(q^2-p^2)` from sine to
    sine, where :math:`p \ne q`; -3/2 and -1/2 on the diagonal, and :math:`\pm\pi p` between the cosine and
    the sine of p waves; the constant enters the cosines by :math:`-\sqrt2`.
    """
    p = np.arange(1.0, (order + 1) // 2)
    gap = p**2 - p[:, None] ** 2
    share = np.divide(2.0, gap, out=np.zeros_like(gap), where=gap != 0.0)
    A = np.zeros((order, order))
    A[0, 0], A[1::2, 0] = -1.0, -math.sqrt(2.0)
    A[1::2, 1::2] = share * p[:, None] ** 2 - 1.5 * np.eye(p.size)
    A[2::2, 2::2] = share * p[:, None] * p - 0.5 * np.eye(p.size)
    A[1::2, 2::2], A[2::2, 1::2] = np.diag(np.pi * p), np.diag(-np.pi * p)
    return A, np.sqrt(fourier_present_squared(order))


def fourier_present_squared(order: int) -> Vector:
    """The squares of the Fourier basis 1, cos, sin, cos, sin, ... at age 0."""
    n = np.arange(order)
    return np.where(n == 0, 1.0, np.where(n % 2 == 1, 2.0, 0.0))


def _root_of_products(squares: Vector) -> Vector:
    """One square root of the exact product, not the product of two rounded square roots."""
    root: Vector = np.sqrt(np.outer(squares, squares))
    return root
