"""JacS: the whole history weighted by a power of the position, in Jacobi polynomials."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import asarray_like
from diffmath._core.typing import Array
from diffmath.statespace._measures.build import build
from diffmath.statespace._measures.closed_forms import root_of_products, scaled_functions
from diffmath.statespace._measures.log_time import log_time_bilinear
from diffmath.statespace._measures.scaled import ScaledMeasure
from diffmath.statespace._structure import LowerCumulative, Matrices, Vector, check_parameter, jacobi
from diffmath.statespace._system import StateSpace

__all__ = ["JacS", "jacobi_matrices", "jacobi_older", "jacobi_structure", "jacs"]


@on_its_device
def jacs(order: int, beta: float, *, like: Array | None = None, dtype: Any = None) -> StateSpace:
    r"""Return JacS: a scaled measure that weights the history by a power; LegS is beta = 0.

    .. math:: t\,c'(t) = A c(t) + B u(t), \qquad A_{nk} = -\sqrt{(2n+\beta+1)(2k+\beta+1)}\ (k < n), \quad
        A_{nn} = -(n+\beta+1), \quad B_n = \sqrt{2n+\beta+1}

    The state :math:`c_n(t) = \int_0^1 u(ts)\,\sqrt{2n+\beta+1}\,P_n^{(0,\beta)}(2s-1)\,s^\beta\,ds` holds the
    coefficients of the best polynomial under the weight :math:`s^\beta`. The equation is exact.

    Parameters
    ----------
    order : int
        Number of coefficients, at least 1.
    beta : float
        Greater than -1. Positive values weight recent times more.
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
    The gauge is orthonormal, and there is no unit of time. `symbolic.jacs` derives the matrices. The
    time-invariant system :math:`x' = A x + B u` has the impulse responses
    :math:`e^{-(\beta+1)t} \sqrt{2n+\beta+1} P_n^{(0,\beta)}(2e^{-t} - 1)`.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.jacs(2, beta=1).A.round(3)
    array([[-2.   ,  0.   ],
           [-2.828, -3.   ]])
    """
    beta = check_parameter("beta", beta, above=-1.0)
    return build(JacS(beta=beta), order, like, dtype)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class JacS(ScaledMeasure):
    """The measure of `jacs`."""

    name: ClassVar[str] = "jacs"

    beta: float

    def unit_matrices(self, order: int) -> Matrices:
        return jacobi_matrices(order, self.beta)

    def orthonormal_structure(self, order: int) -> LowerCumulative:
        return jacobi_structure(order, self.beta)

    def basis(self, order: int, t: Array) -> Array:
        scales = np.sqrt(2.0 * np.arange(order) + (1.0 + self.beta))
        return scaled_functions(jacobi(2.0 * t - 1.0, 0.0, self.beta), scales)

    def older(self, x: Vector, like: Array) -> Iterator[Array]:
        return jacobi_older(x, like, self.beta)

    def bilinear_states(self, u: Array, c: Array, heard: int, every: int, ahead: int) -> Array:
        return log_time_bilinear(u, c, self.beta, heard, every, ahead)


def jacobi_matrices(order: int, beta: float) -> Matrices:
    r"""Return A (order, order) and B (order,) of JacS; correctly rounded for beta = 0, LegS.

    .. math:: A_{nk} = -\sqrt{(2n+\beta+1)(2k+\beta+1)}\ (k < n), \quad A_{nn} = -(n+\beta+1), \quad
        B_n = \sqrt{2n+\beta+1}
    """
    n = np.arange(order, dtype=np.float64)
    odd = 2.0 * n + (1.0 + beta)
    return np.tril(-root_of_products(odd), -1) + np.diag(-(n + (1.0 + beta))), np.sqrt(odd)


def jacobi_structure(order: int, beta: float) -> LowerCumulative:
    """Return the structure of these matrices."""
    n = np.arange(order, dtype=np.float64)
    root = np.sqrt(2.0 * n + (1.0 + beta))
    return LowerCumulative(n + (1.0 + beta), root, root)


def jacobi_older(s: Vector, like: Array, beta: float) -> Iterator[Array]:
    r"""Yield the integrals of :math:`\sqrt{2n+\beta+1} P_n^{(0,\beta)}(2s-1) s^\beta` from 0 to s."""
    power = asarray_like(s ** (beta + 1.0), like)
    yield power / math.sqrt(beta + 1.0)
    vanishing, x = power * asarray_like(1.0 - s, like), asarray_like(2.0 * s - 1.0, like)
    for n, value in enumerate(jacobi(x, 1.0, beta + 1.0, vanishing), start=1):
        yield (-math.sqrt(2.0 * n + beta + 1.0) / n) * value
