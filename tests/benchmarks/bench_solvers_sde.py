"""Stochastic solvers against a NumPy loop and torchsde: an ensemble, one small path, Brownian queries.

Run it with ``python tests/benchmarks/bench_solvers_sde.py [--rounds N]`` (torchsde is left out where it is
not installed); times are the best of rounds in one process, torchsde's of one or two calls.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from _timing import best_times, python_calls

import diffmath as dm
from diffmath import sde

PATHS, STEPS, STOP = 20_000, 500, 1.0
SHAPES = ((128, 5), (256, 128), (512, 256))
QUERIES = 100
OVERHEAD_STEPS = 1024


def lorenz(t: float, x: Any) -> Any:
    """The drift of Lorenz's equations, as a user writes it."""
    out = np.empty_like(x)
    out[:, 0] = 10.0 * (x[:, 1] - x[:, 0])
    out[:, 1] = x[:, 0] * (28.0 - x[:, 2]) - x[:, 1]
    out[:, 2] = x[:, 0] * x[:, 1] - (8.0 / 3.0) * x[:, 2]
    return out


def tenth(t: float, x: Any) -> Any:
    """Diagonal noise of a tenth of the state."""
    return 0.1 * x


def numpy_loop(x: Any, seed: int) -> Any:
    """The loop by hand: NumPy's generator and Euler-Maruyama, on one core."""
    rng, dt = np.random.default_rng(seed), STOP / STEPS
    for n in range(STEPS):
        dW = math.sqrt(dt) * rng.standard_normal(x.shape)
        x = x + dt * lorenz(n * dt, x) + tenth(n * dt, x) * dW
    return x


def ensembles() -> dict[str, Callable[[], Any]]:
    """The timed calls for the ensemble."""
    x0 = np.ones((PATHS, 3))
    model, pool = sde.SDE(lorenz, tenth), ThreadPoolExecutor(2)

    def ours() -> Any:  # one chunk for each of two cores
        return sde.ensemble(
            model, x0, t_span=(0.0, STOP), steps=STEPS, method=sde.euler_maruyama, key=dm.random.key(0),
            executor=pool, chunk=PATHS // 2,
        )  # fmt: skip

    return {"diffmath": ours, "numpy": lambda: numpy_loop(x0, 0)}


def torch_ensemble() -> dict[str, Callable[[], Any]]:
    """The same with torchsde, on two threads."""
    import torch
    import torchsde

    torch.set_num_threads(2)

    class Lorenz(torch.nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def f(self, t: Any, x: Any) -> Any:
            a, b, c = x[:, 0], x[:, 1], x[:, 2]
            return torch.stack([10.0 * (b - a), a * (28.0 - c) - b, a * b - (8.0 / 3.0) * c], dim=1)

        def g(self, t: Any, x: Any) -> Any:
            return 0.1 * x

    model, x0 = Lorenz(), torch.ones((PATHS, 3), dtype=torch.float64)
    times = torch.tensor([0.0, STOP], dtype=torch.float64)

    def run() -> Any:
        with torch.no_grad():
            return torchsde.sdeint(model, x0, times, dt=STOP / STEPS, method="euler")

    return {"torchsde": run}


def _intervals(kind: str) -> list[tuple[float, float]]:
    if kind == "sequential":
        times = np.linspace(0.0, 1.0, QUERIES + 1)
        return [(float(a), float(b)) for a, b in itertools.pairwise(times)]
    pairs = np.sort(np.random.default_rng(1).random((QUERIES, 2)), axis=1)
    return [(float(a), float(b)) for a, b in pairs]


def brownian(kind: str, shape: tuple[int, int]) -> dict[str, Callable[[], Any]]:
    """The timed calls for queries of one kind, a new path each time; float32 for both, torch's default."""
    intervals, like = _intervals(kind), np.empty(0, dtype=np.float32)

    def ours(steps: int | None) -> None:
        path = sde.BrownianPath(dm.random.key(0), shape, 0.0, 1.0, like=like, steps=steps)
        for s, t in intervals:
            path(s, t)

    cases: dict[str, Callable[[], Any]] = {"diffmath": lambda: ours(None)}
    if kind == "sequential":  # a clock that is known beforehand
        cases["diffmath, steps given"] = lambda: ours(QUERIES)
    try:
        import torch
        import torchsde
    except ModuleNotFoundError:
        return cases
    torch.set_num_threads(2)

    def theirs() -> None:
        path = torchsde.BrownianInterval(0.0, 1.0, size=shape, entropy=0, dtype=torch.float32)
        for s, t in intervals:
            path(s, t)

    return {**cases, "torchsde": theirs}


def overhead() -> dict[str, Callable[[], Any]]:
    """The timed calls for one path of one component: Euler-Maruyama with drawn noise, and the manual loop."""
    x0, steps = np.ones((1, 1)), OVERHEAD_STEPS
    model = sde.SDE(lambda t, x: -x, lambda t, x: 0.5 + 0.0 * x, noise="diagonal")
    options: dict[str, Any] = {"method": sde.euler_maruyama, "key": dm.random.key(0), "check": False}

    def by_hand() -> Any:
        x, rng, dt = x0, np.random.default_rng(0), 1.0 / steps
        root = math.sqrt(dt)
        for n in range(steps):
            dW = root * rng.standard_normal((1, 1))
            x = x + dt * model.drift(n * dt, x) + model.diffusion(n * dt, x) * dW
        return x

    return {
        "numpy": by_hand,
        "last state": lambda: sde.solve(model, x0, [0.0, 1.0], substeps=steps, **options),
        "every state": lambda: sde.solve(model, x0, np.linspace(0.0, 1.0, steps + 1), **options),
    }


def once(call: Callable[[], Any]) -> float:
    """Seconds of one call: some of the peer's take a minute."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    best = best_times(ensembles(), rounds)
    try:
        best["torchsde"] = once(torch_ensemble()["torchsde"])
    except ModuleNotFoundError:
        print("torchsde is not installed: its rows are left out")
    print(f"stochastic Lorenz, {PATHS} paths, {STEPS} Euler-Maruyama steps")
    for name, seconds in best.items():
        print(f"  {name:12}{seconds:9.3f} s{seconds / best['diffmath']:8.2f}")
    cases, by_hand = overhead(), "numpy"
    best = best_times(cases, 4 * rounds)
    print(f"one path, {OVERHEAD_STEPS} Euler-Maruyama steps with drawn noise")
    for name, seconds in best.items():
        calls = python_calls(cases[name]) / OVERHEAD_STEPS
        print(f"  {name:12}{1e6 * seconds / OVERHEAD_STEPS:7.1f} us a step, {calls:.0f} Python calls, "
              f"{seconds / best[by_hand]:.1f} times the loop (goal <= 6.5)")  # fmt: skip
    for kind in ("sequential", "random"):
        for shape in SHAPES:
            cases = brownian(kind, shape)
            peer = cases.pop("torchsde", None)
            best = best_times(cases, rounds)
            theirs = math.nan if peer is None else min(once(peer) for _ in range(3))
            print(f"Brownian, {QUERIES} {kind}, {shape}: torchsde {1e3 * theirs:.1f} ms")
            for name, seconds in best.items():
                print(f"  {name:24}{1e3 * seconds:9.1f} ms, ratio {theirs / seconds:.2f}", flush=True)


if __name__ == "__main__":
    main()
