"""A way down the tree of a Brownian motion: the halves of a node, of one of its halves, and so on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from diffmath import random
from diffmath._accelerate import accelerated
from diffmath._typing import Array
from diffmath.sde._bridge import State, divide, split
from diffmath.sde._noise import row_normals

__all__ = ["halvings"]


@accelerated
def halvings(
    W: Array, key: tuple[int, int], node: int, sides: Sequence[int], h: float, first_row: int
) -> list[tuple[Array, Array]]:
    """Halve the increment W of a node of length h, then the half that `sides` name first, and so on.

    Each pair is a left and a right half, shape of `W`; `key` are the words of the key of the cell.
    """
    draw, law, pairs = (
        row_normals(tuple(W.shape), W, None, first_row),
        split(0.5, 1),
        list[tuple[Array, Array]](),
    )
    for side in sides:
        state: State = (W,)
        z = draw(random.fold_in(random.Key(*key), node))
        (left,), (right,) = divide(state, (z,), law, math.sqrt(h))
        pairs.append((left, right))
        W, node, h = (left, right)[side], 2 * node + side, h / 2
    return pairs
