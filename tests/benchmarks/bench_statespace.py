"""Kernels of state-space models against their peers; best of interleaved rounds, ratios in one run.

Run it with ``python tests/benchmarks/bench_statespace.py [--rounds N]``.
"""

from __future__ import annotations

import argparse
import tracemalloc
from collections.abc import Callable

import numpy as np
from _timing import best_times

from diffmath import statespace as ss

Case = Callable[[], object]

CHANNELS, PAIRS, LENGTH, ORDER = 256, 32, 16384, 256


def show(title: str, best: dict[str, float], ours: str) -> None:
    """Print one table; the ratio is that of each case to ours."""
    print(f"\n{title}\n{'':44}{'ms':>10}{'ratio':>8}")
    for name, seconds in best.items():
        print(f"{name:44}{1e3 * seconds:10.2f}{seconds / best[ours]:8.1f}")


def diagonal_modes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return S4D-Lin poles, random weights and a step per channel: N = 64 in conjugate pairs."""
    rng = np.random.default_rng(0)
    poles = np.broadcast_to(-0.5 + 1j * np.pi * np.arange(PAIRS), (CHANNELS, PAIRS))
    weights = rng.standard_normal((CHANNELS, PAIRS)) + 1j * rng.standard_normal((CHANNELS, PAIRS))
    return poles, weights, np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), CHANNELS))


def diagonal(rounds: int) -> None:
    """Diagonal kernel against the materialised exponential in PyTorch, with its error and its memory."""
    poles, weights, dt = diagonal_modes()

    def ours() -> object:
        return ss.diagonal_kernel(poles, weights, LENGTH, dt=dt, method="impulse")

    cases: dict[str, Case] = {"diffmath diagonal_kernel": ours}
    try:
        import torch
    except ModuleNotFoundError:
        print("(PyTorch is not installed: the materialised exponential is left out)")
    else:
        z = torch.asarray(poles * dt[:, None])
        w = torch.asarray(2 * dt[:, None] * weights)
        lags = torch.arange(LENGTH)

        def peer() -> object:  # 32 channels at a time: all of them would need 4 GB
            parts = zip(z.split(32), w.split(32), strict=True)
            return [torch.einsum("hn,hnl->hl", v, torch.exp(y[:, :, None] * lags)).real for y, v in parts]

        cases["PyTorch, materialised exponential"] = peer
    title = f"diagonal kernel: {CHANNELS} channels, {PAIRS} pairs, {LENGTH} lags, float64"
    show(title, best_times(cases, rounds), "diffmath diagonal_kernel")
    tracemalloc.start()
    K = np.asarray(ours())
    extra = (tracemalloc.get_traced_memory()[1] - K.nbytes) / K.nbytes
    tracemalloc.stop()
    wide = np.exp(poles[:4].astype(np.clongdouble)[:, :, None] * dt[:4, None, None] * np.arange(LENGTH))
    exact = np.einsum("hn,hnl->hl", 2 * dt[:4, None] * weights[:4], wide).real
    error = float(np.max(np.abs(K[:4] - exact).max(axis=1) / np.abs(exact).max(axis=1)))
    print(f"largest error relative to the channel {error:.1e}; memory beside the result {extra:.2f} x it")


def legs(rounds: int) -> None:
    """LegS kernel: every method, with its error against the recurrence in extended precision."""
    C = np.random.default_rng(0).standard_normal(ORDER)
    system = ss.bilinear(ss.legs(ORDER).with_output(C), 1 / LENGTH)
    methods = ("doubling", "product", "cauchy", "powers")
    cases = {name: (lambda name=name: ss.kernel(system, LENGTH, method=name)) for name in methods}
    title = f"LegS kernel: {ORDER} states, {LENGTH} lags, float64 (auto takes doubling)"
    show(title, best_times(cases, rounds), "doubling")
    A, x = system.A.astype(np.longdouble), system.B.astype(np.longdouble)
    count, exact = 512, []
    for _ in range(count):
        exact.append(float(C @ x))
        x = A @ x
    for name, call in cases.items():
        K = np.asarray(call())
        error = np.max(np.abs(K[:count] - exact)) / np.max(np.abs(exact))
        print(f"error of {name:10} over {count} lags, relative to the largest: {error:.1e}")


def growth(rounds: int) -> None:
    """Log-log slope of the time over four octaves, in the length and in the number of modes."""
    rng = np.random.default_rng(0)

    def seconds(pairs: int, length: int) -> float:
        poles = -0.5 + 1j * np.pi * np.arange(pairs)
        weights = rng.standard_normal((16, pairs)) + 0j
        case = {"": lambda: ss.diagonal_kernel(poles, weights, length, dt=1e-4, method="impulse")}
        return best_times(case, rounds)[""]

    steps = 2 ** np.arange(5)
    for name, times in (
        ("length, 2^13 to 2^17", [seconds(32, int(8192 * s)) for s in steps]),
        ("modes, 2^5 to 2^9", [seconds(int(32 * s), 16384) for s in steps]),
    ):
        slope = np.polyfit(np.log2(steps), np.log2(times), 1)[0]
        print(f"diagonal_kernel: time grows as ({name})^{slope:.2f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    diagonal(min(rounds, 3))
    legs(rounds)
    print()
    growth(rounds)


if __name__ == "__main__":
    main()
