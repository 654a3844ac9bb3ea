"""The plan of a Brownian path, run for a few hundred values at a time, which stay in cache."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffmath._arrays.host_sharing import aligned_empty
from diffmath.kernels.numba._cache import compiled_by
from diffmath.kernels.numba._normals_single import next_normals_53
from diffmath.kernels.numba._sde_plan import write_plan
from diffmath.kernels.numba._threads import share_out, shares_of
from diffmath.kernels.numba._words import LANES, make_words, make_words_of_keys, set_counters

__all__ = ["run_plan", "write_plan"]

_LOAD, _ROOT, _DIVIDE, _JOIN, _EMIT, _KEEP = range(6)  # as in the body
_NORMAL_53 = np.uint64(5)
_WIDTH = 256  # values at a time
_FEW = LANES  # draws of fewer blocks are drawn together
_WORTH = 2**15  # normals that justify a thread

# Products are rounded before they are added, as in the reference: no fused operations.
_compiled = compiled_by(nogil=True, error_model="numpy")


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _add(
    store: Any, d: int, i: int, weight: Any, values: Any, n: int, j: int, fresh: bool, count: int
) -> None:
    """Add weighted ``values[n, j]`` to an entry of register d, or write them if the entry is new."""
    w = store.dtype.type(weight)
    if not fresh:
        for k in range(count):
            store[d, i, k] += w * values[n, j, k]
    elif weight == 1.0:
        for k in range(count):
            store[d, i, k] = values[n, j, k]
    else:
        for k in range(count):
            store[d, i, k] = w * values[n, j, k]


# Registers are numbers, not views: creating views would take most of the time of a small plan.
@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _mix(
    store: Any, d: int, entries: int, weights: Any, line: int, side: int, x: Any, a: int, y: Any, b: int,
    count: int,
) -> None:  # fmt: skip
    """Write sums of ``x[a]`` and ``y[b]`` to register d, in the order of the reference."""
    for i in range(entries):
        fresh = True
        for j in range(3):
            if weights[line, side, i, j] != 0.0:
                _add(store, d, i, weights[line, side, i, j], x, a, j, fresh, count)
                fresh = False
        for j in range(3):
            if weights[line, side, i, 3 + j] != 0.0:
                _add(store, d, i, weights[line, side, i, 3 + j], y, b, j, fresh, count)
                fresh = False


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _copy(target: Any, m: int, start: int, source: Any, n: int, first: int, entries: int, count: int) -> None:
    """Copy some entries of array n, from `first`, to array m, from `start`."""
    for i in range(entries):
        for k in range(count):
            target[m, i, start + k] = source[n, i, first + k]


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _by_entries(flat: Any, first: int, blocks: int, columns: int, rows: int, entries: int, z: Any) -> None:
    """Sort the normals of rows of whole blocks, from `first` on, by entries W, H, K."""
    for j in range(entries):
        for row in range(rows):
            start = first + 2 * blocks * row + columns * j
            for i in range(columns):
                z[0, j, columns * row + i] = flat[start + i]


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _list_draws(steps: Any, keys: Any) -> Any:
    """Return the key and the entries of every draw."""
    draws, count = np.empty((len(steps), 3), np.uint64), 0
    for n in range(len(steps)):
        if steps[n, 0] == _ROOT or steps[n, 0] == _DIVIDE:
            draws[count, 0], draws[count, 1] = keys[n, 0], keys[n, 1]
            draws[count, 2] = max(steps[n, 5], steps[n, 6])
            count += 1
    return draws[:count]


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _draw_all(draws: Any, columns: int, row: Any, count: int, first: Any, flat: Any, room: Any) -> None:
    """Draw for all instructions, in consecutive lanes; the numbers of draw n begin at first[n]."""
    total = np.int64(0)
    for n in range(len(draws)):
        first[n] = 2 * total
        total += (np.int64(draws[n, 2]) * columns + 1) // 2 * count
    rows, numbers = np.zeros(LANES, np.uint64), np.zeros(LANES, np.uint64)
    k0, k1 = np.zeros(LANES, np.uint64), np.zeros(LANES, np.uint64)
    n, i, block = 0, 0, 0
    for lane in range(0, total, LANES):
        for j in range(LANES if lane + LANES < total else total - lane):
            blocks = (np.int64(draws[n, 2]) * columns + 1) // 2
            rows[j], numbers[j], k0[j], k1[j] = row + np.uint64(i), np.uint64(block), draws[n, 0], draws[n, 1]
            block += 1
            if block == blocks:
                block, i = 0, i + 1
                if i == count:
                    i, n = 0, n + 1
        make_words_of_keys(rows, numbers, _NORMAL_53, k0, k1, room[0])
        part = flat[2 * lane : 2 * lane + 2 * LANES]
        # The next words are not used.
        next_normals_53(room[0], part, rows, numbers, _NORMAL_53, k0[0], k1[0], room[1])


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _begin(draws: Any, n: int, columns: int, row: Any, rows: Any, numbers: Any) -> Any:
    """Set the counters to the first blocks of draw n, if there is one; return its key."""
    n = min(n, len(draws) - 1)
    set_counters(0, (np.int64(draws[n, 2]) * columns + 1) // 2, row, rows, numbers)
    return draws[n, 0], draws[n, 1]


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _run(
    steps: Any, draws: Any, weights: Any, registers: int, inputs: Any, increments: Any, kept: Any,
    columns: int, start: Any, tile: int, first: int, last: int, room: Any,
) -> None:  # fmt: skip
    """Run the plan on rows first to last, `tile` of them at a time; arrays have their rows flattened."""
    size = tile * columns
    store = np.empty((registers, 3, size), increments.dtype)
    blocks_most = (3 * columns + 1) // 2 * tile
    together = last - first <= tile and (3 * columns + 1) // 2 * (last - first) < _FEW
    flat = np.empty(2 * (blocks_most * (len(draws) if together else 1) + LANES), increments.dtype)
    places = np.empty(len(draws), np.int64)
    z = np.empty((1, 3, size), increments.dtype)
    rows, numbers = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    words, following = room[0], room[1]
    for low in range(first, last, tile):
        high = min(low + tile, last)
        begin, count, row = low * columns, (high - low) * columns, start + np.uint64(low)
        drawn = 0
        if together:
            _draw_all(draws, columns, row, high - low, places, flat, room)
        elif len(draws):
            k0, k1 = _begin(draws, 0, columns, row, rows, numbers)
            make_words(rows, numbers, _NORMAL_53, k0, k1, words)
        for line in range(len(steps)):
            kind, a, b, d, e = steps[line, 0], steps[line, 1], steps[line, 2], steps[line, 3], steps[line, 4]
            if kind == _LOAD:
                _copy(store, d, 0, inputs, a, begin, 3, count)
            elif kind == _EMIT:
                _copy(increments, d, begin, store, a, 0, increments.shape[1], count)
            elif kind == _KEEP:
                _copy(kept, d, begin, store, a, 0, 3, count)
            elif kind == _JOIN:
                _mix(store, d, steps[line, 5], weights, line, 0, store, a, store, b, count)
            else:
                entries = np.int64(draws[drawn, 2])
                blocks = (entries * columns + 1) // 2
                total = blocks * (high - low)
                k0, k1 = draws[drawn, 0], draws[drawn, 1]
                for lane in range(0, 0 if together else total, LANES):
                    if lane + LANES < total:
                        set_counters(lane + LANES, blocks, row, rows, numbers)
                    else:  # the next words belong to the next draw
                        k0, k1 = _begin(draws, drawn + 1, columns, row, rows, numbers)
                    part = flat[2 * lane : 2 * lane + 2 * LANES]
                    next_normals_53(words, part, rows, numbers, _NORMAL_53, k0, k1, following)
                    words, following = following, words
                _by_entries(flat, places[drawn] if together else 0, blocks, columns, high - low, entries, z)
                drawn += 1
                # A root has weights for normals only.
                x, n = (store, a) if kind == _DIVIDE else (z, 0)
                if d >= 0:
                    _mix(store, d, steps[line, 5], weights, line, 0, x, n, z, 0, count)
                if e >= 0:
                    _mix(store, e, steps[line, 6], weights, line, 1, x, n, z, 0, count)


def run_plan(inputs: Any, plan: Any, first_row: int) -> tuple[Any, Any]:
    """Twin of `diffmath.sde._brownian.run_plan.run_plan`."""
    shape, dtype = inputs.shape[2:], inputs.dtype
    increments = aligned_empty((plan.increments, plan.order, *shape), dtype)
    kept = aligned_empty((plan.kept, 3, *shape), dtype)
    if increments.size == 0:
        return increments, kept
    size = math.prod(shape)
    columns = size // shape[0]
    given = np.ascontiguousarray(inputs).reshape(len(inputs), 3, size)
    flat = (given, increments.reshape(-1, plan.order, size), kept.reshape(-1, 3, size))
    draws = _list_draws(plan.steps, plan.keys)
    tile = max(1, _WIDTH // columns)
    words, start = np.uint32 if dtype == np.float32 else np.uint64, np.uint64(first_row)

    def work(bounds: tuple[int, int]) -> None:
        room = np.empty((2, 4 * LANES), words)
        _run(
            plan.steps, draws, plan.weights, plan.registers, *flat, columns, start, tile, *bounds, room
        )  # fmt: skip

    worth = _WORTH // (columns * max(1, len(draws)))
    if shape[0] < 2 * worth:
        work((0, shape[0]))
    else:
        share_out(work, shares_of(shape[0], tile, worth))
    return increments, kept
