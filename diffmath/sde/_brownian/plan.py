"""Which nodes must be drawn and joined for the increments between given places of a Brownian path.

A plan is a list of instructions on registers, made from the places alone: draw a cell, divide a node, join
two parts, output an increment. An increment is joined from the largest nodes that it consists of: those
before its earliest mark from left to right, those after it from right to left. The result is therefore
independent of the other queries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath._arrays.accelerate import accelerated
from diffmath.sde._brownian.instructions import Do, Plan, count_entries, share_registers
from diffmath.sde._brownian.marks import Marks, Node
from diffmath.sde._noise import VARIANCES, chen_matrices, split

__all__ = ["Keep", "Name", "Places", "make_plan", "pieces_of", "write_plan"]

Name = tuple[int, int]
Places = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]
Part = tuple[int, int, int]  # a register, and its places

_NOTHING = np.zeros((2, 3, 6))


@dataclass(frozen=True)
class Keep:
    """Which nodes of a plan, from `start` on, are cached: the long nodes that it draws, and the end nodes.

    Parameters
    ----------
    shortest : int
        Minimum number of places of a long node.
    start : int
        The first place.
    ends : bool
        Whether nodes that the plan uses and does not divide are cached, drawn or known: a query next to
        these places begins at them.
    """

    shortest: int
    start: int = 0
    ends: bool = False

    def __call__(self, node: Node, drawn: bool) -> bool:
        long = drawn and node.high - node.low >= self.shortest
        return node.low >= self.start and (long or (self.ends and not node.divided))


def make_plan(
    marks: Marks, key: random.Key, places: Sequence[int], order: int, place_length: float, known: Places,
    keep: Keep,
) -> tuple[Plan, list[int], Places]:  # fmt: skip
    """Plan the increments between places, ascending.

    Parameters
    ----------
    order : int
        How many of (W, H, K) an increment has.
    known : array of int, shape (n, 2)
        Names of nodes that need not be drawn.
    keep : Keep
        Which nodes are cached.

    Returns
    -------
    tuple
        The plan, the rows of `known` that are its inputs, and the names of the nodes to cache.
    """
    queried = np.array(places, dtype=np.int64)
    write = write_plan.kernel_for(known) or write_plan.reference  # eight arguments cost more
    steps, keys, weights, registers, inputs, kept = write(
        queried, known, marks, key, order, place_length, keep, _split_weights
    )
    return Plan(steps, keys, weights, registers, len(places) - 1, order, len(kept)), inputs, kept


@accelerated
def write_plan(
    places: Places, known: Places, marks: Marks, key: random.Key, order: int, place_length: float, keep: Keep,
    split_weights: Callable[[float], Weights],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64], Weights, int, list[int], Places]:  # fmt: skip
    """Return steps, keys, weights and registers of a plan, the rows of its inputs, and the nodes to cache."""
    writer = _Writer(marks, key, place_length, known, split_weights)
    for number, (before, after) in enumerate(pieces_of(marks, places.tolist())):
        first, rest = ([writer.part(node) for node in nodes] for nodes in (before, after))
        sides = [reduce(writer.join, first)]
        if rest:
            sides.append(reduce(lambda right, left: writer.join(left, right), reversed(rest)))
        writer.write(Do.EMIT, a=reduce(writer.join, sides)[0], d=number)
    kept = [node for node, drawn in writer.nodes if keep(node, drawn)]
    for number, node in enumerate(kept):
        writer.write(Do.KEEP, a=writer.register[node.name], d=number)
    names = np.array([node.name for node in kept], dtype=np.int64).reshape(-1, 2)
    return *writer.finish(order), writer.inputs, names


def pieces_of(marks: Marks, places: Sequence[int]) -> Iterator[tuple[list[Node], list[Node]]]:
    """Iterate over the nodes of every increment: those before its earliest mark, and those after it."""
    first, stack = places[0], list[Node]()
    cell, number, found = first // marks.size, 0, list[Node]()  # only nodes with a place inside are divided
    while number < len(places) - 1:
        if not stack:
            stack.append(marks.cell(cell))
            cell += 1
        node = stack.pop()
        if node.high <= first:
            continue
        if node.low < first or places[number + 1] < node.high:
            stack += reversed(node.halves)
            continue
        found.append(node)
        if node.high == places[number + 1]:
            middle = _earliest(marks, found, places[number], places[number + 1])
            yield [n for n in found if n.high <= middle], [n for n in found if n.low >= middle]
            found, number = [], number + 1


def _earliest(marks: Marks, found: list[Node], low: int, high: int) -> int:
    """Return the mark at which an increment is put together."""
    if len(found) == 1:
        return high
    if low // marks.size != (high - 1) // marks.size:
        return (high - 1) // marks.size * marks.size
    node = found[0]
    while node.high < high:
        assert node.above is not None, "one cell contains both places"
        node = node.above
    return node.middle


class _Writer:
    """Instructions under construction; a node is drawn when it is first needed."""

    def __init__(
        self, marks: Marks, key: random.Key, place_length: float, known: Places,
        split_weights: Callable[[float], Weights],
    ) -> None:  # fmt: skip
        self._marks, self._key, self._place_length = marks, key, place_length
        self._known = {(low, high): row for row, (low, high) in enumerate(known.tolist())}
        self._split_weights = split_weights
        self.register: dict[Name, int] = {}
        self.inputs: list[int] = []
        self.nodes: list[tuple[Node, bool]] = []  # in the order of their registers; whether drawn
        self._lines: list[list[int]] = []
        self._weights: list[Any] = []
        self._scales: list[float] = []
        self._draws: list[tuple[int, int, int]] = []  # line, cell, number
        self._count = 0

    def write(
        self, kind: int, a: int = -1, b: int = -1, d: int = -1, e: int = -1,
        weights: Weights | None = None, scale: float = 1.0,
    ) -> None:  # fmt: skip
        """Append an instruction; `scale` multiplies the weights of normals."""
        self._lines.append([kind, a, b, d, e, 0, 0])
        self._weights.append(_NOTHING if weights is None else weights)
        self._scales.append(scale)

    def new(self) -> int:
        self._count += 1
        return self._count - 1

    def node(self, node: Node) -> int:
        """Return the register of a node."""
        chain = [node]
        while chain[-1].name not in self.register:
            top = chain[-1]
            if top.name in self._known:
                self.register[top.name] = self.new()
                self.nodes.append((top, False))
                self.write(Do.LOAD, a=len(self.inputs), d=self.register[top.name])
                self.inputs.append(self._known[top.name])
            elif top.above is None:
                self._draw_cell(top)
            else:
                chain.append(top.above)
        for above in reversed(chain[1:]):
            self._divide(above)
        return self.register[node.name]

    def _draw_cell(self, node: Node) -> None:
        self.register[node.name] = self.new()
        self.nodes.append((node, True))
        self._draws.append((len(self._lines), node.low // self._marks.size, 0))
        length = self._place_length * self._marks.size
        self.write(Do.ROOT, d=self.register[node.name], weights=_root_weights(), scale=math.sqrt(length))

    def _divide(self, node: Node) -> None:
        left, right = node.halves
        registers = [self.register.get(half.name, -1) for half in (left, right)]
        fresh = [half for half, register in zip((left, right), registers, strict=True) if register < 0]
        for half in fresh:
            self.register[half.name] = self.new()
        self.nodes += [(half, True) for half in fresh]
        self._draws.append((len(self._lines), node.low // self._marks.size, self._marks.number(node)))
        root = math.sqrt(self._place_length * (node.high - node.low))
        d, e = (self.register[half.name] if half in fresh else -1 for half in (left, right))
        weights = self._split_weights(node.share)
        self.write(Do.DIVIDE, a=self.register[node.name], d=d, e=e, weights=weights, scale=root)

    def part(self, node: Node) -> Part:
        """Return the register of a node, and its places."""
        return self.node(node), node.low, node.high

    def join(self, first: Part, second: Part) -> Part:
        """Return the register of two adjacent parts, joined, and its places."""
        (a, low, middle), (b, _, high) = first, second
        register, weights = self.new(), _join_weights((middle - low) / (high - low))
        self.write(Do.JOIN, a=a, b=b, d=register, weights=weights)
        return register, low, high

    def finish(self, order: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64], Weights, int]:
        """Return steps, keys, weights and the number of registers."""
        count_entries(self._lines, self._count, order)
        registers = share_registers(self._lines, self._count)
        steps = np.array(self._lines, dtype=np.int64)
        weights = np.stack(self._weights)
        weights[..., 3:] *= np.array(self._scales)[:, None, None, None]
        return steps, self._keys(len(steps)), weights, registers

    def _keys(self, lines: int) -> npt.NDArray[np.uint64]:
        keys = np.zeros((lines, 2), dtype=np.uint64)
        cell_key = cache(lambda cell: random.fold_in(self._key, cell))
        for line, cell, number in self._draws:
            keys[line] = random.fold_in(cell_key(cell), number).words
        return keys


@cache
def _root_weights() -> Weights:
    weights = np.zeros((2, 3, 6))
    weights[0, range(3), range(3, 6)] = [math.sqrt(variance) for variance in VARIANCES]
    return weights


@lru_cache(maxsize=4096)
def _split_weights(share: float) -> Weights:
    law = split(share)
    return np.stack([np.hstack([law.left, law.left_noise]), np.hstack([law.right, law.right_noise])])


@lru_cache(maxsize=4096)
def _join_weights(share: float) -> Weights:
    weights = np.zeros((2, 3, 6))
    weights[0] = np.hstack(chen_matrices(share))
    return weights
