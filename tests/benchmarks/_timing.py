"""The timing of the benchmarks: best of interleaved rounds, so that the load affects all cases equally."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

__all__ = ["best_times", "python_calls"]


def best_times(
    cases: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return the best time of each case in seconds, after one call that compiles and touches the memory.

    With ``clock=time.process_time`` it is the processor's time of all threads, which other processes on the
    machine change less.
    """
    best = dict.fromkeys(cases, float("inf"))
    for call in cases.values():
        call()
    for _ in range(rounds):
        for name, call in cases.items():
            start = clock()
            call()
            best[name] = min(best[name], clock() - start)
    return best


def python_calls(call: Callable[[], object]) -> int:
    """Return how many Python functions a call calls, its own first call being over."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    call()
    sys.setprofile(counted)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count
