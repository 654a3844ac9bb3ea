"""What a run would have cost on a GPU: kernel launches, synchronisations, copies in either direction.

A call that runs at least one kernel counts as one launch: several kernels inside one call of CuPy (a
factorisation, a long concatenation) are not seen. Views launch nothing. A copy to the host synchronises.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Counts", "copy_in", "copy_out", "counting", "launch", "synchronize"]


@dataclass
class Counts:
    """Counters, of the process or of one block; times and scalar arguments of kernels cost no copy."""

    launches: int = 0
    synchronizations: int = 0
    copies_in: int = 0
    copies_out: int = 0


_active: list[Counts] = []


@contextmanager
def counting() -> Iterator[Counts]:
    """Count what happens inside the block, in all threads."""
    counts = Counts()
    _active.append(counts)
    try:
        yield counts
    finally:
        _active.remove(counts)


def launch() -> None:
    """Count a kernel."""
    for counts in _active:
        counts.launches += 1


def synchronize() -> None:
    """Count a wait of the host for the device."""
    for counts in _active:
        counts.synchronizations += 1


def copy_in() -> None:
    """Count a copy from the host to the device (asynchronous, through pinned memory)."""
    for counts in _active:
        counts.copies_in += 1


def copy_out() -> None:
    """Count a copy from the device to the host, for which the host waits."""
    synchronize()
    for counts in _active:
        counts.copies_out += 1
