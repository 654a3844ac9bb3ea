"""The matrices of an implicit step: h J of every row, and inverses made from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np

from diffmath._arrays.namespace import array_namespace, device, expand_like, to_numpy
from diffmath._core.typing import Array, Drift, Time
from diffmath._newton.jacobian import flat_size, jacobian, per_row
from diffmath._stepping.clocks import Mask
from diffmath._stepping.control import sound_rows

__all__ = ["Linearised", "Matrix", "linearise", "multiply"]

# The weights of a block of stages.
Matrix: TypeAlias = tuple[tuple[float, ...], ...]


class Linearised:
    """The matrix h J of every row, and the inverses of ``I - A x h J`` that a step needs."""

    def __init__(self, hJ: Array, x: Array) -> None:
        xp = array_namespace(x)
        self.sound = sound_rows(hJ)  # which rows have a finite matrix, on the device
        # A row that is not finite would affect the others: libraries refuse the whole batch.
        self.matrix = xp.where(expand_like(self.sound, hJ), hJ, xp.zeros_like(hJ))
        self._inverses: dict[Matrix, Array] = {}

    @cached_property
    def finite(self) -> Mask:
        """Which rows have a finite matrix, on the host."""
        return np.asarray(to_numpy(self.sound), dtype=bool)

    def ended(self, x: Array) -> Array:
        """Return `x`, with NaN in the rows without a finite matrix, which the solver then rejects."""
        xp = array_namespace(x)
        return xp.where(expand_like(self.sound, x), x, xp.full_like(x, math.nan))

    def inverse(self, a: Matrix) -> Array:
        """Return the inverse of ``I - A x h J``, (batch, s n, s n); NaN in rows where it is singular."""
        if a not in self._inverses:
            hJ, size = self.matrix, len(a)
            xp, n = array_namespace(hJ), hJ.shape[1]
            rows = [[weight * hJ for weight in row] for row in a]  # host numbers: no copy to the device
            blocks = [row[0] if size == 1 else xp.concat(row, axis=2) for row in rows]
            product = blocks[0] if size == 1 else xp.concat(blocks, axis=1)
            self._inverses[a] = _inverse(xp.eye(size * n, dtype=hJ.dtype, device=device(hJ)) - product)
        return self._inverses[a]

    def solve(self, coefficient: float, x: Array) -> Array:
        """Return ``(I - coefficient h J)^-1 x``."""
        return multiply(self.inverse(((coefficient,),)), [x])[0]


def linearise(f: Drift, t: Time, x: Array, dt: Time, slope: Array | None) -> Linearised:
    """Return h J at the start of a step; `slope` is ``f(t, x)`` if it is known."""
    return Linearised(per_row(dt, x, 3) * jacobian(f, t, x, dt, slope), x)


def multiply(inverse: Array, parts: Sequence[Array]) -> list[Array]:
    """Return the products of a matrix per row with the concatenated rows of `parts`, split again."""
    xp, batch = array_namespace(inverse), inverse.shape[0]
    flat = [xp.reshape(part, (batch, flat_size(part), 1)) for part in parts]
    n = flat[0].shape[1]
    product = inverse @ (flat[0] if len(flat) == 1 else xp.concat(flat, axis=1))
    return [xp.reshape(product[:, i * n : (i + 1) * n, 0], part.shape) for i, part in enumerate(parts)]


def _inverse(matrix: Array) -> Array:
    """Return the inverse of the matrix of every row; NaN where it is singular."""
    xp = array_namespace(matrix)
    try:
        return xp.linalg.inv(matrix)
    except (ValueError, RuntimeError):  # raised by libraries if any matrix of the batch is singular
        if matrix.shape[0] == 1:
            return xp.full_like(matrix, math.nan)
        return xp.concat([_inverse(matrix[i : i + 1, ...]) for i in range(matrix.shape[0])], axis=0)
