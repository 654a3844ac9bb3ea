"""Gaussian mixtures against sympy-free first principles: scipy densities, differences, Fokker-Planck."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import kstest, multivariate_normal

from diffmath import diffusion, random
from diffmath._arrays.namespace import default_float

PROCESS = diffusion.vp()
MEANS = [[-2.0, 0.0], [2.0, 1.0], [0.5, -1.0]]
WEIGHTS = [0.3, 0.5, 0.2]
FULL = [[[0.5, 0.2], [0.2, 0.3]], [[0.2, 0.0], [0.0, 0.1]], [[1.0, -0.4], [-0.4, 0.2]]]
TARGETS = {
    "scalar": diffusion.GaussianMixture(WEIGHTS, MEANS, [0.1, 0.2, 0.7]),
    "diagonal": diffusion.GaussianMixture(WEIGHTS, MEANS, [[0.1, 0.3], [0.2, 0.2], [0.7, 0.05]]),
    "full": diffusion.GaussianMixture(WEIGHTS, MEANS, FULL),
}
MATRICES = {
    "scalar": [0.1 * np.eye(2), 0.2 * np.eye(2), 0.7 * np.eye(2)],
    "diagonal": [np.diag([0.1, 0.3]), np.diag([0.2, 0.2]), np.diag([0.7, 0.05])],
    "full": [np.array(m) for m in FULL],
}
X = np.array([[-1.3, 0.4], [2.0, 0.7], [0.1, -3.0], [40.0, -40.0]])
KINDS = sorted(TARGETS)


def scipy_log_density(kind: str, x: np.ndarray, t: float) -> np.ndarray:
    alpha, sigma = PROCESS.marginal(t)
    parts = [
        math.log(w) + multivariate_normal(alpha * np.array(m), alpha**2 * c + sigma**2 * np.eye(2)).logpdf(x)
        for w, m, c in zip(WEIGHTS, MEANS, MATRICES[kind])
    ]
    return np.asarray(logsumexp(parts, axis=0))


def gradient(function: Any, x: np.ndarray, h: float) -> np.ndarray:
    """Central differences of a function (batch, d) -> (batch, ...), stacked on the last axis."""
    steps = [h * e for e in np.eye(x.shape[1])]
    return np.stack([(function(x + e) - function(x - e)) / (2 * h) for e in steps], axis=-1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("t", [0.0, 1e-3, 0.3, 1.0])
def test_log_density_is_scipys(kind: str, t: float, xp: Any) -> None:
    value = TARGETS[kind].log_density(xp.asarray(X), PROCESS, t)
    np.testing.assert_allclose(xp.numpy(value), scipy_log_density(kind, X, t), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("t", [0.0, 1e-3, 0.3, 1.0])
def test_score_is_the_gradient_and_divergence_its_trace(kind: str, t: float) -> None:
    target, x = TARGETS[kind], X[:3]
    score = target.score(PROCESS)
    slope = gradient(lambda y: target.log_density(y, PROCESS, t), x, 1e-4)
    # Central differences with h = 1e-4: h^2 |third derivative| is about 1e-6 for variances of 0.05.
    np.testing.assert_allclose(score(x, t), slope, rtol=1e-6, atol=1e-5)
    trace = np.trace(gradient(lambda y: score(y, t), x, 1e-4), axis1=1, axis2=2)
    np.testing.assert_allclose(score.divergence(x, t), trace, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_denoiser_is_tweedies_and_divergence_its_trace(kind: str) -> None:
    target, t = TARGETS[kind], 0.3
    alpha, sigma = PROCESS.marginal(t)
    denoiser = target.denoiser(PROCESS)
    tweedie = (X + sigma**2 * target.score(PROCESS)(X, t)) / alpha
    np.testing.assert_allclose(denoiser(X, t), tweedie, rtol=1e-12, atol=1e-13)
    trace = np.trace(gradient(lambda y: denoiser(y, t), X[:3], 1e-4), axis1=1, axis2=2)
    np.testing.assert_allclose(denoiser.divergence(X[:3], t), trace, rtol=1e-6)
    assert np.all(denoiser.divergence(X, t) > 0)  # (alpha/sigma^2) times a trace of a covariance


@pytest.mark.parametrize("kind", KINDS)
def test_density_solves_the_fokker_planck_equation(kind: str) -> None:
    """d/dt log p = -f d - f x.s + g^2/2 (div s + |s|^2)."""
    target, x, t, h = TARGETS[kind], X[:3], 0.3, 1e-5
    f, g2 = PROCESS.coefficients(t)
    score = target.score(PROCESS)
    s = score(x, t)
    rate = -2 * f - f * np.sum(x * s, axis=1) + g2 / 2 * (score.divergence(x, t) + np.sum(s * s, axis=1))
    ahead, behind = (target.log_density(x, PROCESS, t + dt) for dt in (h, -h))
    # Difference in time: h^2 times third derivatives of about 1e4 of the log-density.
    np.testing.assert_allclose((ahead - behind) / (2 * h), rate, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_times_per_row_are_rows_at_their_times(kind: str, xp: Any) -> None:
    target, times = TARGETS[kind], np.array([0.01, 0.2, 0.7, 1.0])
    for model in (target.score(PROCESS), target.denoiser(PROCESS)):
        for shape in ((4,), (4, 1)):
            rows = xp.numpy(model(xp.asarray(X), xp.asarray(times.reshape(shape))))
            divergence = xp.numpy(model.divergence(xp.asarray(X), xp.asarray(times.reshape(shape))))
            for i, t in enumerate(times):
                np.testing.assert_allclose(rows[i], model(X, float(t))[i], rtol=1e-10, atol=1e-12)
                np.testing.assert_allclose(divergence[i], model.divergence(X, float(t))[i], rtol=1e-10)


def test_dtype_device_and_empty_batches(xp: Any) -> None:
    target = TARGETS["full"]
    low = target.score(PROCESS)(xp.asarray(X, "float32"), 0.3)
    assert low.dtype == xp.xp.float32
    np.testing.assert_allclose(xp.numpy(low), target.score(PROCESS)(X, 0.3), rtol=2e-5)  # 100 eps of float32
    assert target.score(PROCESS)(xp.asarray(np.empty((0, 2))), 0.3).shape == (0, 2)
    whole = xp.asarray([[1, 2]], "int64")
    assert target.log_density(whole).dtype == default_float(whole)


def test_point_masses_are_denoised_exactly_and_have_no_density() -> None:
    points = diffusion.GaussianMixture([0.5, 0.5], [[3.0], [3.0]], [0.0, 0.0])
    np.testing.assert_array_equal(points.denoiser(PROCESS)(X[:, :1], 1e-3), np.full((4, 1), 3.0))
    for call in (
        lambda: points.log_density(X[:, :1]),
        lambda: points.score(PROCESS)(X[:, :1], 0.0),
    ):
        with pytest.raises(
            ValueError, match=r"no density or score at sigma=0 .* its data are point masses; take t > 0"
        ):
            call()


def test_two_points_are_denoised_by_tanh() -> None:
    a, t = 1.5, 0.4
    target = diffusion.GaussianMixture([0.5, 0.5], [[-a], [a]], [0.0, 0.0])
    alpha, sigma = PROCESS.marginal(t)
    x = np.linspace(-3, 3, 7)[:, None]
    wanted = a * np.tanh(alpha * a * x / sigma**2)
    np.testing.assert_allclose(target.denoiser(PROCESS)(x, t), wanted, rtol=1e-13, atol=1e-15)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffmath.diffusion._targets import target as _target

    x = np.linspace(-3, 3, 50).reshape(25, 2)
    t = np.linspace(0.1, 1.0, 25)
    whole = [TARGETS["full"].score(PROCESS)(x, s) for s in (0.3, t)]
    monkeypatch.setattr(_target, "CHUNK", 40)
    parts = [TARGETS["full"].score(PROCESS)(x, s) for s in (0.3, t)]
    np.testing.assert_array_equal(whole, parts)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_follow_the_projected_cdf(kind: str) -> None:
    target, key = TARGETS[kind], random.key(3)
    for t in (0.0, 0.2):
        x = target.sample(key, 20_000, like=np.empty(0), process=PROCESS, t=t)
        for direction in ([1.0, 0.0], [0.6, -1.8]):
            cdf = target.projected_cdf(direction, PROCESS, t)
            assert kstest(x @ np.array(direction), cdf).pvalue > 1e-6  # the false-positive rate of each
            assert kstest(x @ np.array(direction) + 0.2, cdf).pvalue < 1e-6  # and a shift is seen


def test_samples_agree_between_backends_and_batch_sizes(xp: Any) -> None:
    for target in TARGETS.values():
        x = xp.numpy(target.sample(random.key(1), 7, like=xp.empty()))
        np.testing.assert_allclose(
            x, target.sample(random.key(1), 9, like=np.empty(0))[:7], rtol=1e-11, atol=1e-12
        )
        assert target.sample(random.key(1), 7, like=xp.empty("float32")).dtype == xp.xp.float32


@pytest.mark.parametrize("kind", KINDS)
def test_mean_and_covariance(kind: str) -> None:
    target = TARGETS[kind]
    mean = np.array(WEIGHTS) @ np.array(MEANS)
    second = sum(w * (c + np.outer(m, m)) for w, m, c in zip(WEIGHTS, MEANS, MATRICES[kind]))
    np.testing.assert_allclose(target.mean, mean, rtol=1e-14)
    np.testing.assert_allclose(target.covariance, second - np.outer(mean, mean), rtol=1e-13, atol=1e-14)


def test_projected_cdf_of_a_point_mass_is_a_step() -> None:
    cdf = diffusion.GaussianMixture([1.0], [[1.0]], [0.0]).projected_cdf([2.0])
    np.testing.assert_array_equal(cdf([1.9, 2.0, 2.1]), [0.0, 1.0, 1.0])


@given(scale=st.floats(0.1, 5.0), shift=st.floats(-3.0, 3.0), t=st.floats(0.01, 1.0))
def test_affine_equivariance_of_the_denoiser(scale: float, shift: float, t: float) -> None:
    """Moving the data by a x + b with a = 1, and mirroring it, moves the denoiser."""
    base = diffusion.GaussianMixture([0.4, 0.6], [[0.0], [1.0]], [0.1 * scale, 0.3])
    moved = diffusion.GaussianMixture([0.4, 0.6], [[-shift], [-1.0 - shift]], [0.1 * scale, 0.3])
    x, alpha = np.linspace(-2, 2, 5)[:, None], PROCESS.alpha(t)
    left = base.denoiser(PROCESS)(x, t)
    right = -moved.denoiser(PROCESS)(-x - alpha * shift, t) - shift
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (([0.5, 0.6], [[0.0], [1.0]], [1.0, 1.0]), ValueError, "weights must sum to 1; they sum to 1.1"),
        (
            ([1.5, -0.5], [[0.0], [1.0]], [1.0, 1.0]),
            ValueError,
            r"weights must be positive; weights\[1\] is -0.5",
        ),
        (([1.0], [[0.0], [1.0]], [1.0, 1.0]), ValueError, r"got \(1,\), \(2, 1\) and \(2,\)"),
        (([1.0], [0.0], [1.0]), ValueError, r"means must have shape \(k, d\); got \(1,\)"),
        (([1.0], [[np.nan]], [1.0]), ValueError, r"means must be finite; means\[0, 0\] is not"),
        (([1.0], [["a"]], [1.0]), TypeError, "means must be host numbers"),
        (([1.0], [[0.0]], [-1.0]), ValueError, "positive semi-definite; the least eigenvalue is -1"),
        (([1.0], [[0.0, 0.0]], [[[1, 2], [2, 1]]]), ValueError, "the least eigenvalue is -1"),
        (([1.0], [[0.0, 0.0]], [[[1, 2], [0, 5]]]), ValueError, "covariances must be symmetric"),
    ],
)
def test_bad_parameters_are_refused(parameters: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        diffusion.GaussianMixture(*parameters)


def test_bad_arguments_are_refused() -> None:
    target = TARGETS["full"]
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 2\); got \(4, 1\)"):
        target.score(PROCESS)(X[:, :1], 0.3)
    with pytest.raises(ValueError, match=r"x must be finite; x\[0, 1\] is inf"):
        target.log_density(np.array([[0.0, np.inf]]))
    with pytest.raises(
        ValueError, match=r"direction must be a finite vector of shape \(2,\); got shape \(3,\)"
    ):
        target.projected_cdf([1.0, 0.0, 0.0])
    with pytest.raises(TypeError, match="x must be an array"):
        target.log_density([[0.0, 0.0]])


def test_parameters_are_copied_and_frozen() -> None:
    means = np.zeros((1, 2))
    target = diffusion.GaussianMixture([1.0], means, [1.0])
    means[0, 0] = 5.0
    assert target.mean[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        target.means[0, 0] = 1.0


def test_a_narrow_component_beside_a_wide_one_keeps_its_width():
    widths = np.array([1.0, 1e-16])
    full = diffusion.GaussianMixture([0.5, 0.5], np.zeros((2, 2)), widths[:, None, None] * np.eye(2))
    flat = diffusion.GaussianMixture([0.5, 0.5], np.zeros((2, 2)), widths)
    x = np.full((1, 2), 1e-9)
    np.testing.assert_allclose(full.log_density(x), flat.log_density(x), rtol=1e-14)


def test_the_error_state_of_numpy_changes_nothing():
    process, x = diffusion.vp(), np.array([[300.0, -80.0], [1e200, 0.0]])
    for target in (
        diffusion.GaussianMixture([0.3, 0.7], [[-2.0, 0.0], [2.0, 1.0]], [0.1, 0.2]),
        diffusion.EmpiricalData([[-2.0, 0.0], [2.0, 1.0]], bandwidth=0.0),
    ):
        plain = target.score(process)(x, 1e-3)
        with np.errstate(all="raise"):
            np.testing.assert_array_equal(target.score(process)(x, 1e-3), plain)
        assert np.all(np.isfinite(plain[0]))


def test_a_density_that_overflows_is_refused():
    x = np.array([[1e200, 0.0]])
    for target in (
        diffusion.GaussianMixture([1.0], [[0.0, 0.0]], [1.0]),
        diffusion.EmpiricalData([[0.0, 0.0]], bandwidth=1.0),
    ):
        with pytest.raises(ValueError, match="the log-density at x overflows float64"):
            target.log_density(x)
    assert diffusion.vp().log_prior(x)[0] == -math.inf


@pytest.mark.parametrize("kind", KINDS)
def test_the_posterior_is_bayes_by_quadrature(kind):
    target, H, y, noise = TARGETS[kind], np.array([[1.0, -0.5], [0.3, 1.0]]), [0.5, 0.2], [0.4, 0.9]
    found = target.posterior(H, y, noise)
    # Trapezoidal sums of Gaussians of width above 0.1 with a step of 0.05 are exact to rounding.
    axis = np.arange(-8, 8, 0.05)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    likelihood = multivariate_normal([0.0, 0.0], np.diag(noise)).logpdf(y - grid @ H.T)
    joint = target.log_density(grid) + likelihood
    evidence = logsumexp(joint) + 2 * math.log(0.05)
    assert target.log_evidence(H, y, noise) == pytest.approx(evidence, rel=1e-9)
    density = np.exp(found.log_density(grid))
    np.testing.assert_allclose(density, np.exp(joint - evidence), rtol=1e-8, atol=1e-9)


def test_components_that_the_measurement_excludes_are_left_out():
    target = diffusion.GaussianMixture([0.5, 0.5], [[-100.0], [0.0]], [0.1, 0.1])
    found = target.posterior([[1.0]], [0.1], 1e-3)
    assert found.weights.shape == (1,)
    np.testing.assert_allclose(found.mean, 0.1 * 0.1 / 0.101, rtol=1e-12)


@pytest.mark.parametrize("t", [0.2, 0.7])
def test_the_score_given_a_measurement_is_that_of_the_joint_law(t):
    """grad log p(x_t | y) = grad log p(x_t) + grad log p(y | x_t), with p(y | x_t) by the mixture's rows."""
    target, H, y, noise = TARGETS["full"], np.array([[1.0, -0.5]]), [0.5], 0.4
    (alpha, sigma), x = PROCESS.marginal(t), X[:3]

    def log_likelihood(states):
        rows = []
        for state in states:
            # x_t is itself a measurement of the data, so y given x_t is evidence of the posterior of it.
            known = target.posterior(alpha * np.eye(2), state, sigma**2)
            rows.append(known.log_evidence(H, y, noise))
        return np.array(rows)

    given = target.posterior(H, y, noise).score(PROCESS)(x, t) - target.score(PROCESS)(x, t)
    # Central differences with h = 1e-4: 1e-8 relative, and eps / h.
    np.testing.assert_allclose(given, gradient(log_likelihood, x, 1e-4), rtol=1e-6, atol=1e-6)
