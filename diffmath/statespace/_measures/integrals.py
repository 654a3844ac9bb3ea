r"""Integrals of piecewise constant signals against the kernels of a measure, by parts.

With :math:`\bar K(x)` the integral of the kernels over everything older than x,
:math:`c = \sum_x (u_{older} - u_{newer})\,\bar K(x)` over the joints x of the cells. The present and the
start of the signal are also joints, since the signal is zero outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath.statespace._structure import Vector

__all__ = ["differences", "integrate_by_parts", "sums_over_knots"]

_BLOCK = 2**13  # number of knots whose functions fit in the cache

Functions = Callable[[Vector], Iterator[Array]]


def integrate_by_parts(u: Array, knots: Vector, older: Functions, order: int) -> Array:
    """Return the coefficients (channels, order) of u (samples, channels) between its samples + 1 knots."""
    xp = array_namespace(u)
    nothing = xp.zeros_like(u[:1, :])
    jumps = differences(xp.concat([nothing, u, nothing]))
    return xp.stack(sums_over_knots(knots, (jumps,), older, order), axis=-1)


def differences(u: Array) -> Array:
    """Return the jumps of a signal (samples, channels): older minus newer."""
    return u[:-1, :] - u[1:, :]


def sums_over_knots(
    knots: Vector, jumps: tuple[Array, ...], functions: Functions, number: int
) -> list[Array]:
    """Return the sums over the knots of jumps (channels,) times the first functions of a sequence.

    Function n is paired with jumps number n. An empty block is allowed for a signal without knots.
    """
    sums: list[Array] = []
    for first in range(0, max(1, knots.shape[0]), _BLOCK):
        block = slice(first, min(first + _BLOCK, knots.shape[0]))
        part = [jump[block, :] for jump in jumps]
        values = enumerate(islice(functions(knots[block]), number))
        block_sums = [value @ part[n % len(part)] for n, value in values]
        sums = [a + b for a, b in zip(sums, block_sums, strict=True)] if sums else block_sums
    return sums
