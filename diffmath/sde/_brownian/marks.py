r"""Where a Brownian path is divided: at the times n / N of a fixed sequence of lattices N, in their order.

Each time of a lattice that is not yet a mark divides the interval between its neighbours. The sequence does
not depend on the queries, so the path does not either. Two sequences are used. *All clocks*: halves,
quarters, ... down to 2**-30 of the span, and beside each of them decimal fractions of about their spacing, so
that clocks of 2**k and of 10, 20, 50, 100, 200, 250, 500, 1000, ... steps meet marks early, at about two
divisions a step. *One clock*: equal cells, drawn independently, each halved again and again: one division a
step, for clocks of that many cells times 2**k.

Times are counted in places, exact integers; every queried place is a mark.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["Marks", "Node", "all_clocks", "one_clock"]

FINEST = 30  # halvings of the span
_DECIMAL = (10, 20, 40, 100, 200, 400, 1000, 2000, 4000, 20_000)


class Node:
    """An interval between neighbouring marks, and where it is divided.

    Parameters
    ----------
    marks : Marks
        The sequence it belongs to.
    low, high : int
        Its places.
    level : int
        The first lattice that may have a mark inside.
    above : Node, optional
        Of which it is a half.
    """

    __slots__ = ("_halves", "_level", "_middle", "above", "high", "low", "marks")

    def __init__(self, marks: Marks, low: int, high: int, level: int, above: Node | None) -> None:
        self.marks, self.low, self.high, self.above = marks, low, high, above
        self._level, self._middle = level, -1
        self._halves: tuple[Node, Node] | None = None

    @property
    def middle(self) -> int:
        """The mark that divides it, 0 if there is none."""
        if self._middle < 0:
            self._middle, self._level = self.marks.divide(self.low, self.high, self._level)
        return self._middle

    @property
    def level(self) -> int:
        """The lattice of its middle."""
        _ = self.middle
        return self._level

    @property
    def halves(self) -> tuple[Node, Node]:
        """Both parts."""
        if self._halves is None:
            middle = self.middle
            assert self.low < middle, "queried places are marks"
            self._halves = (
                Node(self.marks, self.low, middle, self._level, self),
                Node(self.marks, middle, self.high, self._level, self),
            )
        return self._halves

    @property
    def divided(self) -> bool:
        """Whether its parts were used."""
        return self._halves is not None

    @property
    def share(self) -> float:
        """Length of the left part, of the whole."""
        return (self.middle - self.low) / (self.high - self.low)

    @property
    def name(self) -> tuple[int, int]:
        """What it is kept under."""
        return self.low, self.high


@dataclass(frozen=True)
class Marks:
    """A sequence of lattices on equal cells.

    Parameters
    ----------
    cells : int
        Parts drawn independently.
    counts : tuple of int
        Marks of a lattice in a cell, ascending.
    size : int
        Places of a cell, a multiple of all counts.
    binary : bool
        Whether all lattices are halvings, and nodes have the numbers of a heap.
    """

    cells: int
    counts: tuple[int, ...]
    size: int
    binary: bool

    @property
    def places(self) -> int:
        """Places of the span."""
        return self.cells * self.size

    @cached_property
    def spacings(self) -> tuple[int, ...]:
        """Places between the marks of a lattice."""
        return tuple(self.size // count for count in self.counts)

    @cached_property
    def spacings_array(self) -> npt.NDArray[np.int64]:
        """The spacings, for kernels."""
        return np.array(self.spacings, np.int64)

    @cached_property
    def _finest(self) -> tuple[int, ...]:
        """Spacings of lattices that hold all others between them."""
        every = self.spacings
        return tuple(s for s in every if not any(t < s and s % t == 0 for t in every))

    @cached_property
    def resolution(self) -> int:
        """Places between the marks of the finest lattice."""
        return self.spacings[-1]

    @cached_property
    def shortest(self) -> int:
        """Least number of places of an interval: 2**-24 of the span, or more."""
        return max(64 * self.resolution, self.places >> 24)

    def divide(self, low: int, high: int, level: int) -> tuple[int, int]:
        """Return the first mark inside an interval, and its lattice."""
        spacings = self.spacings
        while level < len(spacings):
            mark = (low // spacings[level] + 1) * spacings[level]
            if mark < high:
                return mark, level
            level += 1
        return 0, level

    def cell(self, number: int) -> Node:
        """Return the root of a cell."""
        return Node(self, number * self.size, (number + 1) * self.size, 0, None)

    def nearest(self, share: float, slack: float) -> int:
        """Return the mark next to a time in places; of those within `slack`, the coarsest."""
        best, least = 0, math.inf
        for spacing in self._finest:
            mark = round(share / spacing) * spacing
            distance = max(abs(mark - share), slack)
            if distance < least:
                best, least = mark, distance
        return best

    def level_of(self, halvings: int) -> int:
        """Return the first lattice that is finer than a cell halved so many times."""
        return sum(count <= 1 << halvings for count in self.counts)

    def is_mark(self, place: int, level: int) -> bool:
        """Tell whether a place is a mark of the lattices before `level`."""
        return place % self.size == 0 or any(place % spacing == 0 for spacing in self.spacings[:level])

    def halvings(self, low: int, high: int, level: int) -> int:
        """Return how often an interval can be halved between marks of one lattice before `level`."""
        found = 0
        for spacing in (self.size, *self.spacings[:level]):
            if low % spacing == high % spacing == 0:
                parts = (high - low) // spacing
                found = max(found, (parts & -parts).bit_length() - 1)
        return found

    def number(self, node: Node) -> int:
        """Return the number under which the cell's key divides a node."""
        if self.binary:
            return (self.size + node.low % self.size) // (node.high - node.low)
        return node.middle


def all_clocks() -> Marks:
    """Return the marks of the path that serves any clock."""
    counts = sorted({*(1 << k for k in range(1, FINEST + 1)), *_DECIMAL})
    return Marks(1, tuple(counts), 625 << FINEST, binary=False)


def one_clock(cells: int) -> Marks:
    """Return the marks of independent cells that are halved."""
    depth = max(1, FINEST + 1 - cells.bit_length())
    return Marks(cells, tuple(1 << k for k in range(1, depth + 1)), 1 << depth, binary=True)
