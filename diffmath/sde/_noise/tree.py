"""One node of the tree that a Brownian motion is drawn on: its root, its halves, its Levy area.

A node holds (W,) or (W, H, K) of its own interval, never values of W from the beginning of time, so that
single precision keeps small intervals. Under the key of a cell, number 0 draws the whole cell and number n
divides node n, whose halves are 2n and 2n + 1; the cell itself is node 1.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from diffmath import random
from diffmath._core.typing import Array
from diffmath.sde._noise.area import area_normals, leaf_area, resolved_area
from diffmath.sde._noise.bridge import VARIANCES, State, divide, split
from diffmath.sde._noise.noise import row_normals

__all__ = ["Tree"]


class Tree:
    """How nodes are drawn, for rows of a shape.

    Parameters
    ----------
    shape, like, dtype, first_row
        As for `brownian_increments`.
    order : {1, 3}
        Whether a node holds (W,) or (W, H, K).
    areas : bool
        Whether Levy areas will be asked for, which need rows that are vectors.
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
    ) -> None:
        self._draw = row_normals(shape, like, dtype, first_row)
        self._width = tuple(shape[1:])
        self.order = order
        if areas and len(shape) != 2:
            raise ValueError(f"shape must be (batch, noise_dim) for Levy areas A; got {tuple(shape)}")

    def normals(self, key: random.Key) -> State:
        """Draw as many normals as a node has entries."""
        if self.order == 1:
            return (self._draw(key),)
        z = self._draw(key, (self.order, *self._width))
        return tuple(z[:, i, ...] for i in range(self.order))

    def root(self, key: random.Key, h: float) -> State:
        """Draw a whole cell of length h."""
        scales = (math.sqrt(h * variance) for variance in VARIANCES[: self.order])
        return tuple(scale * z for scale, z in zip(scales, self.normals(key), strict=True))

    def halve(self, state: State, key: random.Key, a: float, mid: float, b: float) -> tuple[State, State]:
        """Divide a node over [a, b] at `mid`."""
        return self.divide(state, key, (mid - a) / (b - a), abs(b - a))

    def divide(self, state: State, key: random.Key, r: float, h: float) -> tuple[State, State]:
        """Divide a node of length h at the ratio r."""
        return divide(state, self.normals(key), split(r, self.order), math.sqrt(h))

    def area(self, cell_key: random.Key, state: State, h: float, node: int, depth: int) -> Array:
        """Return the area of a node of length h, resolved `depth` levels further down."""
        middle, leaf = partial(self._middle, cell_key), partial(self._leaf, cell_key)
        return resolved_area(state, h, node, depth, middle, leaf)

    def _middle(self, cell_key: random.Key, state: State, h: float, node: int) -> tuple[State, State]:
        return self.divide(state, random.fold_in(cell_key, node), 0.5, h)

    def _leaf(self, cell_key: random.Key, state: State, h: float, node: int) -> Array:
        leaf_key = random.fold_in(random.fold_in(cell_key, "area"), node)
        return leaf_area(state, h, self._draw(leaf_key, (area_normals(self._width[0]),)))
