"""Ordinary solvers against torchdiffeq and scipy: batches of Van der Pol oscillators.

Run it with ``python tests/benchmarks/bench_solvers.py [--rounds N]`` (torchdiffeq is left out where it is not
installed); times are the best of rounds in one process, with two threads for PyTorch.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from _timing import best_times
from scipy.integrate import solve_ivp

from diffmath import ode

BATCH, TOLERANCE, PERIOD = 256, 1e-5, 7.63  # of the limit cycle at mu = 2
TIMES = np.linspace(0.0, PERIOD, 200)


def van_der_pol(mu: float) -> Callable[[Any, Any], Any]:
    """The right-hand side for a batch, as a user writes it."""

    def f(t: Any, x: Any) -> Any:
        out = np.empty_like(x)
        out[:, 0] = x[:, 1]
        out[:, 1] = mu * (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]
        return out

    return f


def starts() -> Any:
    """Points near the limit cycle."""
    return np.random.default_rng(0).uniform(-2.0, 2.0, (BATCH, 2))


def one_by_one(mu: float, x0: Any) -> Any:
    """A loop over scipy's solve_ivp, with the right-hand side of one oscillator."""

    def f(t: float, x: Any) -> Any:
        return np.array([x[1], mu * (1 - x[0] * x[0]) * x[1] - x[0]])

    options: dict[str, Any] = {"rtol": TOLERANCE, "atol": TOLERANCE, "method": "RK45", "t_eval": TIMES}
    return [solve_ivp(f, (0.0, PERIOD), x, **options).y for x in x0]


def batches() -> dict[str, Callable[[], Any]]:
    """The timed calls for the batch at mu = 2."""
    f, x0 = van_der_pol(2.0), starts()
    cases: dict[str, Callable[[], Any]] = {
        "diffmath": lambda: ode.solve(f, x0, TIMES, rtol=TOLERANCE, atol=TOLERANCE),
        "diffmath, shared steps": lambda: ode.solve(
            f, x0, TIMES, rtol=TOLERANCE, atol=TOLERANCE, batch="shared"
        ),
        "scipy, one by one": lambda: one_by_one(2.0, x0),
    }
    solver = torch_solver(2.0, x0, TIMES)
    if solver is not None:
        cases["torchdiffeq"] = solver
    return cases


def torch_solver(mu: float, x0: Any, times: Any) -> Any:
    """The same by torchdiffeq, all rows with one step; None without it. Its counter is an attribute."""
    try:
        import torch
        import torchdiffeq
    except ImportError:
        return None
    torch.set_num_threads(2)
    start, at = torch.as_tensor(x0), torch.as_tensor(times)

    def f(t: Any, x: Any) -> Any:
        run.calls += 1  # type: ignore[attr-defined]
        return torch.stack([x[:, 1], mu * (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]], dim=1)

    def run() -> Any:
        run.calls = 0  # type: ignore[attr-defined]
        with torch.no_grad():
            return torchdiffeq.odeint(f, start, at, rtol=TOLERANCE, atol=TOLERANCE, method="dopri5")

    return run


def evaluations_per_row(mu: float = 25.0, stop: float = 50.0) -> tuple[float, float]:
    """Return the mean evaluations of a row at random phases: ours, and torchdiffeq's, which steps jointly."""
    f, long = van_der_pol(mu), np.random.default_rng(1).uniform(0.0, 3 * mu, BATCH)
    # Every row starts where its own phase of the cycle has led it.
    cycle = ode.solve(f, np.array([[2.0, 0.0]]), [0.0, 10 * mu, *(10 * mu + np.sort(long))], rtol=1e-6)
    x0 = cycle.x[2:, 0]
    ours = ode.solve(f, x0, [0.0, stop], rtol=TOLERANCE, atol=TOLERANCE)
    mean = float(np.mean(ours.stats["evaluations"]))
    joint = torch_solver(mu, x0, np.array([0.0, stop]))
    if joint is None:
        return mean, float("nan")
    joint()
    return mean, float(joint.calls)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    times = best_times(batches(), rounds)
    print(f"Van der Pol mu=2, batch {BATCH}, dopri5, tolerance {TOLERANCE:g}, 200 output times, float64")
    for name, seconds in times.items():
        print(f"  {name:26} {1e3 * seconds:9.1f} ms   {seconds / times['diffmath']:7.2f} x diffmath's time")
    print("  goals: torchdiffeq >= 1, scipy one by one >= 12")
    ours, joint = evaluations_per_row()
    print(f"mu=25, random phases: evaluations per row {ours:.0f} (diffmath), {joint:.0f} (joint steps), "
          f"ratio {joint / ours:.2f} (goal >= 2)")  # fmt: skip


if __name__ == "__main__":
    main()
