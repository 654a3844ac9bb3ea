"""Linear operators on the states of a batch: a matrix, a mask, or a pair of callables.

Each maps states (batch, \\*state) to measurements (batch, m), and back by its adjoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from diffmath._arrays.callables import check_result
from diffmath._arrays.namespace import array_namespace, device, to_numpy
from diffmath._core.typing import Array
from diffmath.diffusion._exact import HostArray, send
from diffmath.diffusion._targets import row_product
from diffmath.random import key, normal

__all__ = ["DIRECT", "MatrixOperator", "Operator", "PairOperator", "SelectOperator", "flat"]

# Eigenvalues (m,) and eigenvectors (m, m) of H H^T on the host; None are those of the coordinates.
Spectrum = tuple[HostArray, HostArray | None]
# Up to this many measurements the linear system of a row is solved directly.
DIRECT = 64


class Operator(Protocol):
    """H and its adjoint; `size` is m, `dim` the entries of a state. An unknown spectrum is None."""

    @property
    def size(self) -> int: ...
    @property
    def dim(self) -> int: ...
    def forward(self, x: Array) -> Array: ...
    def adjoint(self, u: Array, x: Array) -> Array: ...
    def spectrum(self, like: Array) -> Spectrum | None: ...


def flat(x: Array) -> Array:
    """Return the states as rows, (batch, dim)."""
    return array_namespace(x).reshape(x, (x.shape[0], math.prod(x.shape[1:])))


@dataclass(frozen=True, eq=False)
class MatrixOperator:
    """A host matrix (m, dim)."""

    matrix: HostArray

    @property
    def size(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def dim(self) -> int:
        return int(self.matrix.shape[1])

    def forward(self, x: Array) -> Array:
        return row_product(flat(x), array_namespace(x).matrix_transpose(send(self.matrix, x)))

    def adjoint(self, u: Array, x: Array) -> Array:
        return array_namespace(u).reshape(row_product(u, send(self.matrix, u)), (u.shape[0], *x.shape[1:]))

    def spectrum(self, like: Array) -> Spectrum | None:
        return self._spectrum

    @cached_property
    def _spectrum(self) -> Spectrum:
        return _spectrum(self.matrix @ self.matrix.T)


@dataclass(frozen=True, eq=False)
class SelectOperator:
    """The entries of a state where a host mask is true, in the order of the flattened state."""

    mask: Any

    @property
    def size(self) -> int:
        return int(np.sum(self.mask))

    @property
    def dim(self) -> int:
        return int(self.mask.size)

    def forward(self, x: Array) -> Array:
        return array_namespace(x).take(flat(x), self._indices(np.flatnonzero(self.mask), x), axis=1)

    def adjoint(self, u: Array, x: Array) -> Array:
        xp = array_namespace(u)
        # Entry i of a state is measurement places[i], or the zero that is appended.
        places = np.where(self.mask.ravel(), np.cumsum(self.mask) - 1, self.size)
        padded = xp.concat([u, xp.zeros_like(u[:, :1])], axis=1)
        return xp.reshape(xp.take(padded, self._indices(places, x), axis=1), (u.shape[0], *x.shape[1:]))

    def spectrum(self, like: Array) -> Spectrum | None:
        return np.ones(self.size), None

    def _indices(self, values: Any, like: Array) -> Array:
        return array_namespace(like).asarray(values.astype(np.int64), device=device(like))


@dataclass(frozen=True, eq=False)
class PairOperator:
    """Callables forward(x) and adjoint(u) on batches of states and of measurements."""

    forward_function: Callable[[Array], Array]
    adjoint_function: Callable[[Array], Array]
    state_shape: tuple[int, ...]
    y_shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.y_shape)

    @property
    def dim(self) -> int:
        return math.prod(self.state_shape)

    def forward(self, x: Array) -> Array:
        found = self.forward_function(x)
        return flat(check_result("forward(x)", found, x, (x.shape[0], *self.y_shape)))

    def adjoint(self, u: Array, x: Array) -> Array:
        shaped = array_namespace(u).reshape(u, (u.shape[0], *self.y_shape))
        found = self.adjoint_function(shaped)
        return check_result("adjoint(u)", found, u, (u.shape[0], *self.state_shape))

    def spectrum(self, like: Array) -> Spectrum | None:
        if self.size > DIRECT:
            return None
        xp = array_namespace(like)
        columns = xp.eye(self.size, dtype=like.dtype, device=device(like))
        states = xp.zeros((self.size, *self.state_shape), dtype=like.dtype, device=device(like))
        return _spectrum(to_numpy(self.forward(self.adjoint(columns, states))).astype(np.float64))

    def check(self, like: Array) -> None:
        """Refuse a pair whose second is not the adjoint of the first, as that of a nonlinear one is none."""
        xp, k = array_namespace(like), key(0)
        x = normal(k, (2, *self.state_shape), like=like)
        u = normal(k, (2, self.size), like=like)
        hx, hu = self.forward(x), self.adjoint(u, x)
        scale = xp.sqrt(xp.sum(hx**2, axis=1) * xp.sum(u**2, axis=1))
        gap = xp.abs(xp.sum(hx * u, axis=1) - xp.sum(flat(x) * flat(hu), axis=1))
        # Sums of many terms, in the precision of y: far below what a wrong adjoint gives.
        small = 1e3 * float(xp.finfo(like.dtype).eps) * max(self.size, self.dim) ** 0.5
        if bool(xp.any(gap > small * scale)):
            raise ValueError(
                "forward must be linear and adjoint its adjoint, <forward(x), u> = <x, adjoint(u)>; for "
                f"random x and u they differ by {float(xp.max(gap / scale)):.1e} of |forward(x)| |u|"
            )


def _spectrum(gram: HostArray) -> Spectrum:
    values, vectors = np.linalg.eigh((gram + gram.T) / 2)
    return np.maximum(values, 0.0), vectors
