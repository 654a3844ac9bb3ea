"""The nodes of a Brownian path, drawn as they are asked for; what was drawn lately is kept.

One question is a plan of its own, which begins at the nodes that are still at hand. A clock is planned in
blocks of steps, each of which hands the nodes that it has begun to the next: every node is drawn once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from diffmath import random
from diffmath._arrays.namespace import array_namespace, device
from diffmath._core.typing import Array
from diffmath.sde._brownian.marks import Marks, Node
from diffmath.sde._brownian.plan import Keep, Name, Places, make_plan, pieces_of
from diffmath.sde._brownian.recent import Recent
from diffmath.sde._brownian.run_plan import run_plan
from diffmath.sde._noise import State, area_normals, divide, join_areas, leaf_area, split

__all__ = ["Forest"]

_BLOCK = 2**21  # numbers that are drawn ahead of a clock
_FEWEST, _MOST = 4, 1024  # steps of a block


class _Drawn(NamedTuple):
    """Names of nodes, shape (n, 2), and their states, in a list or an array."""

    names: Places
    states: Any


class Forest:
    """Cells with trees, and what was drawn of them lately.

    Parameters
    ----------
    shape, like, first_row
        As for `brownian_increments`.
    key : Key
        Number n of it is the key of cell n.
    marks : Marks
        Where nodes are divided.
    length : float
        Of all cells together.
    levels : int
        Halvings of a cell down to the leaves whose areas are drawn.
    cache : int
        Nodes kept of all questions, and again of the last one.
    """

    def __init__(
        self, shape: tuple[int, ...], like: Array, key: random.Key, marks: Marks, length: float,
        levels: int, cache: int, first_row: int,
    ) -> None:  # fmt: skip
        self._draw = random.RowStream(random.normal, shape, like=like, first_row=first_row, native=True)
        self._key, self._marks, self._shape, self._first_row = key, marks, tuple(shape), first_row
        self._place_length = length / marks.places
        self._deepest = marks.level_of(levels)
        xp = array_namespace(like)
        self._none = xp.zeros((0, 3, *shape), dtype=like.dtype, device=device(like))
        self.nodes, self._cache = Recent(cache), cache
        self._asked = (-1, -1)  # the places of the last question
        self._lately = self._last = _Drawn(
            _pairs([]), self._none
        )  # long nodes; where the last question ended
        self._always = marks.places * 8 // cache  # nodes of this length are few enough to stay

    def between(self, low: int, high: int, order: int) -> State:
        """Return the first `order` of (W, H, K) between two places, low < high."""
        shortest = min(self._always, (high - low) // 2)
        lately, last = self._lately, self._last  # another thread may replace them
        known, count = np.concatenate([lately.names, last.names]), len(lately.names)

        def state(row: int) -> Array:
            if row >= count:
                return last.states[row - count, ...]
            low, high = known[row].tolist()
            self.nodes.get((low, high))  # lately used
            return lately.states[row]

        # A question away from the last one is no sequence: its ends would be kept for nothing.
        near, self._asked = low in self._asked or high in self._asked, (low, high)
        keep = Keep(shortest, ends=near)
        increments, names, kept = self._run((low, high), order, known, state, keep)
        self._remember(names, kept, shortest)
        return tuple(increments[0, i, ...] for i in range(order))

    def _remember(self, names: Places, states: Array, shortest: int) -> None:
        """Keep the long nodes; and all, until the next question, which may begin where this one ends."""
        grown = False
        for row in np.flatnonzero(names[:, 1] - names[:, 0] >= shortest).tolist():
            low, high = names[row].tolist()
            if self.nodes.get((low, high)) is None:  # a copy, which does not hold the others
                self.nodes.put((low, high), 1.0 * states[row, ...])
                grown = True
        first = max(0, len(names) - self._cache)  # the standard has no slices beyond an axis
        self._last = _Drawn(names[first:], states[first:, ...])
        if grown:
            nodes = {name: state for name, state in self.nodes.snapshot().items() if name[0] != "area"}
            self._lately = _Drawn(_pairs(nodes), list(nodes.values()))

    def along(self, places: Sequence[int], order: int) -> Iterator[State]:
        """Iterate over the same between neighbouring places, ascending, each node being drawn once."""
        block = _BLOCK // max(1, order * math.prod(self._shape))
        block = max(_FEWEST, min(_MOST, block))
        begun: dict[Name, Array] = {}
        for start in range(0, len(places) - 1, block):
            part = places[start : start + block + 1]
            end = part[-1]
            keep = Keep(0, end) if end < places[-1] else Keep(self._marks.places + 1)
            states = list(begun.values())
            increments, names, kept = self._run(part, order, _pairs(begun), states.__getitem__, keep)
            begun = {name: state for name, state in begun.items() if name[0] >= end}
            begun |= {(low, high): kept[row, ...] for row, (low, high) in enumerate(names.tolist())}
            for n in range(len(part) - 1):
                yield tuple(increments[n, i, ...] for i in range(order))

    def ends_leaf(self, place: int) -> bool:
        """Tell whether a place is an end of leaves, between which areas are known."""
        return self._marks.is_mark(place, self._deepest)

    def halvings(self, low: int, high: int) -> int:
        """Return how often an interval can be halved so that all its parts end with leaves."""
        return self._marks.halvings(low, high, self._deepest)

    def area(self, low: int, high: int) -> Array:
        """Return the Levy area between two marks of the leaves: Chen's combination of those of the leaves."""
        ((before, after),) = pieces_of(self._marks, (low, high))
        parts = [self._state_and_area(node) for node in (*before, *after)]
        W, A = parts[0]
        for next_W, next_A in parts[1:]:
            W, A = W + next_W, join_areas(A, next_A, W, next_W)
        return 1.0 * A  # what is kept is not handed out

    def _state_and_area(self, node: Node) -> tuple[Array, Array]:
        """Return W and A of a node."""
        state, name = self.between(node.low, node.high, 3), ("area", *node.name)
        A: Array | None = self.nodes.get(name)
        if A is None:
            A = self._area(node, state)
            self.nodes.put(name, A)
        return state[0], A

    def _area(self, node: Node, state: State) -> Array:
        h, number = self._place_length * (node.high - node.low), self._marks.number(node)
        cell_key = random.fold_in(self._key, node.low // self._marks.size)
        if node.level >= self._deepest:
            key = random.fold_in(random.fold_in(cell_key, "area"), number)
            return leaf_area(state, h, self._draw(key, (area_normals(self._shape[1]),)))
        z = self._draw(random.fold_in(cell_key, number), (3, *self._shape[1:]))
        parts = divide(state, tuple(z[:, i, ...] for i in range(3)), split(node.share), math.sqrt(h))
        first, second = (self._area(*half) for half in zip(node.halves, parts, strict=True))
        return join_areas(first, second, parts[0][0], parts[1][0])

    def _run(
        self, places: Sequence[int], order: int, known: Places, state: Callable[[int], Array], keep: Keep
    ) -> tuple[Array, Places, Array]:
        """Return the increments, and the names and states of what is kept; `state` of a row of `known`."""
        plan, inputs, names = make_plan(
            self._marks, self._key, places, order, self._place_length, known, keep
        )
        given = self._none
        if inputs:
            given = array_namespace(given).stack([state(row) for row in inputs])
        increments, kept = run_plan(given, plan, self._first_row)
        return increments, names, kept


def _pairs(nodes: Collection[Name]) -> Places:
    """Return names as rows of an array."""
    return np.fromiter(chain.from_iterable(nodes), np.int64, 2 * len(nodes)).reshape(-1, 2)
