"""DPS and pseudoinverse guidance: where they are exact, and the biases that their docstrings state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

H, Y = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 2.0]]), np.array([0.3, -1.0])
X = np.array([[0.3, -0.2, 1.0], [1.5, 2.0, -3.0]])


@pytest.mark.parametrize("process", [diffusion.vp(), diffusion.edm(), diffusion.flow()], ids=lambda p: p.name)
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_pigdm_is_exact_for_isotropic_data(xp: Any, process: diffusion.Process, noise: float) -> None:
    prior = diffusion.Gaussian([1.0, 0.0, -0.5], 0.64)
    guided = diffusion.pigdm(prior.denoiser(process), diffusion.LinearMeasurement(H, Y, noise), data_std=0.8)
    posterior = prior.posterior(H, Y, noise**2).denoiser(process)
    for t in (0.1, 0.9):
        np.testing.assert_allclose(
            xp.numpy(guided(xp.asarray(X), t)), posterior(X, t), rtol=1e-11, atol=1e-12
        )
    times = np.array([0.1, 0.9])
    np.testing.assert_allclose(guided(X, times), posterior(X, times), rtol=1e-11, atol=1e-12)
    mask = diffusion.LinearMeasurement([True, False, True], [0.3, np.nan, -1.0], noise)
    guided = diffusion.pigdm(prior.denoiser(process), mask, data_std=0.8)
    posterior = prior.posterior(np.eye(3)[[0, 2]], Y, noise**2).denoiser(process)
    np.testing.assert_allclose(guided(X, 0.5), posterior(X, 0.5), rtol=1e-11, atol=1e-12)


def test_pigdm_of_many_measurements_by_callables_iterates() -> None:
    process, d = diffusion.edm(), 70
    H = np.eye(d) + 0.3 * np.eye(d, k=1)
    y, x = np.random.default_rng(0).standard_normal((2, d))
    prior = diffusion.Gaussian(np.zeros(d), 1.0)
    measurement = diffusion.LinearMeasurement(
        (lambda x: x @ H.T, lambda u: u @ H), y[None], 0.5, state_shape=(d,)
    )
    guided = diffusion.pigdm(prior.denoiser(process), measurement)
    posterior = prior.posterior(H, y, 0.25).denoiser(process)
    np.testing.assert_allclose(guided(x[None], 0.7), posterior(x[None], 0.7), rtol=1e-5, atol=1e-5)


def test_dps_is_the_gradient_of_the_likelihood_of_the_denoised_data() -> None:
    process, t, h = diffusion.vp(), 0.5, 1e-5
    prior = diffusion.GaussianMixture([0.4, 0.6], [[-1.0, 0, 0], [1.0, 0, 1]], [0.2, 0.4]).denoiser(process)
    measurement = diffusion.LinearMeasurement(H, Y, 0.3)
    gradient = diffusion.dps(prior, measurement).score(X, t) - prior.score(X, t)
    change = [
        (measurement.log_likelihood(prior(X + h * e, t)) - measurement.log_likelihood(prior(X - h * e, t)))
        / (2 * h)
        for e in np.eye(3)
    ]
    np.testing.assert_allclose(gradient, np.stack(change, axis=1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "expected"), [(diffusion.dps, (0.44, 0.16)), (diffusion.pigdm, (0.42, 0.59))]
)
def test_a_mixture_keeps_the_bias_of_the_docstring(make: Any, expected: Any, one_dimensional: Any) -> None:
    for steps in (50, 100):
        mean, deviation, _ = one_dimensional(make, steps)
        assert abs(mean - expected[0]) < 0.01  # the last digit of the docstring
        assert abs(deviation - expected[1]) < 0.01


def test_the_posterior_of_the_docstrings() -> None:
    prior = diffusion.GaussianMixture([0.4, 0.6], [[-1.0], [1.0]], [0.1, 0.2])
    posterior = prior.posterior([[1.0]], [0.3], 0.25)
    assert abs(posterior.mean[0] - 0.5514) < 1e-4
    assert abs(posterior.covariance[0, 0] ** 0.5 - 0.5189) < 1e-4
    assert abs(prior.log_evidence([[1.0]], [0.3], 0.25) + 1.4647) < 1e-4


def test_pigdm_keeps_a_bias_for_correlated_data() -> None:
    """0.84 and 0.49 instead of 0.90 and 0.44; the guided flow is affine, so three rows give its law."""
    process = diffusion.edm()
    prior = diffusion.Gaussian([0.0, 0.0], [[1.0, 0.9], [0.9, 1.0]]).denoiser(process)
    first = diffusion.LinearMeasurement([True, False], [1.0, np.nan], 0.0)
    times = np.append(diffusion.log_snr_times(process, 100), 0.0)
    x_T = 80.0 * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    expected = {diffusion.pigdm: (0.84, 0.49), diffusion.mmps: (0.90, 0.44)}
    for make, (mean, deviation) in expected.items():
        x = diffusion.sample(process, make(prior, first), x_T, times, method="dpmpp_2m")
        np.testing.assert_allclose(x[:, 0], 1.0, atol=1e-6)  # of the last step, from 0.002 to 0
        assert abs(x[0, 1] - mean) < 0.01
        assert abs(np.hypot(*(x[1:, 1] - x[0, 1])) - deviation) < 0.01


def test_refusals() -> None:
    prior = diffusion.Gaussian([0.0], 1.0).denoiser(diffusion.edm())
    exact = diffusion.LinearMeasurement([[1.0]], [0.0], 0.0)
    with pytest.raises(ValueError, match="dps needs noise > 0; got noise=0: use pigdm or mmps"):
        diffusion.dps(prior, exact)
    with pytest.raises(ValueError, match="data_std must be finite and positive; got 0"):
        diffusion.pigdm(prior, exact, data_std=0.0)
    with pytest.raises(TypeError, match="data_std must be a number"):
        diffusion.pigdm(prior, exact, data_std="1")  # type: ignore[arg-type]
