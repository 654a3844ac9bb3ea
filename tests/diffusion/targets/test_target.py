"""What every target promises at every time: the derivatives of one density, means, rows, ends of time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kstest

from diffmath import diffusion, random

VP, FLOW = diffusion.vp(), diffusion.flow()
TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
POINTS = np.random.default_rng(1).normal(size=(30, 3)) + 5.0
PAIR = diffusion.GaussianMixture([0.3, 0.7], [[-1.0], [1.5]], [0.1, 0.3])
BOX = diffusion.Uniform([-1.0, 0.0], [0.5, 4.0])
TARGETS = {
    "gaussian": diffusion.Gaussian([1.0, -2.0], [[2.0, 0.5], [0.5, 0.4]]),
    "mixture": diffusion.GaussianMixture(
        np.full(12, 1 / 12),
        np.random.default_rng(2).normal(size=(12, 3)),
        [np.diag([0.1, 0.2, 0.3]) + 0.05] * 12,
    ),
    "data": diffusion.EmpiricalData(POINTS, 0.0, np.arange(1, 31) / 465),
    "kernels": diffusion.EmpiricalData(np.random.default_rng(3).normal(size=(40, 20)), 0.5),
    "uniform": BOX,
    "ring": diffusion.Ring(1.5),
    "sphere": diffusion.Ring(2.0, dim=5),
    "product": diffusion.Product([PAIR, BOX, diffusion.Ring(1.0, 3)]),
    "rotated": diffusion.Rotated(diffusion.Product([PAIR, BOX]), TURN, [0.5, -1.0, 2.0]),
}
KINDS = sorted(TARGETS)


def states(target, process, t, n=6):
    """Return samples of the marginal, and one state far out."""
    x = target.sample(random.key(3), n, like=np.empty(0), process=process, t=t)
    return np.concatenate([x, x[:1] + 4 * (1 + np.abs(x[:1]))])


def slopes(function, x, h):
    """Central differences of fourth order of a function (batch, dim) -> (batch, ...), on the last axis."""
    steps = [h * e for e in np.eye(x.shape[1])]
    return np.stack(
        [
            (8 * (function(x + e) - function(x - e)) - (function(x + 2 * e) - function(x - 2 * e))) / (12 * h)
            for e in steps
        ],
        axis=-1,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("t", [0.1, 0.5])
def test_score_and_divergences_are_derivatives(kind, t):
    target = TARGETS[kind]
    x, h = states(target, VP, t), 2e-3 * VP.sigma(t)
    score, denoiser = target.score(VP), target.denoiser(VP)
    # Differences of fourth order with h = 2e-3 sigma: h^4 f''''' / 30 and eps f / h are below 1e-8 of the
    # natural scales, 1/sigma for a score; the far states have scores of 30 of them.
    unit = VP.sigma(t)
    wanted = slopes(lambda y: target.log_density(y, VP, t), x, h)
    np.testing.assert_allclose(score(x, t), wanted, rtol=1e-7, atol=1e-6 / unit)
    wanted = np.trace(slopes(lambda y: score(y, t), x, h), axis1=1, axis2=2)
    np.testing.assert_allclose(score.divergence(x, t), wanted, rtol=1e-7, atol=1e-7 / unit**2)
    wanted = np.trace(slopes(lambda y: denoiser(y, t), x, h), axis1=1, axis2=2)
    np.testing.assert_allclose(denoiser.divergence(x, t), wanted, rtol=1e-7, atol=1e-7 / unit)


@pytest.mark.parametrize("kind", KINDS)
def test_tweedie_and_the_fokker_planck_equation(kind):
    target, t, h = TARGETS[kind], 0.3, 1e-3
    x = states(target, VP, t)
    (alpha, sigma), (f, g2) = VP.marginal(t), VP.coefficients(t)
    score = target.score(VP)
    s = score(x, t)
    np.testing.assert_allclose(target.denoiser(VP)(x, t), (x + sigma**2 * s) / alpha, rtol=1e-12, atol=1e-12)
    rate = -target.dim * f - f * np.sum(x * s, axis=1)
    rate += g2 / 2 * (score.divergence(x, t) + np.sum(s * s, axis=1))
    values = [target.log_density(x, VP, t + k * h) for k in (-2, -1, 1, 2)]
    found = (8 * (values[2] - values[1]) - (values[3] - values[0])) / (12 * h)
    # Fourth order in h = 1e-3, with derivatives of the log-density in units of 1/t: about 1e-9.
    np.testing.assert_allclose(found, rate, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_does_not_depend_on_the_batch(kind):
    target = TARGETS[kind]
    x = states(target, VP, 0.4, n=33)
    score, denoiser = target.score(VP), target.denoiser(VP)
    times = np.linspace(0.1, 1.0, len(x))
    calls = (
        lambda rows: score(x[rows], 0.4),
        lambda rows: score(x[rows], times[rows]),
        lambda rows: denoiser(x[rows], 0.4),
        lambda rows: score.divergence(x[rows], 0.4),
        lambda rows: denoiser.divergence(x[rows], 0.4),
        lambda rows: target.log_density(x[rows], VP, 0.4),
    )
    for call in calls:
        alone = np.concatenate([call(slice(i, i + 1)) for i in range(len(x))])
        np.testing.assert_array_equal(call(slice(None)), alone)
        np.testing.assert_array_equal(call(slice(5, 22)), alone[5:22])


@pytest.mark.parametrize("kind", KINDS)
def test_pure_noise_is_finite_and_right(kind):
    target, x = TARGETS[kind], states(TARGETS[kind], FLOW, 1.0)
    score, denoiser = target.score(FLOW), target.denoiser(FLOW)
    scale = np.sqrt(np.trace(target.covariance)) + np.abs(target.mean).max()
    np.testing.assert_allclose(score(x, 1.0), -x, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(
        denoiser(x, 1.0), np.broadcast_to(target.mean, x.shape), rtol=0, atol=1e-14 * scale
    )
    np.testing.assert_allclose(score.divergence(x, 1.0), -float(target.dim), rtol=1e-13)
    np.testing.assert_allclose(denoiser.divergence(x, 1.0), 0.0, atol=1e-30)
    normal = -0.5 * np.sum(x**2, axis=1) - target.dim / 2 * math.log(2 * math.pi)
    np.testing.assert_allclose(target.log_density(x, FLOW, 1.0), normal, rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_far_states_are_never_nan(kind):
    target = TARGETS[kind]
    for far in (1e3, 1e6, 1e12):
        x = np.full((1, target.dim), far)
        for t in (1e-3, 0.5):
            density = target.log_density(x, VP, t)
            assert density < -0.1 * far**2 / (1 + np.linalg.norm(target.covariance))
            alpha, sigma = VP.marginal(t)
            denoised = target.denoiser(VP)(x, t)
            assert np.all(np.isfinite(denoised))
            score = target.score(VP)(x, t)
            np.testing.assert_allclose(score, (alpha * denoised - x) / sigma**2, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_libraries_dtypes_and_times_per_row(kind, xp):
    target, t = TARGETS[kind], np.array([0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0])
    x = states(target, VP, 0.4)
    times = xp.asarray(t)
    for name in ("score", "denoiser"):
        model = getattr(target, name)(VP)
        wanted, trace = model(x, t), model.divergence(x, t)
        # 1e-9: sums and exponentials of other libraries, with exponents of up to 1e3.
        np.testing.assert_allclose(xp.numpy(model(xp.asarray(x), times)), wanted, rtol=1e-9, atol=1e-11)
        found = xp.numpy(model.divergence(xp.asarray(x), times))
        np.testing.assert_allclose(found, trace, rtol=1e-9, atol=1e-11)
        assert model(xp.asarray(x, "float32"), 0.4).dtype == xp.xp.float32
        assert model(xp.asarray(x[:0]), 0.4).shape == (0, target.dim)
    found = target.log_density(xp.asarray(x), VP, times)
    np.testing.assert_allclose(xp.numpy(found), target.log_density(x, VP, t), rtol=1e-10)
    low = xp.numpy(target.denoiser(VP)(xp.asarray(x, "float32"), 0.4))
    # 1e-3: the points have a distance of 9 from the origin, whose square is in the exponent.
    np.testing.assert_allclose(low, target.denoiser(VP)(x, 0.4), rtol=1e-3, atol=1e-3)
    drawn = xp.numpy(target.sample(random.key(4), 5, like=xp.empty()))
    np.testing.assert_allclose(
        drawn, target.sample(random.key(4), 9, like=np.empty(0))[:5], rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("kind", KINDS)
def test_samples_have_the_mean_and_the_covariance(kind):
    target, n = TARGETS[kind], 4000
    x = target.sample(random.key(5), n, like=np.empty(0))
    deviations = np.sqrt(np.diag(target.covariance))
    assert np.all(np.abs(x.mean(axis=0) - target.mean) < 5 * deviations / math.sqrt(n))  # 5 standard errors
    gap = (x - target.mean) / deviations
    wanted = target.covariance / np.outer(deviations, deviations)
    assert np.all(np.abs(gap.T @ gap / n - wanted) < 5 * math.sqrt(2.0 / n) * 1.5)  # kurtosis below 4.5


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("data", "has no density or score at sigma=0 .*: its data are point masses; take t > 0"),
        ("ring", "has no density or score at sigma=0 .*: its data lie on a sphere; take t > 0"),
        ("uniform", "has no score at sigma=0 .*: its density jumps at the edges; take t > 0"),
        ("rotated", "has no score at sigma=0 .*: its density jumps at the edges"),
        ("product", "has no density or score at sigma=0"),
    ],
)
def test_rough_data_have_no_score_without_noise(kind, words):
    target = TARGETS[kind]
    with pytest.raises(ValueError, match=words):
        target.score(VP)(np.zeros((1, target.dim)), 0.0)


def test_what_is_not_exact_is_refused():
    for kind in ("uniform", "ring", "product", "rotated"):
        target = TARGETS[kind]
        for call in (target.posterior, target.log_evidence):
            with pytest.raises(ValueError, match="has no exact posterior of linear measurements"):
                call(np.ones((1, target.dim)), [0.0], 1.0)
    for kind in ("ring", "product"):
        with pytest.raises(ValueError, match=r"has no exact flow map: .*its flow map has no closed form"):
            TARGETS[kind].flow_map(VP)


def test_a_shifted_sample_is_seen():
    """The checks of samples above can fail: a Kolmogorov-Smirnov test of one coordinate sees a tenth."""
    x = BOX.sample(random.key(6), 4000, like=np.empty(0))[:, 0]
    assert kstest((x + 1) / 1.5, "uniform").pvalue > 1e-6
    assert kstest((x + 1.15) / 1.5, "uniform").pvalue < 1e-6
