"""The interface of a measure: the meaning of the states of a HiPPO system, and their gauge."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, Self, TypeAlias

import numpy as np

from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.counts import check_count
from diffmath._core.typing import Array
from diffmath.statespace._structure.structure import DENSE, Structure, Vector

__all__ = ["Clock", "Matrices", "Measure"]

Clock: TypeAlias = Literal["scaled", "window", "endless"]
Matrices: TypeAlias = tuple[Vector, Vector]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Measure(ABC):
    r"""A measure of the past, numerically.

    The state of its system is :math:`c_n(t) = \int u(t-s)\,K_n(s)\,ds`, and the past is reconstructed as
    :math:`\hat u(t-s) = \sum_n c_n\,g_n(s)`. A family is a class with one field per parameter. It defines the
    matrices, the basis g and the integrals of the kernels K in the orthonormal gauge, in units of its length.
    The methods here apply the length and the gauge.

    Parameters
    ----------
    length : float
        The window theta, or the timescale of an endless measure; 1 for scaled measures.
    gauge : numpy.ndarray, shape (n,) or (n, n), optional
        The state is this matrix (or diagonal) times the orthonormal coefficients.

    Attributes
    ----------
    name : str
        Name of the function of `statespace` that builds the system.
    clock : {"scaled", "window", "endless"}
        The elapsed time, a sliding window, or an endless past.
    """

    name: ClassVar[str]
    clock: ClassVar[Clock]

    length: float = 1.0
    gauge: Vector | None = None

    @abstractmethod
    def unit_matrices(self, order: int) -> Matrices:
        """Return A (order, order) and B (order,), orthonormal, in units of the length."""

    @abstractmethod
    def basis(self, order: int, t: Array) -> Array:
        """Return the orthonormal basis functions (times, order) at the positions t; t = 1 is now."""

    @abstractmethod
    def older(self, x: Vector, like: Array) -> Iterator[Array]:
        """Yield the integral of each orthonormal kernel over everything older than the knots x.

        One array (knots,) for each n, without end, on the device of `like`. For scaled measures a knot is a
        position in the history, in [0, 1]; for others it is an age in units of the length.
        """

    @abstractmethod
    def project(self, u: Array, order: int, step: float) -> Array:
        """Return the coefficients (channels, order), orthonormal, of u (samples, channels).

        A sample lasts `step` in units of the length; scaled measures ignore it.
        """

    @abstractmethod
    def readable(self, t: Array) -> tuple[Array, str]:
        """Return a mask of the moments t at which the basis is defined, and the requirement for messages."""

    def orthonormal_structure(self, order: int) -> Structure | None:
        """Return the structure of A in the orthonormal gauge, with the length; None if there is none."""
        return None

    def check_order(self, order: Any) -> int:
        """Return an order as a Python int, or refuse one that the family does not have."""
        return check_count("order", order)

    @property
    def parameters(self) -> tuple[float, ...]:
        """Return the parameters of the family."""
        return tuple(getattr(self, f.name) for f in fields(self) if f.name not in ("length", "gauge"))

    def matrices(self, order: int) -> Matrices:
        """Return A (order, order) and B (order,), with the length and in the gauge."""
        A, B = (part / self.length for part in self.unit_matrices(order))
        if self.gauge is None:
            return A, B
        if self.gauge.ndim == 1:
            return self.gauge[:, None] * A / self.gauge, self.gauge * B
        changed = np.asarray(np.linalg.solve(self.gauge.T, (self.gauge @ A).T).T, dtype=np.float64)
        return changed, self.gauge @ B

    def structure(self, order: int) -> Structure:
        """Return the structure of A in the gauge; dense if none is known."""
        if self.gauge is not None and self.gauge.ndim == 2:
            return DENSE
        known = self.orthonormal_structure(order)
        return DENSE if known is None else known.transformed(gauge=self.gauge)

    @property
    def rounding_factor(self) -> float:
        """Return the factor by which products and solves of a full gauge amplify the rounding of A and B."""
        if self.gauge is None or self.gauge.ndim == 1:
            return 1.0
        return float(self.gauge.shape[0] * np.linalg.cond(self.gauge))

    def regauged(self, gauge: Vector) -> Self:
        """Return this measure with the state multiplied by a further gauge."""
        if self.gauge is None:
            return replace(self, gauge=gauge)
        if gauge.ndim == 1 and self.gauge.ndim == 1:
            return replace(self, gauge=gauge * self.gauge)
        after, before = (np.diag(part) if part.ndim == 1 else part for part in (gauge, self.gauge))
        return replace(self, gauge=after @ before)

    def to_gauge(self, c: Array) -> Array:
        """Return orthonormal coefficients (..., n) in the gauge of this measure."""
        if self.gauge is None:
            return c
        gauge = asarray_like(self.gauge, c)
        return c * gauge if gauge.ndim == 1 else c @ array_namespace(c).matrix_transpose(gauge)

    def from_gauge(self, c: Array) -> Array:
        """Return the orthonormal coefficients of coefficients (..., n) in the gauge of this measure."""
        if self.gauge is None:
            return c
        xp, gauge = array_namespace(c), asarray_like(self.gauge, c)
        if gauge.ndim == 1:
            return c / gauge
        solved = xp.linalg.solve(gauge, xp.matrix_transpose(xp.reshape(c, (-1, gauge.shape[0]))))
        return xp.reshape(xp.matrix_transpose(solved), c.shape)

    def rows_to_gauge(self, rows: Array) -> Array:
        """Convert rows (m, n) for orthonormal coefficients to rows for coefficients in the gauge."""
        if self.gauge is None:
            return rows
        xp, gauge = array_namespace(rows), asarray_like(self.gauge, rows)
        if gauge.ndim == 1:
            return rows / gauge
        solved = xp.linalg.solve(xp.matrix_transpose(gauge), xp.matrix_transpose(rows))
        return xp.matrix_transpose(solved)

    def __repr__(self) -> str:
        given = ", ".join(f"{value:g}" for value in self.parameters)
        return f"{self.name}({given})" if given else self.name
