"""Kernels of state-space models against their peers; best of interleaved rounds, ratios in one run.

Run it with ``python tests/benchmarks/bench_statespace.py [--rounds N]``.
"""

from __future__ import annotations

import argparse
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from _timing import best_times

from diffmath import statespace as ss

Case = Callable[[], object]
Cost = Callable[[int, int], float]

CHANNELS, PAIRS, LENGTH, ORDER = 256, 32, 16384, 256


def show(title: str, best: dict[str, float], ours: str) -> None:
    """Print one table; the ratio is the time of each case divided by ours."""
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
    """Log-log slope of the time over four octaves of the length and of the order, and the slope of the cost.

    The documented cost is a sum of terms. Its slope here, with all constants one, is where the measured slope
    should be found; its slope in the limit is the exponent of the largest term, above which it may not rise.
    """
    print(f"\n{'slope over four octaves':24}{'of':>22}{'documented':>12}{'in the limit':>14}{'measured':>10}")
    octaves = 2 ** np.arange(5)
    for name, (make, cost, n, length) in growing().items():
        for axis in "nL":
            sizes = [(n * int(s), length) if axis == "n" else (n, length * int(s)) for s in octaves]
            far = [(k * 2**30, m) if axis == "n" else (k, m * 2**30) for k, m in sizes]
            best = best_times({str(size): make(*size) for size in sizes}, rounds)
            times = [float(cost(*m)) for m in sizes], [float(cost(*m)) for m in far], list(best.values())
            here, limit, measured = (np.polyfit(np.log2(octaves), np.log2(t), 1)[0] for t in times)
            span = f"{axis} {sizes[0]['nL'.index(axis)]} to {sizes[-1]['nL'.index(axis)]}"
            print(f"{name:24}{span:>22}{here:12.2f}{limit:14.2f}{measured:10.2f}")


def growing() -> dict[str, tuple[Callable[[int, int], Case], Cost, int, int]]:
    """Return what grows: how to make a case of (n, L), the documented cost, and the smallest n and L."""
    rng = np.random.default_rng(0)

    def system(n: int) -> ss.StateSpace:
        return ss.bilinear(ss.legs(n).with_output(rng.standard_normal(n)), 1e-4)

    def lags(method: Any) -> Callable[[int, int], Case]:
        return lambda n, L: partial(ss.kernel, system(n), L, method=method)

    def noise(*shape: int) -> Any:
        return rng.standard_normal(shape)

    def diagonal(n: int, L: int) -> Case:
        poles = -0.5 + 1j * np.pi * np.arange(n)
        return partial(ss.diagonal_kernel, poles, noise(16, n) + 0j, L, dt=1e-4, method="impulse")

    def spectral(n: int, L: int) -> float:
        return float(n**3 * np.log2(L) + n * L)

    def product(n: int, L: int) -> float:
        return float(n * L)

    T = 128  # the blocks of simulate and advance
    return {
        "kernel, powers": (lags("powers"), lambda n, L: n**2 * L, 32, 1024),
        "kernel, doubling": (lags("doubling"), lambda n, L: spectral(n, L) + n**2 * L**0.5, 32, 16384),
        "kernel, cauchy": (lags("cauchy"), spectral, 32, 4096),
        "kernel, product": (lags("product"), spectral, 32, 4096),
        "memorize, last state": (
            lambda n, L: partial(ss.memorize, ss.legs(n), noise(L), every=L),
            product,
            32,
            4096,
        ),
        "project": (lambda n, L: partial(ss.project, ss.legs(n), noise(L)), product, 32, 16384),
        "simulate": (
            lambda n, L: partial(ss.simulate, system(n), noise(L)),
            lambda n, L: L * (n + T) + n**2 * L / T + n**3,
            32,
            16384,
        ),
        "advance": (
            lambda n, L: partial(ss.advance, system(n), noise(L)),
            lambda n, L: L * n + n**2 * L / T + n**3,
            32,
            16384,
        ),
        "scan, n channels": (
            lambda n, L: partial(ss.scan, rng.uniform(size=(L, n)), noise(L, n)),
            product,
            8,
            8192,
        ),
        "convolve, n channels": (
            lambda n, L: partial(ss.convolve, noise(L, n), noise(L)),
            lambda n, L: n * L * np.log2(L),
            4,
            8192,
        ),
        "diagonal_kernel": (diagonal, product, 32, 8192),
    }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    diagonal(min(rounds, 3))
    legs(rounds)
    growth(rounds)


if __name__ == "__main__":
    main()
