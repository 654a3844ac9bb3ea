r"""Where a Brownian path is divided: at the times n / N of a fixed sequence of lattices N, in this order.

Each time of a lattice that is not yet a mark divides the interval between its neighbours. The sequence does
not depend on the queries, so the path does not either. Two sequences are used. *All clocks*: halves,
quarters, ... down to 2**-30 of the span, and next to each of these decimal fractions of about the same
spacing. Clocks of 2**k and of 10, 20, 50, 100, 200, 250, 500, 1000, ... steps then meet marks early, at about
two divisions per step. *One clock*: equal cells that are drawn independently and halved repeatedly. Clocks
whose number of steps is the number of cells times 2**k then need one division per step.

Times are measured in places, which are exact integers; every queried place is a mark.
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
        The sequence of marks.
    low, high : int
        Places of its ends.
    level : int
        The first lattice that may have a mark inside.
    above : Node, optional
        The node of which this one is a part.
    """

    __slots__ = ("_halves", "_level", "_middle", "above", "high", "low", "marks")

    def __init__(self, marks: Marks, low: int, high: int, level: int, above: Node | None) -> None:
        self.marks, self.low, self.high, self.above = marks, low, high, above
        self._level, self._middle = level, -1
        self._halves: tuple[Node, Node] | None = None

    @property
    def middle(self) -> int:
        """The mark that divides the node, 0 if there is none."""
        if self._middle < 0:
            self._middle, self._level = self.marks.divide(self.low, self.high, self._level)
        return self._middle

    @property
    def level(self) -> int:
        """The lattice of the middle."""
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
        """Whether the parts were used."""
        return self._halves is not None

    @property
    def share(self) -> float:
        """Length of the left part, as a share of the whole."""
        return (self.middle - self.low) / (self.high - self.low)

    @property
    def name(self) -> tuple[int, int]:
        """The name under which the node is cached."""
        return self.low, self.high


@dataclass(frozen=True)
class Marks:
    """A sequence of lattices on equal cells.

    Parameters
    ----------
    cells : int
        Number of parts that are drawn independently.
    counts : tuple of int
        Number of marks of each lattice in a cell, ascending.
    size : int
        Number of places in a cell, a multiple of all counts.
    binary : bool
        Whether all lattices are halvings, so that nodes are numbered as in a heap.
    """

    cells: int
    counts: tuple[int, ...]
    size: int
    binary: bool

    @property
    def places(self) -> int:
        """Number of places in the span."""
        return self.cells * self.size

    @cached_property
    def spacings(self) -> tuple[int, ...]:
        """Number of places between the marks of each lattice."""
        return tuple(self.size // count for count in self.counts)

    @cached_property
    def spacings_array(self) -> npt.NDArray[np.int64]:
        """The spacings, for kernels."""
        return np.array(self.spacings, np.int64)

    @cached_property
    def _finest(self) -> tuple[int, ...]:
        """Spacings of the lattices that together contain all others."""
        every = self.spacings
        return tuple(s for s in every if not any(t < s and s % t == 0 for t in every))

    @cached_property
    def resolution(self) -> int:
        """Number of places between the marks of the finest lattice."""
        return self.spacings[-1]

    @cached_property
    def shortest(self) -> int:
        """Least number of places in an interval: 2**-24 of the span, or more."""
        return max(64 * self.resolution, self.places >> 24)

    def divide(self, low: int, high: int, level: int) -> tuple[int, int]:
        """Return the first mark inside an interval, and the lattice of this mark."""
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
        """Return the mark nearest to a time given in places; if several are within `slack`, the coarsest."""
        best, least = 0, math.inf
        for spacing in self._finest:
            mark = round(share / spacing) * spacing
            distance = max(abs(mark - share), slack)
            if distance < least:
                best, least = mark, distance
        return best

    def level_of(self, halvings: int) -> int:
        """Return the first lattice that is finer than a cell halved this many times."""
        return sum(count <= 1 << halvings for count in self.counts)

    def is_mark(self, place: int, level: int) -> bool:
        """Whether a place is a mark of the lattices before `level`."""
        return place % self.size == 0 or any(place % spacing == 0 for spacing in self.spacings[:level])

    def continues(self, low: int, high: int) -> bool:
        """Whether the places that follow two marks, at their distance, are marks too: on one lattice."""
        return any(low % spacing == high % spacing == 0 for spacing in self._finest)

    def halvings(self, low: int, high: int, level: int) -> int:
        """Return how often an interval can be halved between marks of one lattice before `level`."""
        found = 0
        for spacing in (self.size, *self.spacings[:level]):
            if low % spacing == high % spacing == 0:
                parts = (high - low) // spacing
                found = max(found, (parts & -parts).bit_length() - 1)
        return found

    def number(self, node: Node) -> int:
        """Return the number that is folded into the cell's key to divide a node."""
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
