"""What the state of a HiPPO system means: its measure, with the matrices and the structure that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.typing import Array
from diffmath.statespace._structure import matrices as _matrices
from diffmath.statespace._structure.block_diagonal import BlockDiagonal
from diffmath.statespace._structure.lower_cumulative import LowerCumulative
from diffmath.statespace._structure.matrices import Matrices
from diffmath.statespace._structure.structure import DENSE, Structure, Vector
from diffmath.statespace._structure.tridiagonal_inverse import TridiagonalInverse

__all__ = ["Measure"]

Clock = Literal["scaled", "window", "endless"]


@dataclass(frozen=True, eq=False, repr=False)
class Measure:
    r"""A measure of the past, numerically: which, its parameters, its unit of time and its gauge.

    Parameters
    ----------
    name : str
        Of the builder: "legs", "jacs", "legt", "lagt", "fout", "foud", "fous".
    parameters : tuple of float
        Of the closed form: beta of JacS, alpha and beta of LagT, kappa of the Fourier windows.
    length : float
        Theta of a window, timescale of an endless measure; 1 for scaled ones.
    gauge : numpy.ndarray, shape (n,) or (n, n), optional
        The state is this matrix (or diagonal) times the coefficients in the orthonormal gauge.
    """

    name: str
    parameters: tuple[float, ...] = ()
    length: float = 1.0
    gauge: Vector | None = None

    @property
    def clock(self) -> Clock:
        """Scaled by the time elapsed, a window that slides, or an endless past."""
        return _FORMS[self.name].clock

    def matrices(self, order: int) -> Matrices:
        """Return A (order, order) and B (order,)."""
        A, B = (part / self.length for part in _FORMS[self.name].matrices(order, *self.parameters))
        if self.gauge is None:
            return A, B
        if self.gauge.ndim == 1:
            return self.gauge[:, None] * A / self.gauge, self.gauge * B
        turned = np.asarray(np.linalg.solve(self.gauge.T, (self.gauge @ A).T).T, dtype=np.float64)
        return turned, self.gauge @ B

    def structure(self, order: int) -> Structure:
        """Return the structure of A, dense if it has none of those that are known."""
        form = _FORMS[self.name].structure
        if form is None or (self.gauge is not None and self.gauge.ndim == 2):
            return DENSE
        return form(order, self.length, *self.parameters).transformed(gauge=self.gauge)

    @property
    def slack(self) -> float:
        """How much the products and solves of a full gauge magnify the rounding of A and B."""
        if self.gauge is None or self.gauge.ndim == 1:
            return 1.0
        return float(self.gauge.shape[0] * np.linalg.cond(self.gauge))

    def regauged(self, gauge: Vector) -> Measure:
        """Return this measure with a state that is multiplied by a further gauge."""
        if self.gauge is None:
            return replace(self, gauge=gauge)
        if gauge.ndim == 1 and self.gauge.ndim == 1:
            return replace(self, gauge=gauge * self.gauge)
        after, before = (np.diag(part) if part.ndim == 1 else part for part in (gauge, self.gauge))
        return replace(self, gauge=after @ before)

    def turn(self, c: Array) -> Array:
        """Return orthonormal coefficients (..., n) in the gauge of this measure."""
        if self.gauge is None:
            return c
        gauge = asarray_like(self.gauge, c)
        return c * gauge if gauge.ndim == 1 else c @ array_namespace(c).matrix_transpose(gauge)

    def turn_back(self, c: Array) -> Array:
        """Return the orthonormal coefficients (..., n) of those in the gauge of this measure."""
        if self.gauge is None:
            return c
        xp, gauge = array_namespace(c), asarray_like(self.gauge, c)
        if gauge.ndim == 1:
            return c / gauge
        solved = xp.linalg.solve(gauge, xp.matrix_transpose(xp.reshape(c, (-1, gauge.shape[0]))))
        return xp.reshape(xp.matrix_transpose(solved), c.shape)

    def turn_rows(self, rows: Array) -> Array:
        """Return what reads orthonormal coefficients, (m, n), as what reads those in the gauge."""
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


@dataclass(frozen=True)
class _Form:
    clock: Clock
    matrices: Callable[..., Matrices]
    structure: Callable[..., Structure] | None


def _jacs(order: int, length: float, beta: float = 0.0) -> LowerCumulative:
    n = np.arange(order, dtype=np.float64)
    root = np.sqrt(2.0 * n + (1.0 + beta))
    return LowerCumulative(n + (1.0 + beta), root, root)


def _legt(order: int, length: float) -> TridiagonalInverse:
    root = np.sqrt(2.0 * np.arange(order, dtype=np.float64) + 1.0)
    return TridiagonalInverse(root / length, root)


def _lagt(order: int, length: float, alpha: float, beta: float) -> LowerCumulative:
    growth = np.sqrt(_matrices.laguerre_growth(order, alpha))
    return LowerCumulative(np.full(order, 0.5 * (1.0 + beta) / length), 1.0 / (growth * length), growth)


def _fourier(order: int, length: float, kappa: float) -> BlockDiagonal:
    n = np.arange(order)
    partner = np.where(n == 0, 0, np.where(n % 2 == 1, n + 1, n - 1))
    turn = np.where(n == 0, 0.0, np.where(n % 2 == 1, -1.0, 1.0)) * (2.0 * np.pi) * ((n + 1) // 2)
    present = np.sqrt(_matrices.fourier_present_squared(order))
    # kappa is shared out so that l is a multiple of B.
    return BlockDiagonal(0.0 * turn, turn / length, partner, (kappa / length) * present, present)


_FORMS: Mapping[str, _Form] = {
    "legs": _Form("scaled", _matrices.legs_matrices, _jacs),
    "jacs": _Form("scaled", _matrices.jacs_matrices, _jacs),
    "legt": _Form("window", _matrices.legt_matrices, _legt),
    "lagt": _Form("endless", _matrices.lagt_matrices, _lagt),
    "fout": _Form("window", _matrices.fourier_matrices, _fourier),
    "foud": _Form("endless", _matrices.fourier_matrices, _fourier),
    "fous": _Form("scaled", _matrices.fous_matrices, None),
}
