"""The twisted sampler: an unbiased evidence, and the posterior that guidance alone misses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest

from diffmath import diffusion, random

PROCESS = diffusion.edm()
PRIOR = diffusion.GaussianMixture([0.4, 0.6], [[-1.0], [1.0]], [0.1, 0.2])
MEASUREMENT = diffusion.LinearMeasurement([[1.0]], [0.3], 0.5)
KEY = random.key(7)


def run(guided: diffusion.Model, batch: int, steps: int, key: random.Key = KEY, **options: Any) -> Any:
    x_T = PROCESS.sample_prior(key, (batch, 1), like=np.empty(0))
    times = np.append(diffusion.log_snr_times(PROCESS, steps), 0.0)
    return diffusion.twisted(PROCESS, guided, x_T, times, key=key, **options)


def chain_evidence(steps: int, y: float, noise2: float) -> float:
    """p(y) under the affine chain of `ddpm` for data N(0, 1)."""
    times, v = [*diffusion.log_snr_times(PROCESS, steps), 0.0], 80.0**2
    for n in range(steps + 1):
        step = diffusion.ddim(eta=1).step(PROCESS, times, n)
        gain = step.decay + step.weights[0] / (1.0 + times[n] ** 2)
        v = gain**2 * v + float(step.noise) ** 2  # type: ignore[arg-type]
    return float(np.exp(-0.5 * y**2 / (v + noise2)) / np.sqrt(2 * np.pi * (v + noise2)))


@pytest.mark.parametrize(("make", "scale"), [(diffusion.mmps, 1.0), (diffusion.dps, 0.5)])
def test_the_evidence_is_unbiased_for_the_chain(make: Any, scale: float) -> None:
    """Whatever twist and scale propose; 100 runs of 16 particles, which resample at every step."""
    prior = diffusion.Gaussian([0.0], 1.0).denoiser(PROCESS)
    guided = make(prior, diffusion.LinearMeasurement([[1.0]], [0.8], 0.5), scale=scale)
    found = [run(guided, 16, 5, random.fold_in(KEY, seed), threshold=1.0).log_evidence for seed in range(100)]
    estimates = np.exp(found) / chain_evidence(5, 0.8, 0.25)
    error = estimates.std() / len(found) ** 0.5
    assert error < 0.1
    # 4.9 standard errors: a false-positive rate of 1e-6.
    assert abs(estimates.mean() - 1.0) < 4.9 * error


@pytest.mark.parametrize("make", [diffusion.mmps, diffusion.pigdm, diffusion.dps])
def test_weighted_particles_tend_to_the_posterior(make: Any) -> None:
    """The guidance alone has means of 0.36 to 0.44 and shares on the right of 0.79 to 1."""
    found = run(make(PRIOR.denoiser(PROCESS), MEASUREMENT), 1500, 100)
    posterior = PRIOR.posterior([[1.0]], [0.3], 0.25)
    x, right = found.x[:, 0], float(found.weights @ (found.x[:, 0] > 0))
    # Five standard errors of 700 independent samples, and 0.01 for the 100 steps of the chain.
    assert abs(float(found.mean()[0]) - 0.5514) < 5 * 0.52 / 700**0.5 + 0.01
    assert abs(right - 0.8793) < 5 * 0.33 / 700**0.5 + 0.01
    order = np.argsort(x)
    gap = np.abs(np.cumsum(found.weights[order]) - posterior.projected_cdf([1.0])(x[order])).max()
    assert gap < 2.7 / 700**0.5 + 0.01  # Kolmogorov's distribution beyond 2.7: 1e-6
    assert abs(found.log_evidence + 1.4647) < 0.15
    assert found.ess.min() > 0.25 * 1500


def test_a_good_twist_wastes_few_particles() -> None:
    """For a Gaussian the twist of mmps is exact; what is left is the discretisation of the chain."""
    prior = diffusion.Gaussian([0.0], 1.0).denoiser(PROCESS)
    measurement = diffusion.LinearMeasurement([[1.0]], [0.8], 0.5)
    good = run(diffusion.mmps(prior, measurement), 500, 60)
    poor = run(diffusion.dps(prior, measurement), 500, 60)
    assert good.ess.min() > 0.85 * 500
    assert not good.resampled.any()
    assert poor.ess.min() < 0.7 * 500


def test_two_dimensions_and_resampled_rows() -> None:
    """A mask with noise on a mixture: equal-weight samples against the exact marginal."""
    process, noise = diffusion.vp(), 0.3
    target = diffusion.GaussianMixture([0.5, 0.5], [[-1.0, -1.0], [1.0, 1.0]], [0.1, 0.1])
    guided = diffusion.mmps(
        target.denoiser(process), diffusion.LinearMeasurement([True, False], [0.1, np.nan], noise)
    )
    times = np.append(diffusion.log_snr_times(process, 80), 0.0)
    x_T = process.sample_prior(KEY, (1500, 2), like=np.empty(0))
    found = diffusion.twisted(process, guided, x_T, times, key=KEY)
    posterior = target.posterior([[1.0, 0.0]], [0.1], noise**2)
    x = found.resample(KEY)
    # 400 independent samples at least: a Kolmogorov distance with a false-positive rate of 1e-6.
    assert kstest(x[:, 1], posterior.projected_cdf([0.0, 1.0])).statistic < 2.7 / 400**0.5
    assert kstest(x[:, 0], posterior.projected_cdf([1.0, 0.0])).statistic < 2.7 / 400**0.5


def test_backends_agree(xp: Any) -> None:
    x_T = PROCESS.sample_prior(KEY, (32, 1), like=np.empty(0))
    times = np.append(diffusion.log_snr_times(PROCESS, 6), 0.0)
    guided = diffusion.mmps(PRIOR.denoiser(PROCESS), MEASUREMENT)
    one, two = (
        diffusion.twisted(PROCESS, guided, x, times, threshold=0.99, key=KEY) for x in (x_T, xp.asarray(x_T))
    )
    assert one.resampled.any()
    np.testing.assert_array_equal(one.ancestors, two.ancestors)
    np.testing.assert_allclose(xp.numpy(two.x), one.x, rtol=1e-9)
    assert abs(one.log_evidence - two.log_evidence) < 1e-9


def test_iterations_leave_the_result_right() -> None:
    """Without a determinant the twist is not normalised; the evidence is the same up to its error."""
    direct, iterated = (
        run(diffusion.mmps(PRIOR.denoiser(PROCESS), MEASUREMENT, iterations=k), 1000, 40) for k in (None, 1)
    )
    assert abs(direct.log_evidence - iterated.log_evidence) < 0.2


def test_refusals() -> None:
    prior = PRIOR.denoiser(PROCESS)
    with pytest.raises(TypeError, match="twisted needs a model made by mmps, pigdm or dps"):
        run(prior, 4, 4)
    with pytest.raises(ValueError, match="noise > 0: its weights are likelihoods"):
        run(diffusion.mmps(prior, diffusion.LinearMeasurement([[1.0]], [0.3], 0.0)), 4, 4)
    with pytest.raises(ValueError, match="y must be one measurement for all rows"):
        run(diffusion.mmps(prior, diffusion.LinearMeasurement([[1.0]], np.ones((4, 1)), 0.5)), 4, 4)
    with pytest.raises(ValueError, match="one evaluation a step"):
        run(diffusion.mmps(prior, MEASUREMENT), 4, 4, method="dpmpp_2m")
    with pytest.raises(ValueError, match="the model was made for"):
        diffusion.twisted(
            diffusion.vp(), diffusion.mmps(prior, MEASUREMENT), np.ones((2, 1)), [0.9, 0.1], key=KEY
        )
