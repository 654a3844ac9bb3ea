"""What `ode.solve` adds to the arithmetic of one small system, against NumPy by hand and scipy.

Run it with ``python tests/benchmarks/bench_solver_overhead.py [--rounds N]``: one thread, a batch of one,
every pair of figures from interleaved rounds of one process, in processor time. The last column counts
Python calls per step.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from _timing import best_times
from scipy.integrate import solve_ivp

import diffmath as dm
from diffmath import ode

STEPS, STOP, TOLERANCE = 500, 50.0, 1e-6
START = np.array([2.0, 0.0])


def as_lists(t: float, x: Any) -> list[Any]:
    """One oscillator as users of scipy write it: a list of numbers."""
    return [x[1], 2.0 * (1 - x[0] * x[0]) * x[1] - x[0]]


def for_a_batch(t: Any, x: Any) -> Any:
    """The same for rows of states."""
    out = np.empty_like(x)
    out[..., 0] = x[..., 1]
    out[..., 1] = 2.0 * (1 - x[..., 0] ** 2) * x[..., 1] - x[..., 0]
    return out


def decay(t: float, x: Any) -> Any:
    """A right-hand side that costs nearly nothing."""
    return -x


def rk4_by_hand(saved: bool) -> Any:
    """The classical method as one writes it down."""
    x, dt, states = np.ones((1, 2)), 1.0 / STEPS, []
    for n in range(STEPS):
        t = n * dt
        k1 = decay(t, x)
        k2 = decay(t + dt / 2, x + dt / 2 * k1)
        k3 = decay(t + dt / 2, x + dt / 2 * k2)
        k4 = decay(t + dt, x + dt * k3)
        x = x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        if saved:
            states.append(x)
    return np.array(states) if saved else x


def fixed() -> dict[str, tuple[Callable[[], Any], Callable[[], Any], float]]:
    """Fixed steps: ours, the loop by hand, the goal for their ratio."""
    x0, grid = np.ones((1, 2)), np.linspace(0.0, 1.0, STEPS + 1)
    return {
        "rk4, substeps": (
            lambda: ode.solve(decay, x0, [0.0, 1.0], method=ode.rk4, substeps=STEPS),
            lambda: rk4_by_hand(False),
            3.2,
        ),
        "rk4, every step saved": (
            lambda: ode.solve(decay, x0, grid, method=ode.rk4),
            lambda: rk4_by_hand(True),
            4.5,
        ),
    }


def adaptive() -> dict[str, tuple[Callable[[], Any], Callable[[], Any], float]]:
    """Adaptive steps: ours, scipy's of the same right-hand side, the goal for their ratio."""
    options: dict[str, Any] = {"rtol": TOLERANCE, "atol": TOLERANCE}

    def scipy(f: Any, stop: float = STOP) -> Callable[[], Any]:
        return lambda: solve_ivp(f, (0.0, stop), START, **options)

    lists, short = scipy(as_lists), STOP * 1e-5

    def ours(f: Any, x0: Any, stop: float = STOP) -> Any:
        return ode.solve(f, x0, [0.0, stop], **options)

    def plain(call: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            with dm.reference_only():
                return call()

        return run

    return {
        "dopri5, lists": (lambda: ours(as_lists, START), lists, 1.3),
        "dopri5, lists, no kernels": (plain(lambda: ours(as_lists, START)), lists, 1.3),
        "dopri5, batch function": (lambda: ours(for_a_batch, START[None]), scipy(for_a_batch), 1.0),
        "dopri5, batch function, no kernels": (
            plain(lambda: ours(for_a_batch, START[None])),
            scipy(for_a_batch),
            1.0,
        ),
        "50 calls of two steps": (
            lambda: [ours(as_lists, START, short) for _ in range(50)][-1],
            lambda: [scipy(as_lists, short)() for _ in range(50)],
            3.0,
        ),
    }


def python_calls(run: Callable[[], Any]) -> int:
    """Calls of Python functions in a run."""
    count = 0

    def seen(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(seen)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    cases = {**fixed(), **adaptive()}
    runs = {(name, i): pair[i] for name, pair in cases.items() for i in (0, 1)}
    times = best_times(runs, rounds, time.process_time)  # type: ignore[arg-type]
    print(f"{'':36} {'ours ms':>9} {'other ms':>9} {'ratio':>7} {'goal':>6} {'calls':>9}")
    for name, (ours, _, goal) in cases.items():
        stats = ours().stats
        steps = int(np.max(stats["steps"])) + int(np.max(stats.get("rejected", 0)))
        a, b = times[name, 0], times[name, 1]  # type: ignore[index]
        calls = python_calls(ours) / steps
        print(f"{name:36} {1e3 * a:9.2f} {1e3 * b:9.2f} {a / b:7.2f} {goal:6.1f} {calls:9.1f}")


if __name__ == "__main__":
    main()
