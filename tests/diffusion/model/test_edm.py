"""EDM preconditioning: the optimal inner network of Gaussian data, on every process, and its divergence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

PROCESSES = [diffusion.edm(), diffusion.vp(), diffusion.flow()]


class Linear:
    """F(x, c_noise) = 2 c_noise x, in any library, with its divergence."""

    def __call__(self, x: Any, c_noise: Any) -> Any:
        return 2.0 * (c_noise if isinstance(c_noise, float) else c_noise[:, None]) * x

    def divergence(self, x: Any, c_noise: Any) -> Any:
        return 2.0 * c_noise * x.shape[1] + 0.0 * x[:, 0]


@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_gaussian_data_of_the_given_width_need_no_network(process: diffusion.Process) -> None:
    target = diffusion.GaussianMixture([1.0], [[0.0, 0.0]], [0.49])
    model = diffusion.from_edm(lambda x, c_noise: 0.0 * x, process, sigma_data=0.7)
    x = np.array([[0.3, -1.0]])
    for t in (0.1 * process.t_max, 0.9 * process.t_max):
        np.testing.assert_allclose(model.denoiser(x, t), target.denoiser(process).denoiser(x, t), rtol=1e-13)


@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_the_formula_of_the_paper(xp: Any, process: diffusion.Process) -> None:
    """D(x / alpha; sigma / alpha) with the coefficients of table 1."""
    sd, model = 0.5, diffusion.from_edm(Linear(), process)
    host = np.array([[0.3, -1.0], [2.0, 0.1]])
    times = np.array([0.2, 0.7]) * process.t_max
    for t in (times[0], times):
        alpha, sigma = (np.reshape(v, (-1, 1)) for v in process.marginal(t if np.ndim(t) else float(t)))
        level, y = sigma / alpha, host / alpha
        c_in = 1 / np.sqrt(level**2 + sd**2)
        inner = 2 * np.log(level) / 4 * c_in * y
        wanted = sd**2 * c_in**2 * y + level * sd * c_in * inner
        given = float(t) if not np.ndim(t) else xp.asarray(t)
        np.testing.assert_allclose(xp.numpy(model.denoiser(xp.asarray(host), given)), wanted, rtol=1e-13)
        # D is linear in x here, with one factor per row.
        divergence = 2 * wanted[:, 0] / host[:, 0]
        np.testing.assert_allclose(
            xp.numpy(model.divergence(xp.asarray(host), given)), divergence, rtol=1e-13
        )


def test_a_network_that_wants_one_level_per_row() -> None:
    seen = []

    def network(x: Any, c_noise: Any) -> Any:
        seen.append(c_noise)
        return 0.0 * x

    model = diffusion.from_edm(diffusion.batch_time(network), diffusion.edm())
    model.denoiser(np.ones((3, 2)), 2.0)
    np.testing.assert_allclose(seen[-1], np.full(3, math.log(2.0) / 4), rtol=1e-15)


def test_it_samples_without_evaluating_at_the_data() -> None:
    process = diffusion.edm()
    model = diffusion.from_edm(lambda x, c_noise: 0.0 * x, process)
    times = diffusion.karras_times(process, 40, t_end=0.0)
    x = 80.0 * np.array([[1.0], [-0.5]])
    got = diffusion.sample(process, model, x, times, method=diffusion.dpmpp_2m)
    np.testing.assert_allclose(
        got, 0.5 * x / math.hypot(80.0, 0.5), rtol=2e-2
    )  # exact flow; order 2, 40 steps


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"sigma_data must be positive and finite; got 0"):
        diffusion.from_edm(Linear(), diffusion.edm(), sigma_data=0.0)
    with pytest.raises(TypeError, match=r"process must be a diffmath\.diffusion\.Process"):
        diffusion.from_edm(Linear(), "edm")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"infinite at t=1; use times above 0 and below that of alpha = 0"):
        diffusion.from_edm(Linear(), diffusion.flow()).denoiser(np.ones((1, 2)), 1.0)
