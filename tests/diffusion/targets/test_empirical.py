"""Empirical data are the mixture they are defined as, by two matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest, norm

from diffmath import diffusion, random

PROCESS = diffusion.vp()
# 40 points in 5 dimensions, far from the origin, so that centring matters.
POINTS = np.random.default_rng(0).normal(size=(40, 5)) + 30.0
X = POINTS[:6] + np.random.default_rng(1).normal(size=(6, 5))


def twin(bandwidth: float) -> tuple[diffusion.EmpiricalData, diffusion.GaussianMixture]:
    n = len(POINTS)
    mixture = diffusion.GaussianMixture(np.full(n, 1 / n), POINTS, np.full(n, bandwidth**2))
    return diffusion.EmpiricalData(POINTS, bandwidth), mixture


@pytest.mark.parametrize(("bandwidth", "t"), [(0.3, 0.0), (0.3, 0.2), (0.0, 1e-3), (0.0, 0.05), (1.0, 1.0)])
def test_equals_the_mixture(bandwidth: float, t: float, xp: Any) -> None:
    data, mixture = twin(bandwidth)
    alpha, sigma = PROCESS.marginal(t)
    x = alpha * X
    v = alpha**2 * bandwidth**2 + sigma**2
    # A log-weight is good to eps |x - mean|^2 / v with |x - mean|^2 about 30 (+ d log for the density).
    rtol = 1e-15 * (300 + 60 / v)
    here = xp.asarray(x)
    np.testing.assert_allclose(
        xp.numpy(data.log_density(here, PROCESS, t)), mixture.log_density(x, PROCESS, t), rtol
    )
    for name in ("score", "denoiser"):
        ours, theirs = getattr(data, name)(PROCESS), getattr(mixture, name)(PROCESS)
        np.testing.assert_allclose(xp.numpy(ours(here, t)), theirs(x, t), rtol=rtol * 10, atol=rtol)
        if name == "score":
            np.testing.assert_allclose(
                xp.numpy(ours.divergence(here, t)), theirs.divergence(x, t), rtol=rtol * 10
            )
    times = np.linspace(0.1, 0.6, 6)
    rows = xp.numpy(data.score(PROCESS)(here, xp.asarray(times)))
    np.testing.assert_allclose(rows, mixture.score(PROCESS)(x, times), rtol=1e-10)


def test_one_point_is_denoised_exactly() -> None:
    data = diffusion.EmpiricalData([[1 / 3, 2 / 3]], bandwidth=0.0)
    x = np.random.default_rng(2).normal(size=(5, 2))
    np.testing.assert_array_equal(data.denoiser(PROCESS)(x, 0.01), np.broadcast_to([1 / 3, 2 / 3], (5, 2)))


def test_two_points_are_denoised_by_tanh() -> None:
    a, t = 1.5, 0.4
    alpha, sigma = PROCESS.marginal(t)
    x = np.linspace(-3, 3, 7)[:, None]
    value = diffusion.EmpiricalData([[-a], [a]], 0.0).denoiser(PROCESS)(x, t)
    np.testing.assert_allclose(value, a * np.tanh(alpha * a * x / sigma**2), rtol=1e-13, atol=1e-15)


def test_no_density_without_bandwidth_or_noise() -> None:
    data = diffusion.EmpiricalData(POINTS, 0.0)
    with pytest.raises(
        ValueError, match=r"EmpiricalData\(points=40, dim=5, bandwidth=0\) has no density or score"
    ):
        data.log_density(X)
    assert np.all(np.isfinite(data.log_density(X, PROCESS, 1e-3)))


def test_float32_and_empty_batches(xp: Any) -> None:
    data, mixture = twin(0.3)
    low = data.score(PROCESS)(xp.asarray(X, "float32"), 0.3)
    assert low.dtype == xp.xp.float32
    np.testing.assert_allclose(xp.numpy(low), mixture.score(PROCESS)(X, 0.3), rtol=1e-3)  # 30^2 eps / v
    assert data.denoiser(PROCESS)(xp.asarray(np.empty((0, 5))), 0.3).shape == (0, 5)


def test_moments_and_samples(xp: Any) -> None:
    data, mixture = twin(0.3)
    np.testing.assert_allclose(data.mean, mixture.mean, rtol=1e-14)
    np.testing.assert_allclose(data.covariance, mixture.covariance, rtol=1e-12, atol=1e-13)
    x = xp.numpy(data.sample(random.key(0), 5, like=xp.empty()))
    np.testing.assert_allclose(x, data.sample(random.key(0), 8, like=np.empty(0))[:5], rtol=1e-11)
    raw = xp.numpy(diffusion.EmpiricalData(POINTS, 0.0).sample(random.key(0), 50, like=xp.empty()))
    assert {tuple(row) for row in raw} <= {tuple(row) for row in POINTS}


def test_samples_follow_the_projected_cdf() -> None:
    data, mixture = twin(0.3)
    direction = np.array([1.0, 0.5, 0.0, -1.0, 0.2])
    for t in (0.0, 0.3):
        cdf = data.projected_cdf(direction, PROCESS, t)
        z = np.linspace(-20, 60, 9)
        np.testing.assert_allclose(
            cdf(z), mixture.projected_cdf(direction, PROCESS, t)(z), rtol=1e-12, atol=1e-15
        )
        x = data.sample(random.key(5), 20_000, like=np.empty(0), process=PROCESS, t=t)
        assert kstest(x @ direction, cdf).pvalue > 1e-6  # the false-positive rate of each


WEIGHTS = np.arange(1, 41) / 820


def test_weights_are_those_of_the_mixture(xp):
    mixture = diffusion.GaussianMixture(WEIGHTS, POINTS, np.full(40, 0.09))
    data = diffusion.EmpiricalData(POINTS, 0.3, WEIGHTS)
    np.testing.assert_allclose(data.mean, mixture.mean, rtol=1e-14)
    np.testing.assert_allclose(data.covariance, mixture.covariance, rtol=1e-12, atol=1e-13)
    x, t = PROCESS.alpha(0.2) * X, 0.2
    for name in ("score", "denoiser"):
        ours = xp.numpy(getattr(data, name)(PROCESS)(xp.asarray(x), t))
        np.testing.assert_allclose(ours, getattr(mixture, name)(PROCESS)(x, t), rtol=1e-11, atol=1e-12)
    found = xp.numpy(data.log_density(xp.asarray(x), PROCESS, t))
    np.testing.assert_allclose(found, mixture.log_density(x, PROCESS, t), rtol=1e-12)
    np.testing.assert_array_equal(data.projected_cdf(np.ones(5)).weights, WEIGHTS)
    drawn = xp.numpy(data.sample(random.key(0), 6, like=xp.empty()))
    np.testing.assert_allclose(drawn, data.sample(random.key(0), 9, like=np.empty(0))[:6], rtol=1e-11)


def test_points_are_drawn_by_their_weights():
    data = diffusion.EmpiricalData([[0.0], [1.0], [2.0]], 0.0, [0.2, 0.5, 0.3])
    x = data.sample(random.key(1), 20_000, like=np.empty(0))
    counts = np.array([np.sum(x == value) for value in (0.0, 1.0, 2.0)])
    assert counts.sum() == 20_000
    assert np.all(np.abs(counts - [4000, 10_000, 6000]) < 5 * np.sqrt([3200, 5000, 4200]))  # 5 deviations
    same = diffusion.EmpiricalData(POINTS, 0.0, np.full(40, 1 / 40))  # equal weights change no stream
    plain = diffusion.EmpiricalData(POINTS, 0.0).sample(random.key(1), 50, like=np.empty(0))
    np.testing.assert_array_equal(same.sample(random.key(1), 50, like=np.empty(0)), plain)


def test_a_measurement_weighs_the_points():
    H, y, noise = np.array([[1.0, 0.0, 0.0, 0.0, 1.0]]), [60.5], 0.5
    data = diffusion.EmpiricalData(POINTS, 0.0, WEIGHTS)
    found = data.posterior(H, y, noise)
    joint = WEIGHTS * norm.pdf(60.5, (POINTS @ H.T)[:, 0], np.sqrt(0.5))
    kept = joint > 0
    np.testing.assert_array_equal(found.points, POINTS[kept])
    np.testing.assert_allclose(found.weights, (joint / joint.sum())[kept], rtol=1e-11)
    assert data.log_evidence(H, y, noise) == pytest.approx(np.log(joint.sum()), rel=1e-12)
    assert isinstance(found, diffusion.EmpiricalData)
    smooth = diffusion.EmpiricalData(POINTS, 0.3, WEIGHTS).posterior(H, y, noise)
    wanted = diffusion.GaussianMixture(WEIGHTS, POINTS, np.full(40, 0.09)).posterior(H, y, noise)
    np.testing.assert_allclose(smooth.log_density(X), wanted.log_density(X), rtol=1e-11)
    with pytest.raises(ValueError, match="pass a positive definite noise"):
        data.posterior(H, y, 0.0)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([0.5, 0.6], "weights must sum to 1; they sum to 1.1"),
        ([1.5, -0.5], r"weights must be positive; weights\[1\] is -0.5"),
        ([1.0], r"weights must have shape \(2,\), one per point; got \(1,\)"),
        ([[0.5, 0.5]], r"weights must have shape \(n,\); got \(1, 2\)"),
    ],
)
def test_bad_weights_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        diffusion.EmpiricalData([[0.0], [1.0]], 0.1, weights)


@pytest.mark.parametrize(
    ("points", "bandwidth", "message"),
    [
        ([1.0, 2.0], 0.1, r"points must have shape \(n, d\); got \(2,\)"),
        ([[1.0], [np.inf]], 0.1, r"points must be finite; points\[1, 0\] is not"),
        (np.empty((0, 2)), 0.1, r"points must have shape \(n, d\); got \(0, 2\)"),
        ([[1.0]], -0.1, "bandwidth must be finite and not negative; got -0.1"),
        ([[1.0]], np.nan, "bandwidth must be finite and not negative; got nan"),
    ],
)
def test_bad_parameters_are_refused(points: Any, bandwidth: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        diffusion.EmpiricalData(points, bandwidth)
