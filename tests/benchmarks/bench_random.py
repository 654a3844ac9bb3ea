"""Nanoseconds per normal: the numba twin, the readable body, NumPy's generator; best of interleaved rounds.

Run it with ``python tests/benchmarks/bench_random.py [--rounds N]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from _timing import best_times

import diffmath as dm

ROWS, COLUMNS = 4_000, 1_000


def cases() -> dict[str, Callable[[], object]]:
    """Return the timed calls by name; each makes ROWS x COLUMNS float64 normals."""
    key, like, peer = dm.random.key(0), np.empty(0), np.random.default_rng(0)

    def fill(bits: int) -> object:
        return dm.random.normal(key, (ROWS, COLUMNS), like=like, bits=bits)

    def reference() -> object:
        with dm.reference_only():
            return fill(53)

    table: dict[str, Callable[[], object]] = {
        "numpy default_rng": lambda: peer.standard_normal((ROWS, COLUMNS)),
        "diffmath without numba": reference,
    }
    try:
        import numba
    except ModuleNotFoundError:
        return table

    def threaded(bits: int, threads: int) -> object:
        numba.set_num_threads(threads)
        return fill(bits)

    for bits in (53, 32):
        for threads in range(1, min(2, numba.config.NUMBA_NUM_THREADS) + 1):
            name = f"diffmath {bits} bits, {threads} thread{'s' * (threads > 1)}"
            table[name] = lambda bits=bits, threads=threads: threaded(bits, threads)
    return table


def measure(rounds: int = 9) -> dict[str, float]:
    """Return the best time of each case in ns per normal."""
    best = best_times(cases(), rounds)
    return {name: seconds / (ROWS * COLUMNS) * 1e9 for name, seconds in best.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    best = measure(parser.parse_args().rounds)
    peer = best["numpy default_rng"]
    print(f"{'':28}{'ns per normal':>14}{'ratio':>8}")
    for name, ns in best.items():
        print(f"{name:28}{ns:14.2f}{peer / ns:8.1f}")


if __name__ == "__main__":
    main()
