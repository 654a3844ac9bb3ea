r"""The intervals of adaptive steps: nodes of a tree that is the same for every tolerance.

Each interval between two save times is halved, its halves are halved, and so on. The Brownian motion over a
node is a function of the path and the node; each row that needs the node uses its own part of it. No node is
drawn with new numbers, so a rejected step does not change the law of the path.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.namespace import array_namespace, device
from diffmath._core.typing import Array
from diffmath.sde._brownian.path import BrownianPath
from diffmath.sde._noise import Tree, divide, increment_of, split

__all__ = ["KeyNodes", "Node", "PathNodes", "take_rows"]

Indices = npt.NDArray[np.intp]
_GAP = 64  # rows between needed ones are drawn too, if they are fewer than this
_DEEPEST = 62  # heap numbers fit in the 64 bits that a key accepts


@dataclass(frozen=True, eq=False)
class Node:
    """Part `index` of the 2**depth equal parts of an interval, for some rows.

    Parameters
    ----------
    ends : pair of float
        Save times of the interval.
    name : object
        The name of its noise.
    deepest : int
        Depth at which nodes are no longer halved.
    rows : numpy.ndarray of int, shape (rows,)
        Row numbers in the batch, ascending.
    state : tuple of arrays, shape (rows, ...)
        W, H, K, A, as many as are used.
    """

    ends: tuple[float, float]
    name: Any
    deepest: int
    rows: Indices
    state: tuple[Any, ...]
    depth: int = 0
    index: int = 0

    def time(self, halves: int) -> float:
        """Return the start, the middle or the end (0, 1 or 2 halves); the time is never accumulated."""
        first, last = self.ends
        place = 2 * self.index + halves
        return last if place == 2 << self.depth else first + (last - first) * (place / (2 << self.depth))

    @cached_property
    def length(self) -> float:
        """Duration, positive."""
        return abs(self.time(2) - self.time(0))

    def half(self, side: int, rows: Indices, state: tuple[Any, ...]) -> Node:
        """Return the left (0) or right (1) half for some rows of the batch."""
        return Node(self.ends, self.name, self.deepest, rows, state, self.depth + 1, 2 * self.index + side)


def take_rows(values: Any, rows: Any) -> Any:
    """Return some rows of an array, or of the arrays of a tuple; None is returned unchanged."""
    if isinstance(values, tuple):
        return tuple(take_rows(value, rows) for value in values)
    if values is None or len(rows) == values.shape[0]:  # ascending: all rows
        return values
    xp = array_namespace(values)
    return xp.take(values, xp.asarray(rows, device=device(values)), axis=0)


class KeyNodes:
    """Nodes of the path that ``solve(..., times, substeps=2**k, key=key)`` uses for every k."""

    def __init__(
        self, key: random.Key, times: npt.NDArray[np.float64], shape: tuple[int, int], like: Array,
        terms: str, first_row: int,
    ) -> None:  # fmt: skip
        widths, self._resolution = np.abs(np.diff(times)), 4 * np.spacing(np.abs(times).max())
        if widths.min() < 2 * self._resolution:
            i = int(widths.argmin())
            raise ValueError(
                f"times must leave room for steps; times[{i}]={times[i]} and times[{i + 1}]={times[i + 1]} "
                "are less than 8 units in the last place of the largest time apart: shift the origin of time"
            )
        path_key = random.fold_in(key, "sde.path")
        self._key = random.fold_in(path_key, "sde.levy" if terms else "sde.brownian")
        self._times, self._shape, self._like, self._first = times, shape, like, first_row
        self._order, self._terms = 3 if terms else 1, terms
        self._tree = self._rows_from(0, shape[0])

    def __iter__(self) -> Iterator[Node]:
        rows = np.arange(self._shape[0])
        for state, cell, heap, n in self._tree.walk(self._key, self._times):
            ends = float(self._times[n]), float(self._times[n + 1])
            fine = int(math.log2(max(1.0, abs(ends[1] - ends[0]) / self._resolution)))
            yield Node(
                ends,
                (random.fold_in(self._key, cell), heap),
                min(fine, _DEEPEST - heap.bit_length()),
                rows,
                state,
            )

    def halves(self, node: Node) -> tuple[Any, Any]:
        """Return the path over both halves, for the rows of the node."""
        cell_key, heap = node.name
        key = random.fold_in(cell_key, (heap << node.depth) + node.index)
        a, mid, b = (node.time(k) for k in range(3))
        law = split((mid - a) / (b - a), self._order)
        return divide(node.state, self._normals(key, node.rows), law, math.sqrt(abs(b - a)))

    def noise(self, state: tuple[Any, ...], dt: float) -> Any:
        """Return the noise that a step of the method receives."""
        return increment_of(dt, state, None, self._terms) if self._terms else state[0]

    def _normals(self, key: random.Key, rows: Indices) -> tuple[Any, ...]:
        if len(rows) == self._shape[0]:
            return self._tree.normals(key)
        bands = []
        for band in np.split(rows, np.flatnonzero(np.diff(rows) > _GAP) + 1):
            low = int(band[0])
            drawn = self._rows_from(low, int(band[-1]) + 1 - low).normals(key)
            bands.append(take_rows(drawn, band - low))
        if len(bands) == 1:
            return tuple(bands[0])
        xp = array_namespace(self._like)
        return tuple(xp.concat(list(parts), axis=0) for parts in zip(*bands, strict=True))

    def _rows_from(self, low: int, count: int) -> Tree:
        return Tree(
            (count, self._shape[1]), self._like, None, self._first + low, order=self._order, native=True
        )


class PathNodes:
    """Nodes of a given Brownian path, queried for the halves of the intervals between the save times."""

    def __init__(self, path: BrownianPath, times: npt.NDArray[np.float64], terms: str) -> None:
        self._path, self._times, self._terms = path, times, terms

    def __iter__(self) -> Iterator[Node]:
        rows = np.arange(self._path.shape[0])
        for n in range(len(self._times) - 1):
            ends = float(self._times[n]), float(self._times[n + 1])
            yield Node(ends, n, self._deepest(ends), rows, self._query(*ends))

    def check(self, halvings: int) -> None:
        """Refuse save times that are too close for the first step."""
        for ends in pairwise(map(float, self._times)):
            if self._deepest(ends) >= halvings:
                continue
            found, remedy = f"as long as {self._path.shortest:.3g}", "a path over a shorter span"
            if "A" in self._terms:
                found, remedy = "between ends of leaves", f"more levels (now {self._path.levels})"
            raise ValueError(
                f"path must be finer than half of every interval of times; [{ends[0]}, {ends[1]}] has no "
                f"half {found}: use {remedy}"
            )

    def halves(self, node: Node) -> tuple[Any, Any]:
        """Return the path over both halves, for the rows of the node."""
        a, mid, b = (node.time(k) for k in range(3))
        return take_rows(self._query(a, mid), node.rows), take_rows(self._query(mid, b), node.rows)

    def noise(self, state: tuple[Any, ...], dt: float) -> Any:
        """Return the noise that a step of the method receives."""
        return increment_of(dt, state[:3], state[3], self._terms) if self._terms else state[0]

    def _query(self, s: float, t: float) -> tuple[Any, ...]:
        found = self._path.increment(s, t, self._terms)
        return found.W, found.H, found.K, found.A

    def _deepest(self, ends: tuple[float, float]) -> int:
        if "A" in self._terms:  # areas are known only between ends of leaves
            return self._path.area_halvings(*ends)
        # Longer than the shortest interval by the rounding of the times.
        return int(math.log2(max(1.0, abs(ends[1] - ends[0]) / (self._path.shortest * (1 + 1 / 32)))))
