"""FouS: the whole history in a Fourier series, by a truncated equation."""

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
from diffmath.statespace._measures.log_time import log_time_modes
from diffmath.statespace._measures.scaled import ScaledMeasure
from diffmath.statespace._measures.window_fourier import check_odd, fourier_basis, fourier_present_squared
from diffmath.statespace._structure import Matrices, Vector, waves
from diffmath.statespace._system import StateSpace

__all__ = ["FouS", "fous"]


@on_its_device
def fous(order: int, *, like: Array | None = None, dtype: Any = None) -> StateSpace:
    r"""Return FouS: the Fourier series of the whole past, by a truncated equation.

    .. math:: t\,c'(t) = A c(t) + B u(t), \qquad A_{nk} = -\int_0^1 (s\,g_n)'(s)\,g_k(s)\,ds, \quad
        B = b = (1, \sqrt2, 0, \sqrt2, 0, \ldots)

    for :math:`c_n(t) = \int_0^1 u(ts)\,g_n(s)\,ds` with the basis g of `fout`.

    Parameters
    ----------
    order : int
        Number of coefficients: odd, for complete pairs of cosine and sine.
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
    The derivatives of the kernels are not in the span of the kernels; A is their projection. All eigenvalues
    have real part -1, and the eigenvectors are well conditioned, unlike those of the exact scaled memories.
    The gauge is orthonormal, and there is no unit of time. `symbolic.fous` derives the matrices and the norm
    of the truncated part.

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
    return build(FouS(), order, like, dtype)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FouS(ScaledMeasure):
    """The measure of `fous`."""

    name: ClassVar[str] = "fous"

    def check_order(self, order: Any) -> int:
        return check_odd(order)

    def unit_matrices(self, order: int) -> Matrices:
        r"""Return A and B: the projection of :math:`-(s g)'` onto the Fourier series of the history.

        Between p and q waves :math:`2p^2/(q^2-p^2)` from cosine to cosine and :math:`2pq/(q^2-p^2)` from sine
        to sine, where :math:`p \ne q`; -3/2 and -1/2 on the diagonal; :math:`\pm\pi p` between the cosine
        and the sine of p waves. The constant enters the cosines by :math:`-\sqrt2`.
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

    def basis(self, order: int, t: Array) -> Array:
        return fourier_basis(order, t)

    def older(self, x: Vector, like: Array) -> Iterator[Array]:
        """Yield the integrals of the waves from 0 to x."""
        yield asarray_like(x, like)
        for n, (cosine, sine) in enumerate(waves(x, like), start=1):
            scale = 1.0 / (math.sqrt(2.0) * math.pi * n)
            yield scale * sine
            yield scale * (1.0 - cosine)

    def bilinear_states(self, u: Array, c: Array, heard: int, every: int, ahead: int) -> Array:
        return log_time_modes(self.unit_matrices(c.shape[1]), u, c, heard, every, ahead)
