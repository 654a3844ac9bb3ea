"""The nodes of a Brownian path: nodes are drawn when needed, and recently drawn nodes are cached.

Each single query has its own plan, which begins at cached nodes. A clock is planned in blocks of steps; each
block passes the nodes that it draws beyond its end to the next, so every node is drawn once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from diffmath import random
from diffmath._arrays.namespace import array_namespace, device
from diffmath._core.typing import Array
from diffmath.sde._brownian.lru_store import LRUStore
from diffmath.sde._brownian.marks import Marks, Node
from diffmath.sde._brownian.plan import Keep, Name, Places, make_plan, pieces_of
from diffmath.sde._brownian.run_plan import run_plan
from diffmath.sde._noise import State, area_normals, divide, join_areas, leaf_area, split

__all__ = ["CachedTrees", "leading_terms"]

_BLOCK = 2**21  # numbers that are drawn in advance for a clock
_FEWEST, _MOST = 4, 1024  # steps of a block
_AHEAD, _MOST_AHEAD = 2**16, 64  # bytes and queries that are drawn ahead of a sequence
_NO_NAMES = np.empty((0, 2), np.int64)


class _Known(NamedTuple):
    """Names of nodes that need not be drawn, shape (n, 2), and their states; the first `long` are cached."""

    names: Places
    states: list[Array]
    long: int


class CachedTrees:
    """The cells of a path, each with its tree, and a cache of nodes.

    Parameters
    ----------
    shape, like, first_row
        As for `brownian_increments`.
    key : Key
        Cell n has the key with n folded in.
    marks : Marks
        Positions at which nodes are divided.
    length : float
        Total length of all cells.
    levels : int
        Number of halvings from a cell to the leaves whose areas are drawn.
    cache : int
        Number of nodes that are cached for all queries, and the same number again for the last query.
    """

    def __init__(
        self, shape: tuple[int, ...], like: Array, key: random.Key, marks: Marks, length: float,
        levels: int, cache: int, first_row: int,
    ) -> None:  # fmt: skip
        self._draw = random.RowStream(random.normal, shape, like=like, first_row=first_row)
        self._key, self._marks, self._shape, self._first_row = key, marks, tuple(shape), first_row
        self._place_length = length / marks.places
        self._deepest = marks.level_of(levels)
        self._xp = array_namespace(like)
        self._none = self._xp.zeros((0, 3, *shape), dtype=like.dtype, device=device(like))
        self.nodes: LRUStore[Name, Array] = LRUStore(cache)
        self._areas: LRUStore[Name, Array] = LRUStore(cache)
        self._cache = cache
        self._queried = (-1, -1)  # the places of the last query
        self._known = _Known(_NO_NAMES, [], 0)
        self._ahead: dict[tuple[int, int, int], State] = {}  # results of the next queries of a sequence
        self._streak = 0  # blocks of a sequence so far
        self._always = marks.places * 8 // cache  # nodes of this length are few: all are cached

    def increment(self, low: int, high: int, order: int) -> State:
        """Return the first `order` of (W, H, K) between two places, low < high.

        Queries of equal length that follow each other are drawn ahead, in blocks of 1, 2, 4, ... of them.
        """
        state = self._ahead.pop((low, high, order), None)  # returned once: it may be modified
        if state is None:
            before, self._ahead = self._queried, {}
            in_sequence = before[1] == low and before[1] - before[0] == high - low
            self._streak = self._streak + 1 if in_sequence else 0
            steps = self._steps_ahead(low, high, order)
            state = self._block(low, high, order, steps) if steps > 1 else self._query(low, high, order)
        self._queried = low, high
        return state

    def _steps_ahead(self, low: int, high: int, order: int) -> int:
        """Return the number of queries to draw now: more in a long sequence, 1 where draws are large."""
        if not (self._streak and isinstance(self._none, np.ndarray) and self._marks.continues(low, high)):
            return 1
        size = max(1, order * math.prod(self._shape) * int(self._none.itemsize))
        left = (self._marks.places - low) // (high - low)
        wanted = 1 << min(self._streak, 30)
        return min(wanted, _MOST_AHEAD, _AHEAD // size, left)

    def _block(self, low: int, high: int, order: int, steps: int) -> State:
        """Draw queries of equal length, `steps` of them; return the first, and store the others."""
        places, known = [low + n * (high - low) for n in range(steps + 1)], self._known
        end = places[-1]
        plan, inputs, names = make_plan(
            self._marks, self._key, places, order, self._place_length, known.names, Keep(0, end)
        )
        self._use(known, inputs)
        increments, kept = run_plan(self._stacked(known.states, inputs), plan, self._first_row)
        # The nodes after the block, where the next one begins.
        later = [row for row in range(known.long, len(known.states)) if known.names[row, 0] >= end]
        self._known = _Known(
            np.concatenate([known.names[: known.long], known.names[later], names]),
            [*known.states[: known.long], *(known.states[row] for row in later), *kept],
            known.long,
        )
        first, *others = (tuple(increments[n, i, ...] for i in range(order)) for n in range(steps))
        self._ahead = {(places[n], places[n + 1], order): state for n, state in enumerate(others, start=1)}
        return first

    def _use(self, known: _Known, rows: list[int]) -> None:
        """Count cached nodes as used."""
        for row in rows:
            if row < known.long:
                low, high = known.names[row].tolist()
                self.nodes.get((low, high))

    def _query(self, low: int, high: int, order: int) -> State:
        """Draw a single query."""
        shortest, known = min(self._always, (high - low) // 2), self._known  # others may replace it
        # A query that is not next to the last one is not part of a sequence: its ends are not cached.
        keep = Keep(shortest, ends=low in self._queried or high in self._queried)
        plan, inputs, names = make_plan(
            self._marks, self._key, (low, high), order, self._place_length, known.names, keep
        )
        self._use(known, inputs)
        increments, kept = run_plan(self._stacked(known.states, inputs), plan, self._first_row)
        self._remember(known, names, kept, shortest)
        return tuple(increments[0, i, ...] for i in range(order))

    def _remember(self, known: _Known, names: Places, states: Array, shortest: int) -> None:
        """Cache the long nodes; cache all nodes until the next query, which may begin where this one ends."""
        grown, ends, end_states = False, list[Name](), list[Array]()
        for row, (low, high) in enumerate(names.tolist()):
            if high - low < shortest:
                ends.append((low, high))
                end_states.append(states[row, ...])
            elif self.nodes.get((low, high)) is None:  # a copy, which does not keep the whole array alive
                self.nodes.put((low, high), 1.0 * states[row, ...])
                grown = True
        if not grown and not ends and known.long == len(known.states):
            return
        if grown:
            long, long_states = self.nodes.snapshot()
            array = np.fromiter(chain.from_iterable(long), np.int64, 2 * len(long)).reshape(-1, 2)
        else:
            array, long_states = known.names[: known.long], known.states[: known.long]
        if ends:
            first = max(0, len(ends) - self._cache)
            array = np.concatenate([array, np.array(ends[first:], np.int64)])
        self._known = _Known(array, long_states + end_states[-self._cache :], len(long_states))

    def _stacked(self, states: Sequence[Array], rows: list[int]) -> Array:
        """Return some states as one array, (rows, 3, batch, ...)."""
        if not rows:
            return self._none
        if not isinstance(self._none, np.ndarray):
            return self._xp.stack([states[row] for row in rows])
        stacked = np.empty((len(rows), *self._none.shape[1:]), self._none.dtype)  # `stack` costs more
        for place, row in enumerate(rows):
            stacked[place] = states[row]
        return stacked

    def increments(self, places: Sequence[int], order: int) -> Iterator[State]:
        """Iterate over the same terms between neighbouring places, ascending; every node is drawn once."""
        block = _BLOCK // max(1, order * math.prod(self._shape))
        block = max(_FEWEST, min(_MOST, block))
        begun: dict[Name, Array] = {}
        for start in range(0, len(places) - 1, block):
            part = places[start : start + block + 1]
            end = part[-1]
            keep = Keep(0, end) if end < places[-1] else Keep(self._marks.places + 1)
            known = np.array(list(begun), np.int64).reshape(-1, 2)
            plan, inputs, names = make_plan(
                self._marks, self._key, part, order, self._place_length, known, keep
            )
            given = self._stacked(list(begun.values()), inputs)
            increments, kept = run_plan(given, plan, self._first_row)
            begun = {name: state for name, state in begun.items() if name[0] >= end}
            begun |= {(low, high): kept[row, ...] for row, (low, high) in enumerate(names.tolist())}
            for n in range(len(part) - 1):
                yield tuple(increments[n, i, ...] for i in range(order))

    def ends_leaf(self, place: int) -> bool:
        """Whether a place is an end of leaves; areas are known only between such places."""
        return self._marks.is_mark(place, self._deepest)

    def halvings(self, low: int, high: int) -> int:
        """Return how often an interval can be halved so that all its parts end with leaves."""
        return self._marks.halvings(low, high, self._deepest)

    def area(self, low: int, high: int) -> Array:
        """Return the Levy area between two leaf ends: the areas of the leaves, joined by Chen's relation."""
        ((before, after),) = pieces_of(self._marks, (low, high))
        parts = [self._state_and_area(node) for node in (*before, *after)]
        W, A = parts[0]
        for next_W, next_A in parts[1:]:
            W, A = W + next_W, join_areas(A, next_A, W, next_W)
        return 1.0 * A  # a copy: the cached array is not returned

    def _state_and_area(self, node: Node) -> tuple[Array, Array]:
        """Return W and A of a node."""
        state = self.increment(node.low, node.high, 3)
        A = self._areas.get(node.name)
        if A is None:
            A = self._area(node, state)
            self._areas.put(node.name, A)
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


def leading_terms(terms: str) -> int:
    """Return the number of leading entries of (W, H, K) that the terms need."""
    return 3 if "K" in terms else 2 if terms else 1
