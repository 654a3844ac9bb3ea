"""LegS of 64 states run over 100,000 samples: blocks, against a compiled dense step and `scipy.signal.dlsim`.

Run it with ``python tests/benchmarks/bench_simulate.py [--rounds N]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import scipy.signal
from _timing import best_times

from diffmath import statespace as ss

ORDER, SAMPLES = 64, 100_000


@numba.njit(cache=True, fastmath=True)  # type: ignore[untyped-decorator, unused-ignore]
def dense_steps(A: Any, B: Any, C: Any, u: Any) -> Any:
    """Return the outputs, one matrix-vector product for each sample."""
    x, y = np.zeros(B.size), np.empty(u.size)
    for k in range(u.size):
        x = A @ x + u[k] * B
        y[k] = C @ x
    return y


def cases() -> dict[str, tuple[Callable[[], object], int]]:
    """Return the timed calls by name, with the number of samples of each."""
    rng = np.random.default_rng(0)
    system = ss.bilinear(ss.legs(ORDER).with_output(rng.standard_normal(ORDER)), 1e-3)
    u = rng.standard_normal(SAMPLES)
    part = u[: SAMPLES // 20]  # dlsim takes the same time for every sample
    C, D = (system.C @ system.A)[None, :], np.atleast_2d(system.C @ system.B)
    A, B = np.ascontiguousarray(system.A), np.ascontiguousarray(system.B)  # as the loop wants them
    peer = (system.A, system.B[:, None], C, D, system.dt)
    return {
        "scipy.signal.dlsim": (lambda: scipy.signal.dlsim(peer, part), part.size),
        "dense steps, numba": (lambda: dense_steps(A, B, system.C, u), u.size),
        "simulate": (lambda: ss.simulate(system, u), u.size),
        "advance": (lambda: ss.advance(system, u), u.size),
    }


def measure(rounds: int = 7) -> dict[str, float]:
    """Return the best rate of each case in samples per second."""
    table = cases()
    best = best_times({name: call for name, (call, _) in table.items()}, rounds)
    return {name: samples / best[name] for name, (_, samples) in table.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    best = measure(parser.parse_args().rounds)
    print(f"{'order ' + str(ORDER):24}{'10^6 samples/s':>16}{'times dlsim':>13}{'times dense':>13}")
    for name, rate in best.items():
        ratios = rate / best["scipy.signal.dlsim"], rate / best["dense steps, numba"]
        print(f"{name:24}{rate / 1e6:16.3f}{ratios[0]:13.1f}{ratios[1]:13.1f}")


if __name__ == "__main__":
    main()
