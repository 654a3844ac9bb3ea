r"""Brownian increments that refine: N, 2N, 4N, ... steps of one key share one path.

With ``N = odd * 2**levels`` steps, the path consists of `odd` independent cells, and each cell is halved
`levels` times by Brownian bridges at the middle *index*. Over ``[a, b]`` with increment W and middle m,

.. math:: W_{a,m} = r\,W + s\,z, \qquad W_{m,b} = (1-r)\,W - s\,z, \qquad
          r = \frac{m-a}{b-a}, \quad s^2 = \frac{|m-a|\,|b-m|}{|b-a|}, \quad z \sim \mathcal N(0, 1).

The normal z of a node depends only on (key, cell, node, row, column), never on the depth of the tree:
doubling N adds a level of leaves and does not change the nodes above. Increments are stored, never values of
W, so that single precision loses nothing to cancellation (this is Levy's construction of Brownian motion).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.devices import each_on_its_device, on_its_device
from diffmath._arrays.host_numbers import host_times
from diffmath._core.typing import Array

__all__ = ["brownian_increments", "odd_part", "walk"]

State = TypeVar("State")

_AHEAD = 2**16  # bytes of normals per call
_MOST_LEVELS = 8  # levels of nodes that are drawn at once


@on_its_device
def brownian_increments(
    key: random.Key,
    clock: npt.ArrayLike,
    shape: tuple[int, ...],
    *,
    like: Array,
    dtype: Any = None,
    first_row: int = 0,
) -> Iterator[Array]:
    r"""Iterate over the increments of Brownian motions between the times of a clock.

    .. math:: \Delta W_n \sim \mathcal N(0, |c_{n+1} - c_n|) \quad \text{independent}, \quad n = 0, \dots, N-1

    Parameters
    ----------
    key : Key
        Determines the path; its domain tag is folded in here.
    clock : array_like, shape (N + 1,)
        Strictly monotone host times, increasing or decreasing, of any spacing.
    shape : tuple of int, (batch, ...)
        Shape of one increment, one row per path.
    like : array
        An array with the library, the device and (unless `dtype` is given) the precision of the increments.
    dtype : dtype, optional
        float32 or float64 of the library of `like`.
    first_row : int
        Number of the first row: a chunk of a larger batch gets exactly the rows it would have there.

    Returns
    -------
    iterator of array, shape `shape`
        N increments in the order of the clock.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        A clock that is not strictly monotone and finite, a shape without a batch axis, a negative size or
        row, or rows beyond 2**64.

    Notes
    -----
    *What is shared.* Paths of N and ``2**k * N`` steps agree at their common times (up to rounding) if the
    clocks agree there. For example, 20 and 40 steps share a path; 20 and 30 steps do not, because their odd
    parts, 5 and 15, differ. Clocks of different spacing do not share a path either. The path never depends on
    batch size, chunks, library or device.

    *Cost.* One normal per step and row, and at most ``log2(N) + 1`` arrays at a time: the tree is walked
    depth first, and nothing is stored for all steps. Small draws are made for up to 256 steps at once.

    References
    ----------
    .. [1] Levy (1948), Processus stochastiques et mouvement brownien, Gauthier-Villars.

    Examples
    --------
    >>> import numpy as np
    >>> import diffmath as dm
    >>> from diffmath.sde import brownian_increments
    >>> key = dm.random.key(0)
    >>> coarse = list(brownian_increments(key, np.linspace(0, 1, 21), (3, 1), like=np.empty(0)))
    >>> fine = list(brownian_increments(key, np.linspace(0, 1, 41), (3, 1), like=np.empty(0)))
    >>> bool(np.allclose(coarse[0], fine[0] + fine[1]))
    True
    """
    times = host_times(clock, "clock")
    stream = random.RowStream(random.normal, shape, like=like, dtype=dtype, first_row=first_row, native=False)
    tree_key = random.fold_in(key, "sde.brownian")
    leaves = walk(tree_key, times, stream, None, _root, _bridge)
    return each_on_its_device((stream.wrap(increment) for increment, _, _, _ in leaves), like)


def odd_part(steps: int) -> tuple[int, int]:
    """Return how many cells a clock of `steps` steps has, and how many steps each cell has."""
    width = steps & -steps  # the largest power of two that divides `steps`
    return steps // width, width


def walk(
    key: random.Key,
    clock: npt.NDArray[np.float64],
    stream: random.RowStream,
    width: tuple[int, ...] | None,
    root: Callable[[Array, float], State],
    halve: Callable[[State, Array, float, float, float], tuple[State, State]],
) -> Iterator[tuple[State, int, int, int]]:
    """Walk the cells from left to right, each depth first, with a stack of at most log2(N) + 1 states.

    Yields the state of every step, the number of its cell, its node in the cell and its number. `root` and
    `halve` receive the normals of a node, drawn by `stream` with this `width`.
    """
    cells, steps = odd_part(len(clock) - 1)
    drawn_ahead = _DrawnAhead(key, stream, width)
    levels, deep = steps.bit_length() - 1, drawn_ahead.levels
    top = (levels - 1) % deep + 1 if levels else 0
    times: list[float] = clock.tolist()
    # Heap numbers: 0 draws the cell's own state, 1 its middle, 2n and 2n + 1 the halves of node n.
    together = 1 if top < levels else 1 << (deep - top)
    for first in range(0, cells, together):
        group = range(first, min(cells, first + together))
        for cell, normals in zip(group, drawn_ahead.tops(group, 1 << top), strict=True):
            lo, hi = cell * steps, (cell + 1) * steps
            stack: list[Any] = [(lo, hi, 1, 1, normals, root(normals[0], abs(times[hi] - times[lo])))]
            while stack:
                lo, hi, node, place, normals, state = stack.pop()
                if hi - lo == 1:
                    yield state, cell, node, lo
                    continue
                if place >= len(normals):
                    place, normals = 1, drawn_ahead.below(cell, node)
                mid = (lo + hi) // 2
                left, right = halve(state, normals[place], times[lo], times[mid], times[hi])
                if 2 * place >= len(normals):
                    normals = []  # dropped: the halves are not among these levels
                stack.append((mid, hi, 2 * node + 1, 2 * place + 1, normals, right))
                stack.append((lo, mid, 2 * node, 2 * place, normals, left))


class _DrawnAhead:
    """Normals of the nodes of some levels of a cell, drawn by one call before they are used.

    In the list of a node and the levels below it, the normals of the node are at index 1, and the normals of
    the halves of the node at index n are at 2n and 2n + 1.
    """

    def __init__(self, key: random.Key, stream: random.RowStream, width: tuple[int, ...] | None) -> None:
        self._key, self._stream, self._width = key, stream, width
        self.levels = self._levels()

    def tops(self, cells: range, count: int) -> list[list[Array]]:
        """Return the normals of the first nodes of several cells, with those of the cell at index 0."""
        table = np.stack([np.repeat(np.array(cells), count), np.tile(np.arange(count), len(cells))], axis=1)
        drawn = self._draw(table)
        return [drawn[i * count : (i + 1) * count] for i in range(len(cells))]

    def below(self, cell: int, node: int) -> list[Array]:
        """Return the normals of a node and of the levels below it."""
        first, place = _places(self.levels)
        numbers = node * first + place
        drawn = self._draw(np.stack([np.full_like(numbers, cell), numbers], axis=1))
        return [drawn[0], *drawn]  # index 0 is not used

    def _draw(self, table: npt.NDArray[np.int64]) -> list[Array]:
        if self.levels > 1:
            return list(self._stream.folded(self._key, table, self._width))
        keys = (random.fold_in(random.fold_in(self._key, cell), number) for cell, number in table.tolist())
        return [self._stream(key, self._width) for key in keys]

    def _levels(self) -> int:
        """Return how many levels are drawn at once: more if draws are small; 1 means each node separately."""
        stream, width = self._stream, self._width
        if not isinstance(stream.like, np.ndarray):
            return 1
        size = math.prod((stream.shape[0], *width) if width is not None else stream.shape)
        fitting = _AHEAD // max(1, size * stream.like.itemsize)
        return min(_MOST_LEVELS, max(1, fitting.bit_length() - 1))


@cache
def _places(levels: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return, for places 1, 2, ... of a node and its levels, the first number of the level less the rest."""
    level = np.repeat(np.arange(levels), 2 ** np.arange(levels))
    return 2**level, np.arange(1, 2**levels) - 2**level


def _root(z: Array, h: float) -> Array:
    return math.sqrt(h) * z


def _bridge(increment: Array, z: Array, a: float, mid: float, b: float) -> tuple[Array, Array]:
    """Split the increment over [a, b] at `mid`, with the normal `z`, into two independent ones."""
    left_share, right_share = (mid - a) / (b - a), (b - mid) / (b - a)
    kick = math.sqrt(abs(b - a) * left_share * right_share) * z
    return left_share * increment + kick, right_share * increment - kick
