"""What the tests of the one-step samplers share: a mixture with its exact flow, exact moments of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

VE = diffusion.edm(t_min=0.1, t_max=10.0)
MIXTURE = diffusion.GaussianMixture([0.3, 0.5, 0.2], [[-1.5], [0.4], [2.0]], [0.09, 0.25, 0.04])
START = np.array([[-8.0], [-1.0], [2.0], [9.0]])


class Exact:
    """Oracles of a sampler: errors against the exact flow, moments of Gaussian data."""

    process, target, start = VE, MIXTURE, START

    def errors(
        self, method: diffusion.Method, steps: Any, times: Any = None, process: Any = VE
    ) -> np.ndarray:
        """Return the largest error at the end, for each number of steps."""
        by_data = diffusion.from_denoiser(MIXTURE.denoiser(process), process)
        by_score = diffusion.from_score(MIXTURE.score(process), process)  # which has a velocity at sigma = 0

        def velocity(x: Any, t: float) -> Any:
            return (by_data if t else by_score).velocity(x, t)

        model, found = diffusion.from_velocity(velocity, process), []
        for n in steps:
            grid = diffusion.log_snr_times(process, n) if times is None else times(n)
            x = START * float(process.sigma(grid[0])) / 10.0
            end = MIXTURE.flow_map(process)(x, float(grid[0]), float(grid[-1]))
            run = diffusion.trajectory(process, model, x, grid, method=method)
            found.append(np.abs(run.x[-1] - end).max())
        return np.array(found)

    def moments(self, method: diffusion.Method, times: Any, mean: float, variance: float) -> tuple[Any, Any]:
        """Return mean and variance after a run on Gaussian data: steps are affine in x and the noise."""
        model = diffusion.GaussianMixture([1.0], [[0.7]], [0.3]).denoiser(VE)
        convert = diffusion.from_denoiser(model, VE)
        form = {"data": convert.denoiser, "noise": convert.noise}[method.form]
        for n in range(len(times) - 1):
            step = method.step(VE, times, n)
            rows = np.zeros((2 + step.noises, 1))
            rows[1] = 1.0
            units = np.vstack([np.zeros((2, step.noises)), np.eye(step.noises)])
            known, y = [form(rows, times[n])] if step.evaluates else [], rows
            for update in step.updates:
                if update is not step:
                    known = [form(y, update.t), *known]
                noise = update.noise if isinstance(update.noise, tuple) else (update.noise,)
                y = update.decay * rows + sum(w * d for w, d in zip(update.weights, known))
                y = (
                    y
                    + units @ np.array([*noise, *[0.0] * (step.noises - len(noise))][: step.noises])[:, None]
                )
            out = y[:, 0]
            gain = out[1] - out[0]
            mean, variance = out[0] + gain * mean, gain**2 * variance + np.sum((out[2:] - out[0]) ** 2)
        return mean, variance


@pytest.fixture
def exact() -> Exact:
    return Exact()


@pytest.fixture
def measured() -> Any:
    """Return the order of the last halving."""
    return lambda errors: float(np.log2(errors[-2] / errors[-1]))
