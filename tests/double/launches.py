"""What a step of each solver costs on a GPU, as the double counts it: rows of docs/benchmarks/launches.md.

Each row is the difference between a short and a long run, per step or per trial, so that what a call costs
once is not in it. Print the table anew with::

    PYTHONPATH=tests/double python tests/double/launches.py
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cupy_double
import numpy as np
from cupy_double import Counts, counting

cupy_double.install()
import array_api_compat.cupy as xp  # noqa: E402

import diffmath as dm  # noqa: E402
from diffmath import diffusion, ode, sde  # noqa: E402

ROWS, SPAN = 4, 3.0


@dataclass(frozen=True)
class Cost:
    """Per step, or per trial of an adaptive solve."""

    launches: float
    synchronizations: float
    copies_in: float


def state(columns: int = 2) -> Any:
    """Rows that differ, so that adaptive rows have clocks of their own."""
    return xp.asarray(np.linspace(0.2, 1.0, ROWS * columns).reshape(ROWS, columns))


def _difference(short: Counts, long: Counts, steps: float) -> Cost:
    names = ("launches", "synchronizations", "copies_in")
    return Cost(*((getattr(long, name) - getattr(short, name)) / steps for name in names))


def per_step(call: Callable[[int], Any], steps: int = 8) -> Cost:
    """Cost of a step: that of twice as many steps minus that of `steps`; both refine to powers of two."""
    call(steps)  # what is sent once and kept is sent here
    found = []
    for n in (steps, 2 * steps):
        with counting() as counts:
            call(n)
        found.append(counts)
    return _difference(*found, steps)


@functools.cache
def adaptive(name: str, batch: str = "rows") -> tuple[Counts, int]:
    """Count a solve, and return its trials: those of the row that took most."""

    def oscillator(t: Any, x: Any) -> Any:
        return xp.stack([x[:, 1], -10.0 * (1 + x[:, 0] ** 2) * x[:, 0]], axis=1)

    x0, method = state(), getattr(ode, name)
    with counting() as counts:
        stats = ode.solve(oscillator, x0, [0.0, SPAN], method=method, batch=batch).stats
    return counts, int(np.max(stats["steps"] + stats["rejected"]))


def per_trial(name: str, batch: str = "rows") -> Cost:
    """Cost of a trial step, including its share of the cost of the whole solve."""
    counts, trials = adaptive(name, batch)
    return _difference(Counts(), counts, trials)


def _paths(method: Any, model: sde.SDE) -> Callable[[], Cost]:
    x0, key = state(), dm.random.key(0)
    return lambda: per_step(
        lambda n: sde.solve(model, x0, np.linspace(0.0, 1.0, n + 1), method=method, key=key)
    )


def _samples(method: Any, model: Any) -> Callable[[], Cost]:
    x0, key, process = state(), dm.random.key(0), diffusion.vp()
    return lambda: per_step(
        lambda n: diffusion.sample(
            process, model, x0, diffusion.log_snr_times(process, n), method=method,
            key=key if method.needs_key else None,
        )
    )  # fmt: skip


def _fixed(method: Any) -> Callable[[], Cost]:
    x0 = state()
    return lambda: per_step(
        lambda n: ode.solve(lambda t, x: -x, x0, np.linspace(0.0, 1.0, n + 1), method=method, substeps=1)
    )


def cases() -> dict[str, Callable[[], Cost]]:
    """Return every row of the table by its name."""
    diagonal = sde.SDE(lambda t, x: -x, lambda t, x: 0.1 * x, diffusion_derivative=lambda t, x: 0.1 + 0 * x)
    additive = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.1, noise="additive")
    mixture = diffusion.GaussianMixture(
        weights=[0.3, 0.7], means=[[-2.0, 0.0], [2.0, 1.0]], covariances=[0.1, 0.2]
    )
    score = mixture.score(diffusion.vp())
    found: dict[str, Callable[[], Cost]] = {}
    for method in (sde.euler_maruyama, sde.milstein, sde.sriw1, sde.dri1):
        found[f"sde.solve, {method.name}"] = _paths(method, diagonal)
    for method in (sde.sra1, sde.implicit_euler_maruyama):
        found[f"sde.solve, {method.name}, additive noise"] = _paths(method, additive)
    for method in (diffusion.ddim, diffusion.dpmpp_2m, diffusion.sde_dpmpp_2m):
        found[f"diffusion.sample, {method.name}"] = _samples(method, lambda x, t: -x)
    found["diffusion.sample, dpmpp_2m, score of a mixture"] = _samples(diffusion.dpmpp_2m, score)
    for name in ("rk4", "dopri5", "rodas5p", "kvaerno5"):
        found[f"ode.solve, {name}, fixed"] = _fixed(getattr(ode, name))
    for name in ("dopri5", "tsit5", "rodas5p", "kvaerno5", "radau5"):
        found[f"ode.solve, {name}, a trial"] = _of_trial(name)
    return found


def _of_trial(name: str) -> Callable[[], Cost]:
    return lambda: per_trial(name)


def table() -> str:
    """Return the rows of the page, rounded up."""
    lines = ["| call | launches | synchronisations | copies to the device |", "|---|---|---|---|"]
    for name, measure in cases().items():
        cost = measure()
        up = [math.ceil(value * 10 - 1e-9) / 10 for value in (cost.synchronizations, cost.copies_in)]
        lines.append(f"| {name} | {math.ceil(cost.launches)} | {up[0]:g} | {up[1]:g} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
