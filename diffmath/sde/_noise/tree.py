"""One node of the tree of a Brownian motion: its root, its halves, its Levy area.

A node holds (W,) or (W, H, K) of its own interval, never values of W from the initial time, so that single
precision resolves small intervals. Under the key of a cell, number 0 draws the whole cell and number n
divides node n, whose halves are 2n and 2n + 1; the cell itself is node 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._core.typing import Array
from diffmath.sde._noise.area import area_normals, leaf_area, resolved_area
from diffmath.sde._noise.bridge import VARIANCES, State, divide, split
from diffmath.sde._noise.noise import walk

__all__ = ["Tree"]


class Tree:
    """Draws nodes, for rows of a given shape.

    Parameters
    ----------
    shape, like, dtype, first_row, native
        As for `random.RowStream`.
    order : {1, 3}
        Whether a node holds (W,) or (W, H, K).
    areas : bool
        Whether Levy areas will be drawn; they need rows that are vectors.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        like: Array,
        dtype: Any = None,
        first_row: int = 0,
        *,
        order: int = 3,
        areas: bool = False,
        native: bool = False,
    ) -> None:
        self.stream = random.RowStream(
            random.normal, shape, like=like, dtype=dtype, first_row=first_row, native=native
        )
        self.order = order
        self.width = None if order == 1 else (order, *self.stream.shape[1:])
        if areas and len(shape) != 2:
            raise ValueError(f"shape must be (batch, noise_dim) for Levy areas A; got {tuple(shape)}")

    def normals(self, key: random.Key) -> State:
        """Draw as many normals as a node has entries."""
        return self._by_entries(self.stream(key, self.width))

    def walk(self, key: random.Key, times: npt.NDArray[np.float64]) -> Iterator[tuple[State, int, int, int]]:
        """Iterate over the nodes of the steps of a clock, like the function `walk`."""
        return walk(key, times, self.stream, self.width, self._root, self._halve)

    def _by_entries(self, z: Array) -> State:
        return (z,) if self.order == 1 else tuple(z[:, i, ...] for i in range(self.order))

    def _root(self, z: Array, h: float) -> State:
        """Return a whole cell of length h, from its normals."""
        scales = (math.sqrt(h * variance) for variance in VARIANCES[: self.order])
        return tuple(scale * part for scale, part in zip(scales, self._by_entries(z), strict=True))

    def _halve(self, state: State, z: Array, a: float, mid: float, b: float) -> tuple[State, State]:
        """Divide a node over [a, b] at `mid`."""
        law = split((mid - a) / (b - a), self.order)
        return divide(state, self._by_entries(z), law, math.sqrt(abs(b - a)))

    def area(self, cell_key: random.Key, state: State, h: float, node: int, depth: int) -> Array:
        """Return the area of a node of length h, resolved `depth` levels further down."""
        middle, leaf = partial(self._middle, cell_key), partial(self._leaf, cell_key)
        return resolved_area(state, h, node, depth, middle, leaf)

    def _middle(self, cell_key: random.Key, state: State, h: float, node: int) -> tuple[State, State]:
        normals = self.normals(random.fold_in(cell_key, node))
        return divide(state, normals, split(0.5, self.order), math.sqrt(h))

    def _leaf(self, cell_key: random.Key, state: State, h: float, node: int) -> Array:
        leaf_key = random.fold_in(random.fold_in(cell_key, "area"), node)
        return leaf_area(state, h, self.stream(leaf_key, (area_normals(self.stream.shape[1]),)))
