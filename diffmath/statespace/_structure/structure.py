r"""The interface of a structured matrix: fast products, solves and resolvents.

A structure gives the entries of A by vectors, O(n) numbers. It computes three results without forming a
matrix: :math:`A x`; :math:`(pI - gA)^{-1} v`, which every rational step and every frequency needs; and
:math:`C (pI - gA)^{-1} B` for many frequencies at once. The quotient p / g, which is infinite at the Nyquist
frequency of the bilinear rule, is not formed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.typing import Array

__all__ = ["DENSE", "Dense", "Structure", "Vector", "as_complex", "blocks", "scaled", "widest_dtypes"]

Vector = npt.NDArray[np.float64]

# Size of one block of temporaries: 16 MiB of complex numbers.
_BLOCK = 1 << 20


class Structure(ABC):
    """A structured state matrix A of n states.

    A diagonal gauge and a tilt keep the structure: `transformed` returns that of the new matrix.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def order(self) -> int:
        """Number of states, n."""

    @abstractmethod
    def entries(self) -> Vector:
        """Return A, shape (n, n)."""

    @abstractmethod
    def multiply(self, x: Array) -> Array:
        """Return A x for x of shape (..., n)."""

    @abstractmethod
    def solve(self, p: Any, g: Any, v: Array) -> Array:
        """Return (pI - gA)^-1 v for v of shape (..., n); p and g are numbers, or shaped like v[..., 0]."""

    @abstractmethod
    def resolvent(self, C: Array, B: Array, p: Array, g: Array) -> Array:
        """Return C (pI - gA)^-1 B, shape (outputs, m).

        C has shape (outputs, n), B (n,) or (outputs, n), p and g complex (m,) or (outputs, m).
        """

    @abstractmethod
    def transformed(self, *, rate: float = 0.0, gauge: Vector | None = None) -> Structure:
        """Return the structure of G (A - rate I) G^-1, G the diagonal matrix of `gauge`."""

    @property
    def decay(self) -> float:
        """A lower bound of the decay rates of all modes; 0 if none is known."""
        return 0.0

    def __repr__(self) -> str:
        return f"{type(self).__name__}(order={self.order})"


@dataclass(frozen=True, eq=False, repr=False)
class Dense(Structure):
    """A matrix without structure. A product costs O(n^2), a solve or a frequency O(n^3).

    Parameters
    ----------
    A : array, shape (n, n)

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> system = ss.StateSpace(np.diag([-1.0, -2.0]), np.ones(2))
    >>> system.structure
    Dense(order=2)
    >>> system.structure.solve(1.0, 0.5, np.ones(2)).round(3)  # (I - A / 2)^-1 v
    array([0.667, 0.5  ])
    """

    A: Array
    name: ClassVar[str] = "dense"

    @property
    def order(self) -> int:
        return int(self.A.shape[0])

    def entries(self) -> Any:
        return self.A

    def multiply(self, x: Array) -> Array:
        return x @ array_namespace(x).matrix_transpose(self._in(x))

    def solve(self, p: Any, g: Any, v: Array) -> Array:
        xp = array_namespace(v)
        p, g = (part[..., None, None] if compat.is_array_api_obj(part) else part for part in (p, g))
        identity = xp.eye(self.order, dtype=v.dtype, device=compat.device(v))
        matrix, n = p * identity - g * self._in(v), self.order
        lead = np.broadcast_shapes(tuple(matrix.shape[:-2]), tuple(v.shape[:-1]))
        # Computed explicitly: CuPy's solve does not broadcast.
        sides = xp.broadcast_to(v, (*lead, n))[..., None]
        solved: Array = xp.linalg.solve(xp.broadcast_to(matrix, (*lead, n, n)), sides)
        return solved[..., 0]

    def resolvent(self, C: Array, B: Array, p: Array, g: Array) -> Array:
        if B.ndim == 2:
            rows = [self.resolvent(C[i : i + 1, :], B[i, :], *_row(i, p, g)) for i in range(C.shape[0])]
            return array_namespace(C).concat(rows)
        xp, n = array_namespace(C), self.order
        if p.ndim == 2:
            rows = [self.resolvent(C[i : i + 1, :], B, *_row(i, p, g)) for i in range(C.shape[0])]
            return xp.concat(rows)
        identity = xp.eye(n, dtype=p.dtype, device=compat.device(p))
        A, B, C = (xp.astype(part, p.dtype) for part in (self.A, B, C))
        found = []
        for block in blocks(p.shape[0], n**2):
            matrices = p[block][:, None, None] * identity - g[block][:, None, None] * A
            sides = xp.broadcast_to(B[:, None], (matrices.shape[0], n, 1))
            found.append((C @ xp.linalg.solve(matrices, sides))[:, :, 0])
        return xp.matrix_transpose(xp.concat(found, axis=0))

    def transformed(self, *, rate: float = 0.0, gauge: Vector | None = None) -> Dense:
        xp = array_namespace(self.A)
        A = self.A - rate * xp.eye(self.order, dtype=self.A.dtype, device=compat.device(self.A))
        if gauge is not None:
            scale = asarray_like(gauge, A)
            A = scale[:, None] * A / scale
        return Dense(A)

    def _in(self, like: Array) -> Array:
        """Return A in the precision of the data."""
        return array_namespace(like).astype(self.A, like.dtype, copy=False)


# The default of a system without a structure, which replaces it by its own A.
DENSE: Structure = Dense(np.empty((0, 0)))


def _row(i: int, p: Array, g: Array) -> tuple[Array, Array]:
    return (p[i, :], g[i, :]) if p.ndim == 2 else (p, g)


def scaled(vector: Vector, gauge: Vector | None, *, inverse: bool = False) -> Vector:
    """Return a vector of a structure times a gauge or divided by it; unchanged without a gauge."""
    if gauge is None:
        return vector
    result: Vector = vector / gauge if inverse else vector * gauge
    return result


def blocks(length: int, width: int) -> Iterator[slice]:
    """Split `length` rows of `width` numbers into blocks."""
    rows = max(1, _BLOCK // width)
    for start in range(0, length, rows):
        yield slice(start, min(start + rows, length))


def as_complex(real: Array, imag: Array) -> Array:
    """Return real + i imag in the widest precision."""
    dtype = widest_dtypes(real)[1]
    xp = array_namespace(real)
    return xp.astype(real, dtype) + 1j * xp.astype(imag, dtype)


def widest_dtypes(like: Array) -> tuple[Any, Any]:
    """Return the widest real and complex dtypes of a library: float32 and complex64 in JAX without x64."""
    xp = array_namespace(like)
    known = xp.__array_namespace_info__().dtypes(device=compat.device(like))
    return (xp.float64, xp.complex128) if "float64" in known else (xp.float32, xp.complex64)
