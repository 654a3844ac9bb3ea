"""A node of the tree of a Brownian motion, cut at any place: what lies on either side of it.

The node is halved, then the half in which the place lies, and so on, until the place is a middle, or the node
is a leaf, which is divided there. The parts are joined from the place outwards, so that they are the same
from whichever node above it one begins.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from diffmath import random
from diffmath._accelerate import accelerated
from diffmath._typing import Array
from diffmath.sde._bridge import State, divide, join, split
from diffmath.sde._noise import row_normals

__all__ = ["LEAF_BITS", "cut", "cut_increment"]

LEAF_BITS = 16  # of a place inside a leaf


def cut(
    state: State, normals: Callable[[random.Key], State], keys: tuple[random.Key, random.Key], node: int,
    depth: int, place: int, h: float,
) -> tuple[State, State]:  # fmt: skip
    """Cut a node of length h, `depth` levels above the leaves, at a place.

    It has ``2**(depth + LEAF_BITS)`` places. `keys` are that of the cell, whose number n divides node n, and
    that of its leaves, for the places there.
    """
    order, size = len(state), 1 << (depth + LEAF_BITS)
    if depth == 0:
        key = random.fold_in(random.fold_in(keys[1], node), place)
        return divide(state, normals(key), split(place / size, order), math.sqrt(h))
    left, right = divide(state, normals(random.fold_in(keys[0], node)), split(0.5, order), math.sqrt(h))
    half = size // 2
    if place == half:
        return left, right
    if place < half:
        left, middle = cut(left, normals, keys, 2 * node, depth - 1, place, h / 2)
        return left, join(middle, right, (half - place) / (size - place))
    middle, right = cut(right, normals, keys, 2 * node + 1, depth - 1, place - half, h / 2)
    return join(left, middle, half / place), right


@accelerated
def cut_increment(
    W: Array, cell: tuple[int, int], leaf: tuple[int, int], node: int, depth: int, place: int, h: float,
    first_row: int,
) -> tuple[Array, Array]:  # fmt: skip
    """Cut a node that holds its increment W only; `cell` and `leaf` are the words of both keys."""
    draw, keys = row_normals(tuple(W.shape), W, None, first_row), (random.Key(*cell), random.Key(*leaf))
    (left,), (right,) = cut((W,), lambda key: (draw(key),), keys, node, depth, place, h)
    return left, right
