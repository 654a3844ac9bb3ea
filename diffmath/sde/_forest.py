"""The cells of a Brownian path, each a dyadic tree, asked about what lies between two places.

The smallest node that holds both places is divided in its middle; what is asked for is the end of the left
half, from the first place on, and the beginning of the right half, up to the second. Both are cuts of small
nodes at the places, to which the nodes between are joined. Nodes near the roots and at the scale of the
questions are kept; further down, a cut is made in one go, and only the cuts at the last places are kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from diffmath import random
from diffmath._typing import Array
from diffmath.sde._bridge import State, join
from diffmath.sde._cut import LEAF_BITS
from diffmath.sde._recent import Recent
from diffmath.sde._tree import Tree

__all__ = ["Forest"]

_IN_LEAF = 1 << LEAF_BITS
_CUTS = 4  # kept: the next question often begins where the last one ended


class Forest:
    """Cells with trees of one depth, and what was drawn of them lately.

    Parameters
    ----------
    tree : Tree
        Draws nodes.
    key : Key
        Number n of it is the key of cell n.
    cells, depth : int
        Trees, and their levels below the root; a leaf has ``2**LEAF_BITS`` places.
    length : float
        Of all cells together.
    cache : int
        Nodes kept.
    """

    def __init__(
        self, tree: Tree, key: random.Key, cells: int, depth: int, length: float, cache: int
    ) -> None:
        self._tree, self._key, self._depth = tree, key, depth
        self.size = 1 << (depth + LEAF_BITS)  # places of a cell
        self.places = cells * self.size
        self._place_length = length / self.places
        # All nodes down to here may stay.
        self._always = (cache // cells).bit_length() - 2
        self.nodes, self._cuts, self._keys = Recent(cache), Recent(_CUTS), Recent(_CUTS)

    def between(self, low: int, high: int) -> State:
        """Return what the motion does between two places, low < high."""
        # Cuts begin at nodes of at most half the length that is asked for.
        finest = self._depth + LEAF_BITS - (high - low).bit_length() + 2
        finest = min(self._depth, max(self._always, finest))
        (first, start), (last, stop) = divmod(low, self.size), divmod(high - 1, self.size)
        if first == last:
            return self._within(first, start, stop + 1, finest)
        whole, passed = self._part(first, 1, start, 1, finest), self.size - start
        for cell in range(first + 1, last):
            whole = join(whole, self._node(cell, 1), passed / (passed + self.size))
            passed += self.size
        rest = self._part(last, 1, stop + 1, 0, finest)
        return join(whole, rest, passed / (passed + stop + 1))

    def cover(self, low: int, high: int) -> Iterator[tuple[int, int, int]]:
        """Iterate over (cell, node, height) of the largest nodes that make up the leaves of [low, high)."""
        start, stop = low >> LEAF_BITS, high >> LEAF_BITS
        while start < stop:
            cell, leaf = divmod(start, 1 << self._depth)
            reach = self._depth if leaf == 0 else (leaf & -leaf).bit_length() - 1
            height = min(reach, (stop - start).bit_length() - 1)
            yield cell, ((1 << self._depth) + leaf) >> height, height
            start += 1 << height

    def piece(self, cell: int, node: int, height: int) -> tuple[State, Array]:
        """Return a node of the cover and its Levy area."""
        state, name = self._node(cell, node), ("area", cell, node)
        A: Array | None = self.nodes.get(name)
        if A is None:
            length = self._place_length * (1 << (height + LEAF_BITS))
            A = self._tree.area(self._key_of(cell), state, length, node, height)
            self.nodes.put(name, A)
        return state, A

    def _within(self, cell: int, low: int, high: int, finest: int) -> State:
        """Return what lies between two places of one cell."""
        level = max(LEAF_BITS, (low ^ (high - 1)).bit_length())  # the smallest node has 2**level places
        node, start = (self.size + low) >> level, low >> level << level
        size, first, last = 1 << level, low - start, high - start
        if last - first == size:
            return self._node(cell, node)
        if level == LEAF_BITS:
            return self._cut(cell, node, first or last)[first > 0]
        half = size // 2
        end = self._part(cell, 2 * node, first, 1, finest)
        beginning = self._part(cell, 2 * node + 1, last - half, 0, finest)
        return join(end, beginning, (half - first) / (last - first))

    def _part(self, cell: int, node: int, place: int, side: int, finest: int) -> State:
        """Return the part of a node before a place (side 0) or after it (1)."""
        size = self.size >> (node.bit_length() - 1)
        if place == (0 if side else size):
            return self._node(cell, node)
        if node.bit_length() > finest:
            return self._cut(cell, node, place)[side]
        half = size // 2
        if place == half:
            return self._node(cell, 2 * node + side)
        lies = int(place > half)
        inner = self._part(cell, 2 * node + lies, place - lies * half, side, finest)
        if lies == side:
            return inner
        other = self._node(cell, 2 * node + side)
        if side:
            return join(inner, other, (half - place) / (size - place))
        return join(other, inner, half / place)

    def _cut(self, cell: int, node: int, place: int) -> tuple[State, State]:
        """Return both parts of a node."""
        parts: tuple[State, State] | None = self._cuts.get((cell, node, place))
        if parts is None:
            parts = self._divided(cell, node, self._node(cell, node), place)
            self._cuts.put((cell, node, place), parts)
        return parts

    def _node(self, cell: int, node: int) -> State:
        """Return a node, halving from its nearest ancestor that is still at hand."""
        above = node
        state: State | None = self.nodes.get((cell, above))
        while state is None and above > 1:
            above >>= 1
            state = self.nodes.get((cell, above))
        if state is None:
            state = self._tree.root(random.fold_in(self._key_of(cell), 0), self._place_length * self.size)
            self.nodes.put((cell, 1), state)
        for level in range(node.bit_length() - above.bit_length() - 1, -1, -1):
            halves = self._divided(cell, above, state, self.size >> above.bit_length())
            below = node >> level
            for child in (below ^ 1, below):
                self.nodes.put((cell, child), halves[child & 1])
            above, state = below, halves[below & 1]
        return state

    def _divided(self, cell: int, node: int, state: State, place: int) -> tuple[State, State]:
        above = node.bit_length() - 1
        key, length = self._key_of(cell), self._place_length * (self.size >> above)
        in_leaf = place & (_IN_LEAF - 1)
        leaves = self._key_of(cell, leaves=True) if in_leaf else key
        return self._tree.cut(state, (key, leaves), node, self._depth - above, place, length)

    def _key_of(self, cell: int, leaves: bool = False) -> random.Key:
        """Return the key of a cell, or that of its leaves."""
        key: random.Key | None = self._keys.get((cell, leaves))
        if key is None:
            key = random.fold_in(self._key_of(cell), "leaf") if leaves else random.fold_in(self._key, cell)
            self._keys.put((cell, leaves), key)
        return key
