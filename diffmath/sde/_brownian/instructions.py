"""The instructions of a plan: their kinds, the size of each register, and the reuse of registers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Do", "Plan", "count_entries", "share_registers"]


class Do:
    """Kinds of instructions; their operands are columns of `Plan.steps`."""

    LOAD = 0  # input a -> register d
    ROOT = 1  # normals -> register d
    DIVIDE = 2  # register a, normals -> registers d and e
    JOIN = 3  # registers a and b -> register d
    EMIT = 4  # register a -> increment d
    KEEP = 5  # register a -> kept d


@dataclass(frozen=True, eq=False)
class Plan:
    """Instructions, in arrays that a kernel can read.

    Parameters
    ----------
    steps : array of int, shape (n, 7)
        Kind, a, b, d, e, and how many of (W, H, K) are needed in d and in e; a register of -1 is not needed.
    keys : array of uint64, shape (n, 2)
        Words of the key, for instructions that draw.
    weights : array, shape (n, 2, 3, 6)
        Entry i of d (and of e) is ``sum_j weights[0, i, j] * v[j]`` (of weights[1]); v holds both operands,
        three entries each.
    registers, increments, order, kept : int
        Numbers of registers, of increments, of entries of an increment, of nodes to cache.
    """

    steps: npt.NDArray[np.int64]
    keys: npt.NDArray[np.uint64]
    weights: npt.NDArray[np.float64]
    registers: int
    increments: int
    order: int
    kept: int


def count_entries(lines: list[list[int]], count: int, order: int) -> None:
    """Record how many of (W, H, K) every register must hold: all three if it is divided or cached."""
    wanted = [0] * (count + 1)  # the last is that of "no register"
    for line in reversed(lines):
        kind, a, b, d, e = line[:5]
        if kind == Do.EMIT:
            wanted[a] = max(wanted[a], order)
        elif kind == Do.KEEP:
            wanted[a] = 3
        else:
            line[5], line[6] = wanted[d], wanted[e]
            if kind == Do.DIVIDE:
                wanted[a] = 3
            elif kind == Do.JOIN:
                wanted[a], wanted[b] = max(wanted[a], wanted[d]), max(wanted[b], wanted[d])
        wanted[-1] = 0


def share_registers(lines: list[list[int]], count: int) -> int:
    """Renumber the registers so that a register is reused after its last read; return how many there are."""
    last = [-1] * count
    for number, (kind, a, b, *_) in enumerate(lines):
        if kind != Do.LOAD:
            for register in (a, b):
                if register >= 0:
                    last[register] = number
    place, free, most = [-1] * count, list[int](), 0
    for number, line in enumerate(lines):
        kind = line[0]
        read = [r for r in dict.fromkeys(line[1:3]) if r >= 0] if kind != Do.LOAD else []
        for column in (3, 4) if kind not in (Do.EMIT, Do.KEEP) else ():
            register = line[column]
            if register < 0 or last[register] < 0:
                line[column] = -1
                continue
            if not free:
                free.append(most)
                most += 1
            place[register] = line[column] = free.pop()
        for column in (1, 2) if read else ():
            line[column] = place[line[column]] if line[column] >= 0 else -1
        free += [place[register] for register in read if last[register] == number]
    return most
