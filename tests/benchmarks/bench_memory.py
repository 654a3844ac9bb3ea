"""Samples per second that a memory takes: the twins' lanes against plain loops, the projection, the body.

Run it with ``python tests/benchmarks/bench_memory.py [--rounds N]``. The plain loop is the published
algorithm: two running sums a row, as in the C++ extension of the HiPPO code, compiled by numba.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from _timing import best_times
from scipy.linalg import solve_triangular

import diffmath as dm
from diffmath import statespace as ss

ORDER = 256


@numba.njit(cache=True, fastmath=True)  # type: ignore[untyped-decorator, unused-ignore]
def plain_loop(u: Any, order: int) -> Any:
    """Return the last state of one channel, row by row."""
    c, r = np.zeros(order), np.sqrt(2.0 * np.arange(order) + 1.0)
    c[0] = u[0]
    for k in range(1, len(u)):
        a, before, after = 0.5 * np.log1p(1.0 / k), 0.0, 0.0
        for n in range(order):
            right = c[n] - a * (r[n] * before + (n + 1) * c[n]) + 2.0 * a * r[n] * u[k]
            before += r[n] * c[n]
            c[n] = (right - a * r[n] * after) / (1.0 + a * (n + 1))
            after += r[n] * c[n]
    return c


def cases() -> dict[str, tuple[Callable[[], object], int]]:
    """Return the timed calls by name, with the number of samples (of one channel) that each compresses."""
    rng, legs = np.random.default_rng(0), ss.legs(ORDER)
    one, many, long = (
        rng.standard_normal(20_000),
        rng.standard_normal((5_000, 64)),
        rng.standard_normal(200_000),
    )

    def last(u: Any, threads: int) -> object:
        numba.set_num_threads(threads)
        return ss.memorize(legs, u, every=len(u))

    def body() -> object:
        with dm.reference_only():
            return ss.memorize(legs, one[:4_000], every=4_000)

    return {
        "plain numba loop, 1 channel": (lambda: plain_loop(one, ORDER), one.size),
        "memorize, 1 channel, last state": (lambda: last(one, 1), one.size),
        "memorize, 1 channel, all states": (lambda: ss.memorize(legs, one), one.size),
        "memorize, 64 channels, 1 thread": (lambda: last(many, 1), many.size),
        "memorize, 64 channels, 2 threads": (
            lambda: last(many, min(2, numba.config.NUMBA_NUM_THREADS)),
            many.size,
        ),
        "memorize without numba, 1 channel": (body, 4_000),
        "project, 1 channel": (lambda: ss.project(legs, long), long.size),
        **_other_measures(one, many),
    }


def _other_measures(one: Any, many: Any) -> dict[str, tuple[Callable[[], object], int]]:
    systems = {
        "jacs": ss.jacs(ORDER, 1.0),
        "lagt": ss.lagt(ORDER, beta=0.0, timescale=20.0),
        "legt": ss.legt(ORDER, theta=5_000.0),
        "fout": ss.fout(ORDER + 1, theta=5_000.0),
    }

    def last(system: ss.StateSpace, u: Any) -> tuple[Callable[[], object], int]:
        return lambda: ss.memorize(system, u, every=len(u)), u.size

    table = {f"{name}, 1 channel": last(system, one) for name, system in systems.items()}
    return table | {f"{name}, 64 channels": last(system, many) for name, system in systems.items()}


def measure(rounds: int = 7) -> dict[str, float]:
    """Return the best rate of each case in samples per second."""
    table = cases()
    best = best_times({name: call for name, (call, _) in table.items()}, rounds)
    return {name: samples / best[name] for name, (_, samples) in table.items()}


def errors(samples: int = 20_000) -> dict[str, tuple[float, float]]:
    """Return the relative errors against the exact projection: of `memorize`, and of the S4 code's step."""
    t = (np.arange(samples) + 0.5) / samples
    signals = {
        "waves": np.sin(8 * t) + 0.5 * np.cos(21 * t) + 0.3 * np.sin(150 * t),
        "random walk": np.cumsum(np.random.default_rng(0).standard_normal(samples)) / np.sqrt(samples),
    }
    legs, found = ss.legs(ORDER), {}
    for name, u in signals.items():
        exact = ss.project(legs, u)
        parts = ss.memorize(legs, u, every=samples)[-1] - exact, _published_step(legs, u) - exact
        ours, theirs = (float(np.linalg.norm(part) / np.linalg.norm(exact)) for part in parts)
        found[name] = ours, theirs
    return found


def _published_step(legs: ss.StateSpace, u: Any) -> Any:
    """Return the last state of the bilinear step of A / t with t = k, as in the S4 code."""
    A, B = np.asarray(legs.A), np.asarray(legs.B).ravel()
    c, one = np.zeros(ORDER), np.eye(ORDER)
    for k, value in enumerate(u, start=1):
        right = c + (A @ c) / (2 * k) + B * (value / k)
        c = solve_triangular(one - A / (2 * k), right, lower=True, check_finite=False)
    return c


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    best = measure(parser.parse_args().rounds)
    plain = best["plain numba loop, 1 channel"]
    print(f"{'order ' + str(ORDER):36}{'10^6 samples/s':>16}{'ratio':>8}")
    for name, rate in best.items():
        print(f"{name:36}{rate / 1e6:16.3f}{rate / plain:8.1f}")
    for signal, (ours, theirs) in errors().items():
        print(f"error, {signal}: memorize {ours:.1e}, S4 code's step {theirs:.1e}, ratio {theirs / ours:.0f}")


if __name__ == "__main__":
    main()
