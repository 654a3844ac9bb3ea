"""The plan of a Brownian path, written with integers: nodes are rows of a table, not objects.

The reference, `diffmath.sde._brownian.plan.write_plan`, is the specification; both give equal plans.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np

from diffmath.kernels.numba._cache import compiled_by
from diffmath.kernels.numba._sde_lines import count_entries, derive_keys, line_weights, share_registers

__all__ = ["write_plan"]

_LOAD, _ROOT, _DIVIDE, _JOIN, _EMIT, _KEEP = range(6)  # as in the body
_LOW, _HIGH, _LEVEL, _MIDDLE, _ABOVE, _LEFT, _REGISTER = range(
    7
)  # of a node; its right half follows the left
_NODES, _LINES, _REGISTERS, _MADE, _INPUTS = range(5)  # what is counted

# No fused operations: the weights equal those of the reference bit for bit.
_compiled = compiled_by(nogil=True, error_model="numpy")


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _slot(low: int, high: int, mask: int) -> int:
    return ((low * 0x9E3779B1) ^ (high * 0x85EBCA77) ^ (low >> 17) ^ (high >> 23)) & mask


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _index(known: Any) -> Any:
    """Return an open hash table of the rows of `known`."""
    size = 16
    while size < 2 * len(known):
        size *= 2
    table = np.full(size, -1, np.int64)
    for n in range(len(known)):
        slot = _slot(known[n, 0], known[n, 1], size - 1)
        while table[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        table[slot] = n
    return table


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _find(table: Any, known: Any, low: int, high: int) -> int:
    slot = _slot(low, high, len(table) - 1)
    while table[slot] >= 0:
        n = table[slot]
        if known[n, 0] == low and known[n, 1] == high:
            return int(n)
        slot = (slot + 1) & (len(table) - 1)
    return -1


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _new_node(nodes: Any, counts: Any, low: int, high: int, level: int, above: int) -> int:
    n = counts[_NODES]
    counts[_NODES] += 1
    nodes[n, _LOW], nodes[n, _HIGH], nodes[n, _LEVEL], nodes[n, _ABOVE] = low, high, level, above
    nodes[n, _MIDDLE] = nodes[n, _LEFT] = nodes[n, _REGISTER] = -1
    return int(n)


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _halve(nodes: Any, counts: Any, n: int, spacings: Any) -> None:
    low, high, level = nodes[n, _LOW], nodes[n, _HIGH], nodes[n, _LEVEL]
    middle = high
    while middle >= high:
        assert level < len(spacings), "queried places are marks"
        middle = (low // spacings[level] + 1) * spacings[level]
        level += 1
    nodes[n, _MIDDLE] = middle
    nodes[n, _LEFT] = _new_node(nodes, counts, low, middle, level - 1, n)
    _new_node(nodes, counts, middle, high, level - 1, n)


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _line(lines: Any, counts: Any, kind: int, a: int, b: int, d: int, e: int) -> int:
    n = counts[_LINES]
    counts[_LINES] += 1
    lines[n, 0], lines[n, 1], lines[n, 2], lines[n, 3], lines[n, 4] = kind, a, b, d, e
    return int(n)


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _register(counts: Any) -> int:
    counts[_REGISTERS] += 1
    return int(counts[_REGISTERS] - 1)


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _divide(n: int, nodes: Any, counts: Any, lines: Any, noted: Any, made: Any) -> None:
    left = nodes[n, _LEFT]
    d = e = -1
    if nodes[left, _REGISTER] < 0:
        d = nodes[left, _REGISTER] = _register(counts)
        made[counts[_MADE]] = left
        counts[_MADE] += 1
    if nodes[left + 1, _REGISTER] < 0:
        e = nodes[left + 1, _REGISTER] = _register(counts)
        made[counts[_MADE]] = left + 1
        counts[_MADE] += 1
    noted[_line(lines, counts, _DIVIDE, nodes[n, _REGISTER], -1, d, e)] = n


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _draw_node(
    n: int, nodes: Any, counts: Any, lines: Any, noted: Any, made: Any, inputs: Any, table: Any, known: Any,
    ancestors: Any,
) -> None:  # fmt: skip
    """Draw a node from its nearest known ancestor."""
    ancestors[0], length = n, 1
    while nodes[ancestors[length - 1], _REGISTER] < 0:
        top = ancestors[length - 1]
        found = _find(table, known, nodes[top, _LOW], nodes[top, _HIGH])
        if found >= 0:
            nodes[top, _REGISTER] = _register(counts)
            made[counts[_MADE]] = ~top  # not drawn
            counts[_MADE] += 1
            inputs[counts[_INPUTS]] = found
            _line(lines, counts, _LOAD, counts[_INPUTS], -1, nodes[top, _REGISTER], -1)
            counts[_INPUTS] += 1
        elif nodes[top, _ABOVE] < 0:
            nodes[top, _REGISTER] = _register(counts)
            made[counts[_MADE]] = top
            counts[_MADE] += 1
            noted[_line(lines, counts, _ROOT, -1, -1, nodes[top, _REGISTER], -1)] = top
        else:
            ancestors[length] = nodes[top, _ABOVE]
            length += 1
    for i in range(length - 1, 0, -1):
        _divide(ancestors[i], nodes, counts, lines, noted, made)


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _join(lines: Any, counts: Any, shares: Any, a: int, b: int, low: int, middle: int, high: int) -> int:
    register = _register(counts)
    line = _line(lines, counts, _JOIN, a, b, register, -1)
    shares[line] = (middle - low) / (high - low)
    return int(register)


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _join_nodes(found: Any, count: int, middle: int, nodes: Any, counts: Any, lines: Any, shares: Any) -> int:
    """Join the nodes of an increment, those before its earliest mark and those after it."""
    low, high = nodes[found[0], _LOW], nodes[found[count - 1], _HIGH]
    before = 1
    a = nodes[found[0], _REGISTER]
    while before < count and nodes[found[before], _HIGH] <= middle:
        n = found[before]
        a = _join(lines, counts, shares, a, nodes[n, _REGISTER], low, nodes[n, _LOW], nodes[n, _HIGH])
        before += 1
    if before == count:
        return int(a)
    b = nodes[found[count - 1], _REGISTER]
    for i in range(count - 2, before - 1, -1):
        n = found[i]
        b = _join(lines, counts, shares, nodes[n, _REGISTER], b, nodes[n, _LOW], nodes[n, _HIGH], high)
    return int(_join(lines, counts, shares, a, b, low, middle, high))


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _earliest(found: Any, count: int, low: int, high: int, nodes: Any, size: int) -> int:
    if count == 1:
        return high
    if low // size != (high - 1) // size:
        return (high - 1) // size * size
    n = found[0]
    while nodes[n, _HIGH] < high:
        n = nodes[n, _ABOVE]
    return int(nodes[n, _MIDDLE])


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _write(
    places: Any, spacings: Any, size: int, known: Any, nodes: Any, counts: Any, lines: Any, noted: Any,
    shares: Any, made: Any, inputs: Any,
) -> None:  # fmt: skip
    """Write the lines of all increments, with a new register for each result."""
    table, deepest = _index(known), len(spacings) + 2
    stack, ancestors = np.empty(2 * deepest, np.int64), np.empty(deepest, np.int64)
    found = np.empty(len(nodes), np.int64)
    first, number, depth, count = places[0], 0, 0, 0
    cell = first // size
    while number < len(places) - 1:
        if depth == 0:
            stack[0], depth = _new_node(nodes, counts, cell * size, (cell + 1) * size, 0, -1), 1
            cell += 1
        depth -= 1
        n, high = stack[depth], places[number + 1]
        if nodes[n, _HIGH] <= first:
            continue
        if nodes[n, _LOW] < first or high < nodes[n, _HIGH]:
            _halve(nodes, counts, n, spacings)
            stack[depth], stack[depth + 1] = nodes[n, _LEFT] + 1, nodes[n, _LEFT]
            depth += 2
            continue
        found[count] = n
        count += 1
        if nodes[n, _HIGH] == high:
            middle = _earliest(found, count, places[number], high, nodes, size)
            for i in range(count):
                _draw_node(found[i], nodes, counts, lines, noted, made, inputs, table, known, ancestors)
            a = _join_nodes(found, count, middle, nodes, counts, lines, shares)
            _line(lines, counts, _EMIT, a, -1, number, -1)
            number, count = number + 1, 0


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _plan(
    places: Any, spacings: Any, size: int, binary: bool, k0: Any, k1: Any, order: int, place_length: float,
    known: Any, shortest: int, start: int, ends: bool, laws: Any, splits: Any,
) -> Any:  # fmt: skip
    most = 2 * len(spacings) * len(places) + (places[-1] - places[0]) // size + 3
    nodes, counts = np.empty((most, 7), np.int64), np.zeros(5, np.int64)
    lines, noted, shares = np.empty((4 * most, 7), np.int64), np.empty(4 * most, np.int64), np.empty(4 * most)
    made, inputs = np.empty(most, np.int64), np.empty(len(known), np.int64)
    _write(places, spacings, size, known, nodes, counts, lines, noted, shares, made, inputs)
    kept, number = np.empty((counts[_MADE], 2), np.int64), 0
    for m in made[: counts[_MADE]]:
        n = m if m >= 0 else ~m
        low, high = nodes[n, _LOW], nodes[n, _HIGH]
        long = m >= 0 and high - low >= shortest
        if low >= start and (long or (ends and nodes[n, _LEFT] < 0)):
            _line(lines, counts, _KEEP, nodes[n, _REGISTER], -1, number, -1)
            kept[number, 0], kept[number, 1] = low, high
            number += 1
    steps = lines[: counts[_LINES]].copy()
    weights, missing = line_weights(steps, noted, nodes, shares, place_length, laws, splits)
    keys = derive_keys(steps, noted, nodes, size, binary, k0, k1)
    count_entries(steps, counts[_REGISTERS], order)
    registers = share_registers(steps, counts[_REGISTERS])
    return steps, keys, weights, registers, inputs[: counts[_INPUTS]], kept[:number], missing


class _Laws:
    """The laws of division found so far, by their share."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.both: Any = (np.empty(0), np.empty((0, 2, 3, 6)))

    def add(self, shares: Any, split_weights: Any) -> None:
        with self._lock:
            laws, splits = self.both
            new = np.setdiff1d(shares, laws)
            where = np.searchsorted(laws, new)
            more = np.array([split_weights(float(share)) for share in new]).reshape(-1, 2, 3, 6)
            self.both = np.insert(laws, where, new), np.insert(splits, where, more, axis=0)


_laws = _Laws()


def write_plan(
    places: Any, known: Any, marks: Any, key: Any, order: int, place_length: float, keep: Any,
    split_weights: Any,
) -> Any:  # fmt: skip
    """Twin of `diffmath.sde._brownian.plan.write_plan`."""
    k0, k1 = (np.uint64(word) for word in key.words)
    while True:
        *plan, inputs, kept, missing = _plan(
            places, marks.spacings_array, marks.size, marks.binary, k0, k1, order, place_length, known,
            keep.shortest, keep.start, keep.ends, *_laws.both,
        )  # fmt: skip
        if len(missing) == 0:
            return *plan, inputs.tolist(), kept
        _laws.add(missing, split_weights)
