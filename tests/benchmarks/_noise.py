"""Laws of stochastic samplers on Gaussian data, to rounding: the affine map of start and noise, row by row.

Row 0 of a batch starts at 0 without noise, row 1 at 1, and row 2 + j at 0 with 1 for the draw j. The samplers
run unmodified; only the source of their noise is replaced.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import torch
from _panel import grid_times
from _peers import sampling_module, vp_sampler

from diffmath import diffusion, random

__all__ = ["Task", "noisy_peers"]

MEAN = 0.7
Sampler = Callable[[Any, np.ndarray, np.ndarray, "Draws"], np.ndarray]


@dataclass
class Draws:
    """Unit vectors in place of normals, one for each draw."""

    rows: int
    count: int = 0
    inner: tuple[float, float] | None = None  # the interval of a draw within a step

    def next(self) -> np.ndarray:
        unit = np.zeros((self.rows, 1))
        unit[2 + self.count] = 1.0
        self.count += 1
        return unit

    def tensor(self, *args: Any, **options: Any) -> torch.Tensor:
        """In place of `randn_tensor`, `randn_like`."""
        return torch.from_numpy(self.next())

    def path(self, start: Any, end: Any) -> torch.Tensor:
        """In place of a Brownian tree: a second draw from the same start contains the first."""
        a, b = float(start), float(end)
        if self.inner and self.inner[0] == a and self.inner[1] != b:
            m = self.inner[1]
            first = np.zeros((self.rows, 1))
            first[1 + self.count] = 1.0
            value = (math.sqrt(abs(m - a)) * first + math.sqrt(abs(b - m)) * self.next()) / math.sqrt(
                abs(b - a)
            )
            return torch.from_numpy(value)
        self.inner = (a, b)
        return torch.from_numpy(self.next())


@dataclass(frozen=True)
class Task:
    """N(0.7, variance) on one grid."""

    variance: float
    grid: str

    def run(self, method: diffusion.Method | str, steps: int) -> tuple[float, int]:
        """Return W2/sqrt(c) and evaluations of a method of ours."""
        process, times = grid_times(self.grid, steps)
        draws = Draws(4 * steps + 4)
        calls = itertools.count()

        def denoiser(x: Any, t: float) -> Any:
            next(calls)
            alpha, sigma = process.marginal(t)
            return (self.variance * alpha * x + sigma**2 * MEAN) / (alpha**2 * self.variance + sigma**2)

        def increments(key: Any, clock: Any, shape: Any, *, like: Any) -> Iterator[np.ndarray]:
            return (math.sqrt(gap) * draws.next() for gap in np.diff(clock))

        model = diffusion.from_denoiser(denoiser, process)
        with mock.patch.object(
            sys.modules["diffmath.diffusion._loop.noise"], "brownian_increments", increments
        ):
            x = diffusion.sample(process, model, _start(draws.rows), times, method=method, key=random.key(0))
        (alpha, sigma), (first, last) = process.marginal(float(times[-1])), process.marginal(float(times[0]))
        start = first * MEAN, first**2 * self.variance + last**2
        return self._distance(x / alpha, start, sigma / alpha), next(calls)

    def run_peer(self, sampler: Sampler, steps: int) -> tuple[float, int]:
        """Return W2/sqrt(c) and evaluations of a peer, in the coordinates x/alpha and sigma/alpha."""
        process, times = grid_times(self.grid, steps)
        kappas = np.array([process.sigma(float(t)) / process.alpha(float(t)) for t in times])
        draws, calls = Draws(4 * steps + 4), itertools.count()

        def denoiser(y: np.ndarray, kappa: float) -> np.ndarray:
            next(calls)
            return (self.variance * y + kappa**2 * MEAN) / (self.variance + kappa**2)

        y = sampler(denoiser, _start(draws.rows), kappas, draws)
        return self._distance(y, (MEAN, self.variance + kappas[0] ** 2), kappas[-1]), next(calls)

    def _distance(self, rows: np.ndarray, start: tuple[float, float], kappa: float) -> float:
        constant, factor, *noise = (
            rows[:, 0] - np.concatenate([[0.0], np.full(len(rows) - 1, rows[0, 0])])
        ).tolist()
        mean, variance = constant + factor * start[0], factor**2 * start[1] + math.fsum(v * v for v in noise)
        gap = math.sqrt(variance) - math.sqrt(self.variance + kappa**2)
        return math.hypot(mean - MEAN, gap) / math.sqrt(self.variance)


def _start(rows: int) -> np.ndarray:
    start = np.zeros((rows, 1))
    start[1] = 1.0
    return start


def noisy_peers() -> dict[str, Sampler]:
    """The stochastic samplers of the peers with the noise of the reverse SDE."""
    import diffusers as d

    d.utils.logging.set_verbosity_error()
    module = sampling_module()
    found: dict[str, Sampler] = {
        f"k {name}": _k(getattr(module, f"sample_{name}"))
        for name in (
            "euler_ancestral",
            "dpm_2_ancestral",
            "dpmpp_2s_ancestral",
            "dpmpp_sde",
            "dpmpp_2m_sde",
            "dpmpp_3m_sde",
        )
    }
    found["k dpmpp_2m_sde heun"] = _k(module.sample_dpmpp_2m_sde, solver_type="heun")
    multi, single = d.DPMSolverMultistepScheduler, d.DPMSolverSinglestepScheduler
    for order, solver in ((1, "midpoint"), (2, "midpoint"), (2, "heun"), (3, "midpoint")):
        options = {"solver_order": order, "solver_type": solver, "final_sigmas_type": "sigma_min"}
        found[f"hf multistep sde-dpmsolver++ {order} {solver}"] = _hf(
            multi, algorithm_type="sde-dpmsolver++", **options
        )
    for order in (1, 2):
        options = {"solver_order": order, "final_sigmas_type": "sigma_min"}
        found[f"hf singlestep sde-dpmsolver++ {order}"] = _hf(
            single, algorithm_type="sde-dpmsolver++", **options
        )
    for p, c in ((1, 1), (2, 2), (2, 3), (3, 3), (3, 4)):
        found[f"hf SASolver P{p}C{c}"] = _hf(
            d.SASolverScheduler, predictor_order=p, corrector_order=c, tau_func=lambda t: 1.0
        )
    return found


def _k(sample: Any, **options: Any) -> Sampler:
    def run(denoiser: Any, y: np.ndarray, kappas: np.ndarray, draws: Draws) -> np.ndarray:
        def model(x: Any, sigma: Any) -> Any:
            return torch.from_numpy(denoiser(x.numpy(), float(sigma[0])))

        sigmas, start = torch.from_numpy(kappas), torch.from_numpy(y)
        return np.asarray(
            sample(model, start, sigmas, disable=True, noise_sampler=draws.path, **options).numpy()
        )

    return run


def _hf(cls: Any, **options: Any) -> Sampler:
    def run(denoiser: Any, y: np.ndarray, kappas: np.ndarray, draws: Draws) -> np.ndarray:
        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.object(sys.modules[cls.__module__], "randn_tensor", draws.tensor))
            return vp_sampler(cls, **options)(denoiser, y, kappas)

    return run
