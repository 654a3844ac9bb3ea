"""Registers, keys and weights for the instructions of the plan of a Brownian path."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffmath.kernels.numba._cache import compiled_by
from diffmath.kernels.numba._words import philox4x32

__all__ = ["count_entries", "derive_keys", "line_weights", "share_registers"]

_LOAD, _ROOT, _DIVIDE, _JOIN, _EMIT, _KEEP = range(6)  # as in the body
_LOW, _HIGH, _MIDDLE = 0, 1, 3  # of a node
_FOLD_NUMBER, _MASK, _U0, _U32 = np.uint64(1), np.uint64(0xFFFFFFFF), np.uint64(0), np.uint64(32)
_ROOT_SCALES = np.sqrt(np.array([1.0, 1.0 / 12.0, 1.0 / 720.0]))

# No fused operations: the weights equal those of the reference bit for bit.
_compiled = compiled_by(nogil=True, error_model="numpy")


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def count_entries(lines: Any, count: int, order: int) -> None:
    wanted = np.zeros(count, np.int64)
    for n in range(len(lines) - 1, -1, -1):
        kind, a, b, d, e = lines[n, 0], lines[n, 1], lines[n, 2], lines[n, 3], lines[n, 4]
        lines[n, 5] = lines[n, 6] = 0
        if kind == _EMIT:
            wanted[a] = max(wanted[a], order)
        elif kind == _KEEP:
            wanted[a] = 3
        else:
            lines[n, 5] = wanted[d] if d >= 0 else 0
            lines[n, 6] = wanted[e] if e >= 0 else 0
            if kind == _DIVIDE:
                wanted[a] = 3
            elif kind == _JOIN:
                wanted[a], wanted[b] = max(wanted[a], wanted[d]), max(wanted[b], wanted[d])


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def share_registers(lines: Any, count: int) -> int:
    last, place = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
    free, waiting, most = np.empty(count, np.int64), 0, 0
    for n in range(len(lines)):
        if lines[n, 0] != _LOAD:
            for column in (1, 2):
                if lines[n, column] >= 0:
                    last[lines[n, column]] = n
    for n in range(len(lines)):
        kind, a, b = lines[n, 0], lines[n, 1], lines[n, 2]
        if kind != _EMIT and kind != _KEEP:
            for column in (3, 4):
                register = lines[n, column]
                if register < 0 or last[register] < 0:
                    lines[n, column] = -1
                    continue
                if waiting == 0:
                    free[0], waiting = most, 1
                    most += 1
                waiting -= 1
                place[register] = lines[n, column] = free[waiting]
        if kind != _LOAD:
            for column, register in ((1, a), (2, b)):
                if register >= 0:
                    lines[n, column] = place[register]
                    if last[register] == n and not (column == 2 and a == b):
                        free[waiting] = place[register]
                        waiting += 1
    return most


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _folded(k0: Any, k1: Any, number: int) -> Any:
    """Return the words of the key with the number folded in."""
    n = np.uint64(number)
    a, b, _, _ = philox4x32(n & _MASK, n >> _U32, _U0, _FOLD_NUMBER, k0, k1)
    return a, b


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def derive_keys(lines: Any, noted: Any, nodes: Any, size: int, binary: bool, k0: Any, k1: Any) -> Any:
    keys = np.zeros((len(lines), 2), np.uint64)
    cell, c0, c1 = -1, k0, k1
    for n in range(len(lines)):
        if lines[n, 0] == _ROOT or lines[n, 0] == _DIVIDE:
            node = nodes[noted[n]]
            if node[_LOW] // size != cell:
                cell = node[_LOW] // size
                c0, c1 = _folded(k0, k1, cell)
            number = node[_MIDDLE]
            if lines[n, 0] == _ROOT:
                number = 0
            elif binary:
                number = (size + node[_LOW] % size) // (node[_HIGH] - node[_LOW])
            keys[n, 0], keys[n, 1] = _folded(c0, c1, number)
    return keys


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def _chen(r: float, weights: Any) -> None:
    q = 1.0 - r
    weights[0, 0], weights[1, 0], weights[1, 1] = 1.0, q / 2, r
    weights[2, 0], weights[2, 1], weights[2, 2] = q * (q - r) / 12, r * q / 2, r * r
    weights[0, 3], weights[1, 3], weights[1, 4] = 1.0, -r / 2, q
    weights[2, 3], weights[2, 4], weights[2, 5] = r * (r - q) / 12, -r * q / 2, q * q


@_compiled  # type: ignore[untyped-decorator, unused-ignore]
def line_weights(
    lines: Any, noted: Any, nodes: Any, shares: Any, place_length: float, laws: Any, splits: Any
) -> Any:
    """Return the weights, and the shares that are not in the ascending `laws`."""
    weights = np.zeros((len(lines), 2, 3, 6))
    missing, absent = np.empty(len(lines)), 0
    for n in range(len(lines)):
        kind = lines[n, 0]
        if kind == _JOIN:
            _chen(shares[n], weights[n, 0])
        elif kind in (_ROOT, _DIVIDE):
            node = nodes[noted[n]]
            scale = math.sqrt(place_length * (node[_HIGH] - node[_LOW]))
            if kind == _ROOT:
                for i in range(3):
                    weights[n, 0, i, 3 + i] = _ROOT_SCALES[i] * scale
                continue
            share = (node[_MIDDLE] - node[_LOW]) / (node[_HIGH] - node[_LOW])
            law = np.searchsorted(laws, share)
            if law == len(laws) or laws[law] != share:
                missing[absent] = share
                absent += 1
                continue
            for i in range(2):
                for j in range(3):
                    for k in range(3):
                        weights[n, i, j, k] = splits[law, i, j, k]
                        weights[n, i, j, 3 + k] = splits[law, i, j, 3 + k] * scale
    return weights, missing[:absent]
