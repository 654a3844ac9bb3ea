"""Feynman-Kac steering: an unbiased evidence, the tilted law in the limit, potentials that telescope."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, random

PROCESS = diffusion.edm()
KEY = random.key(5)


def chain_law(times: Any, C: float) -> tuple[float, float]:
    """Mean and variance of the last state of `ddpm`, an affine chain, for data N(0, C) from the prior."""
    mean, v = 0.0, 80.0**2
    for n in range(len(times) - 1):
        step = diffusion.ddim(eta=1).step(PROCESS, times, n)
        gain = step.decay + step.weights[0] * C / (C + times[n] ** 2)
        mean, v = gain * mean, gain**2 * v + float(step.noise) ** 2  # type: ignore[arg-type]
    return mean, v


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_the_evidence_is_unbiased_for_the_chain(threshold: float) -> None:
    """The mean of 120 estimates with 16 particles each, with and without resampling."""
    times = [*diffusion.log_snr_times(PROCESS, 5), 0.0]
    prior, runs = diffusion.Gaussian([0.0], 1.0).denoiser(PROCESS), 120
    measurement = diffusion.LinearMeasurement([[1.0]], [0.8], 0.5)
    found = []
    for seed in range(runs):
        key = random.fold_in(KEY, seed)
        x_T = PROCESS.sample_prior(key, (16, 1), like=np.empty(0))
        run = diffusion.feynman_kac(
            PROCESS, prior, x_T, times, measurement.log_likelihood, threshold=threshold, key=key
        )
        assert run.resampled[:-1].all() == (threshold == 1.0)
        found.append(run.log_evidence)
    mean, v = chain_law(times, 1.0)
    exact = np.exp(-0.5 * (0.8 - mean) ** 2 / (v + 0.25)) / np.sqrt(2 * np.pi * (v + 0.25))
    estimates = np.exp(found) / exact
    error = estimates.std() / runs**0.5
    assert error < 0.08
    # 4.9 standard errors: a false-positive rate of 1e-6.
    assert abs(estimates.mean() - 1.0) < 4.9 * error


@pytest.mark.parametrize("potential", ["difference", "max"])
def test_weighted_particles_have_the_tilted_law_of_the_chain(potential: Any) -> None:
    times = [*diffusion.log_snr_times(PROCESS, 8), 0.0]
    prior = diffusion.Gaussian([0.0], 1.0).denoiser(PROCESS)
    x_T = PROCESS.sample_prior(KEY, (4000, 1), like=np.empty(0))
    run = diffusion.feynman_kac(
        PROCESS, prior, x_T, times, lambda x: 0.5 * x[:, 0], scale=2.0, potential=potential, key=KEY
    )
    mean, v = chain_law(times, 1.0)
    # exp(x) moves N(mean, v) to N(mean + v, v). Five standard errors of independent samples of this effective
    # size, doubled since resampling correlates them.
    size = run.ess.min() if potential == "difference" else run.ess[-1]
    assert abs(float(run.mean()[0]) - mean - v) < 10 * (v / size) ** 0.5
    assert abs(run.log_evidence - mean - 0.5 * v) < 0.15


@pytest.mark.parametrize("potential", ["difference", "max", "sum"])
def test_potentials_telescope_to_the_reward(potential: Any) -> None:
    """Without resampling the weights are exp(scale reward(x0)), however the reward is spread."""
    times = [*diffusion.log_snr_times(PROCESS, 6), 0.0]
    prior = diffusion.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.1, 0.1]).denoiser(PROCESS)
    x_T = PROCESS.sample_prior(KEY, (20, 1), like=np.empty(0))
    run = diffusion.feynman_kac(
        PROCESS, prior, x_T, times, lambda x: x[:, 0], scale=0.7, potential=potential, threshold=0.0, key=KEY
    )
    weights = np.exp(0.7 * run.x[:, 0])
    np.testing.assert_allclose(run.weights, weights / weights.sum(), rtol=1e-12)
    assert abs(run.log_evidence - np.log(weights.mean())) < 1e-12
    np.testing.assert_array_equal(run.ancestors, np.arange(20))
    assert len(run.ess) == len(times)


def test_without_a_reward_it_is_the_chain_of_the_sampler(xp: Any) -> None:
    times = [0.9, 0.5, 0.1, 0.0]
    process = diffusion.flow()
    prior = diffusion.Gaussian([1.0, 0.0], 1.0).denoiser(process)
    x_T = xp.asarray(np.random.default_rng(0).standard_normal((6, 2)))
    run = diffusion.feynman_kac(process, prior, x_T, times, lambda x: 0.0 * x[:, 0], key=KEY)
    assert run.log_evidence == 0.0
    np.testing.assert_allclose(run.ess, 6.0)
    wanted = diffusion.feynman_kac(process, prior, xp.numpy(x_T), times, lambda x: 0.0 * x[:, 0], key=KEY).x
    np.testing.assert_allclose(xp.numpy(run.x), wanted, rtol=1e-12)


def test_runs_are_reproducible_and_resampling_is_recorded(xp: Any) -> None:
    times = [*diffusion.log_snr_times(PROCESS, 6), 0.0]
    prior = diffusion.Gaussian([0.0], 1.0).denoiser(PROCESS)
    x_T = PROCESS.sample_prior(KEY, (64, 1), like=np.empty(0))

    def reward(x: Any) -> Any:
        return -4.0 * (x[:, 0] - 1.0) ** 2

    one, two = (
        diffusion.feynman_kac(PROCESS, prior, x, times, reward, threshold=0.9, key=KEY)
        for x in (x_T, xp.asarray(x_T))
    )
    assert one.resampled.any()
    np.testing.assert_array_equal(one.resampled, two.resampled)
    np.testing.assert_array_equal(one.ancestors, two.ancestors)
    np.testing.assert_allclose(xp.numpy(two.x), one.x, rtol=1e-10)
    np.testing.assert_allclose(two.weights, one.weights, rtol=1e-8)


def test_refusals() -> None:
    prior = diffusion.Gaussian([0.0], 1.0).denoiser(PROCESS)

    def run(reward: Any = lambda x: x[:, 0], **options: Any) -> None:
        diffusion.feynman_kac(PROCESS, prior, np.ones((3, 1)), [1.0, 0.0], reward, key=KEY, **options)

    with pytest.raises(TypeError, match="reward must be a callable"):
        run(1.0)
    with pytest.raises(ValueError, match=r"reward\(x0\) must return shape \(3,\)"):
        run(lambda x: x)
    with pytest.raises(ValueError, match="the reward must be finite; at t=1 it is nan in row 0"):
        run(lambda x: np.nan * x[:, 0])
    with pytest.raises(ValueError, match="potential must be 'difference', 'max' or 'sum'; got 'product'"):
        run(potential="product")
    with pytest.raises(ValueError, match="one evaluation a step"):
        run(method="ddim")
    with pytest.raises(ValueError, match="threshold must be in"):
        run(threshold=-0.1)
