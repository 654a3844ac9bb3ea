"""Halvings of a Brownian motion: keys, normals and bridges of all levels in one call."""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np

from diffmath.kernels.numba.random import _fill, _fill_part, philox4x32

__all__ = ["halvings"]

_MASK, _U0, _U32 = np.uint64(0xFFFFFFFF), np.uint64(0), np.uint64(32)
_FOLD_NUMBER, _NORMAL_53 = np.uint64(1), np.uint64(5)


# Nothing is contracted here: products are rounded before they are added, as in the body.
@nb.njit(nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def _descend(
    table: Any, z: Any, nodes: Any, sides: Any, half: Any, noise: Any, start: Any, k0: Any, k1: Any
) -> None:
    """Fill table[i + 1] with the halves of table[i, side]; table[0, 0] is the increment to begin with."""
    rows, columns = z.shape
    blocks = (columns + 1) // 2
    side = 0
    for i in range(len(nodes)):
        a, b, _, _ = philox4x32(nodes[i] & _MASK, nodes[i] >> _U32, _U0, _FOLD_NUMBER, k0, k1)
        if columns % 2 == 0:
            _fill(z, start, a, b, _NORMAL_53, 0, rows * blocks)
        else:
            _fill_part(z, start, a, b, _NORMAL_53, 0, rows)
        for r in range(rows):
            for c in range(columns):
                share, kick = half * table[i, side, r, c], noise[i, 0] * z[r, c]
                table[i + 1, 0, r, c] = share + kick
                kick = noise[i, 1] * z[r, c]
                table[i + 1, 1, r, c] = share + kick
        side = sides[i]


def halvings(
    W: Any, key: tuple[int, int], node: int, sides: Any, h: float, first_row: int
) -> list[tuple[Any, Any]]:
    """Twin of `diffmath.sde._halvings.halvings`."""
    rows, columns, nodes, noise = W.shape[0], W.size // W.shape[0], [], []
    for side in sides:
        nodes.append(node)
        # Half the standard deviation of the whole, for both sides, as the bridge of W gives it.
        noise.append(math.sqrt(h) * 0.5)
        node, h = 2 * node + side, h / 2
    table = np.empty((len(nodes) + 1, 2, rows, columns), dtype=W.dtype)
    table[0, 0] = W.reshape(rows, columns)
    kicks = np.stack([noise, np.negative(noise)], axis=1).astype(W.dtype)
    z = np.empty((rows, columns), dtype=W.dtype)
    _descend(
        table, z, np.array(nodes, dtype=np.uint64), np.array(sides, dtype=np.int64), W.dtype.type(0.5), kicks,
        np.uint64(first_row), np.uint64(key[0]), np.uint64(key[1]),
    )  # fmt: skip
    # Copies: a half that is kept must not keep the whole way down.
    return [(left.reshape(W.shape).copy(), right.reshape(W.shape).copy()) for left, right in table[1:]]
