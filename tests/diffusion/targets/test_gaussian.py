"""A Gaussian is the mixture of one component, and its flow and transitions are those of the equations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, multivariate_normal

from diffmath import diffusion, random

PROCESS = diffusion.vp()
MEAN, FULL = [1.0, -2.0], [[2.0, 0.5], [0.5, 0.4]]
KINDS = {"scalar": 0.3, "diagonal": [0.3, 2.0], "full": FULL}
TARGETS = {kind: diffusion.Gaussian(MEAN, c) for kind, c in KINDS.items()}
X = np.array([[-1.3, 0.4], [2.0, 0.7], [0.1, -3.0], [40.0, -40.0]])


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("t", [0.0, 0.3, np.array([0.1, 0.3, 0.9, 1.0])], ids=["0", "0.3", "rows"])
def test_equals_the_mixture_of_one(kind, t, xp):
    target = TARGETS[kind]
    mixture = diffusion.GaussianMixture([1.0], [MEAN], target.covariance[None])
    x, time = xp.asarray(X), t if isinstance(t, float) else xp.asarray(t)
    np.testing.assert_allclose(
        xp.numpy(target.log_density(x, PROCESS, time)), mixture.log_density(X, PROCESS, t), rtol=1e-13
    )
    for name in ("score", "denoiser"):
        ours, theirs = getattr(target, name)(PROCESS), getattr(mixture, name)(PROCESS)
        np.testing.assert_allclose(xp.numpy(ours(x, time)), theirs(X, t), rtol=1e-12, atol=1e-13)
        found = xp.numpy(ours.divergence(x, time))
        np.testing.assert_allclose(found, theirs.divergence(X, t), rtol=1e-12, atol=1e-13)


def test_the_ends_of_time_are_finite():
    process = diffusion.flow()
    for target in TARGETS.values():
        np.testing.assert_allclose(target.score(process)(X, 1.0), -X, rtol=2e-15)  # the eigenbasis
        np.testing.assert_array_equal(target.denoiser(process)(X, 1.0), np.broadcast_to(MEAN, X.shape))
        np.testing.assert_array_equal(target.denoiser(process).divergence(X, 1.0), np.zeros(4))
        np.testing.assert_allclose(target.denoiser(process)(X, 0.0), X, rtol=1e-14)
        np.testing.assert_allclose(target.denoiser(process).divergence(X, 0.0), np.full(4, 2.0), rtol=1e-14)
        wanted = -(X - MEAN) @ np.linalg.inv(target.covariance)
        np.testing.assert_allclose(target.score(process)(X, 0.0), wanted, rtol=1e-13)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_samples_and_moments(kind, xp):
    target, c = TARGETS[kind], np.broadcast_to(KINDS[kind], (2,)) if kind != "full" else None
    np.testing.assert_array_equal(target.covariance, FULL if c is None else np.diag(c))
    np.testing.assert_array_equal(target.mean, MEAN)
    x = xp.numpy(target.sample(random.key(1), 5, like=xp.empty()))
    np.testing.assert_allclose(
        x, target.sample(random.key(1), 8, like=np.empty(0))[:5], rtol=1e-11, atol=1e-12
    )
    assert target.sample(random.key(1), 5, like=xp.empty("float32")).dtype == xp.xp.float32
    direction = np.array([0.6, -1.8])
    many = target.sample(random.key(2), 20_000, like=np.empty(0), process=PROCESS, t=0.2) @ direction
    cdf = target.projected_cdf(direction, PROCESS, 0.2)
    assert kstest(many, cdf).pvalue > 1e-6  # the false-positive rate
    assert kstest(many + 0.2, cdf).pvalue < 1e-6


def test_transitions_carry_the_marginals():
    for target in TARGETS.values():
        for s, t in ((0.8, 0.3), (0.3, 0.8), (1.0, 0.0)):
            (a, u), (b, v) = PROCESS.marginal(s), PROCESS.marginal(t)
            start = a**2 * target.covariance + u**2 * np.eye(2)
            end = b**2 * target.covariance + v**2 * np.eye(2)
            for tau in (0.0, 0.7, 1.0, 3.0):
                law = target.transition(PROCESS, np.concatenate([np.eye(2), np.zeros((1, 2))]), s, t, tau=tau)
                slope = (law.mean[:2] - law.mean[2]).T
                np.testing.assert_allclose(
                    law.mean[2] + slope @ (a * target.mean), b * target.mean, atol=1e-13
                )
                np.testing.assert_allclose(slope @ start @ slope.T + law.covariance, end, atol=1e-13)


def test_tau_0_is_the_flow_and_tau_1_is_bayes(xp):
    target, x = TARGETS["full"], xp.asarray(X)
    flow = target.flow_map(PROCESS)
    law = target.transition(PROCESS, x, 0.8, 0.3, tau=0.0)
    np.testing.assert_array_equal(xp.numpy(law.mean), xp.numpy(flow(x, 0.8, 0.3)))
    np.testing.assert_array_equal(law.covariance, np.zeros((2, 2)))
    law = target.transition(PROCESS, x, 0.8, 0.0)
    np.testing.assert_allclose(xp.numpy(law.mean), target.denoiser(PROCESS)(X, 0.8), rtol=1e-12, atol=1e-13)
    alpha, sigma = PROCESS.marginal(0.8)
    precision = np.linalg.inv(target.covariance) + np.eye(2) * alpha**2 / sigma**2
    np.testing.assert_allclose(law.covariance, np.linalg.inv(precision), rtol=1e-12)


def test_the_posterior_is_bayes():
    H, y, noise = np.array([[1.0, 2.0]]), [0.5], 0.2
    target = TARGETS["full"]
    found = target.posterior(H, y, noise)
    precision = np.linalg.inv(FULL) + H.T @ H / noise
    np.testing.assert_allclose(found.covariance, np.linalg.inv(precision), rtol=1e-12)
    wanted = np.linalg.solve(precision, np.linalg.solve(FULL, MEAN) + H.T @ y / noise)
    np.testing.assert_allclose(found.mean, wanted, rtol=1e-12)
    evidence = multivariate_normal(H @ MEAN, H @ FULL @ H.T + noise).logpdf(y)
    assert target.log_evidence(H, y, noise) == pytest.approx(evidence, rel=1e-13)
    mixture = diffusion.GaussianMixture([1.0], [MEAN], [FULL]).posterior(H, y, noise)
    np.testing.assert_allclose(mixture.covariance, found.covariance, rtol=1e-13)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (([[0.0]], 1.0), ValueError, r"mean must have shape \(d,\); got \(1, 1\)"),
        (([0.0, 0.0], [1.0]), ValueError, r"got \(2,\) and \(1,\)"),
        (([0.0], np.nan), ValueError, "covariance must be finite"),
        (([0.0], -1.0), ValueError, "covariance must be positive semi-definite; the least eigenvalue is -1"),
        (([0.0, 0.0], [[1, 2], [0, 5]]), ValueError, "covariance must be symmetric"),
        ((["a"], 1.0), TypeError, "mean must be host numbers"),
    ],
)
def test_bad_parameters_are_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        diffusion.Gaussian(*parameters)


def test_bad_arguments_are_refused():
    target = TARGETS["full"]
    with pytest.raises(ValueError, match="tau must be finite and not negative; got -1"):
        target.transition(PROCESS, X, 0.5, 0.1, tau=-1)
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 2\); got \(4, 1\)"):
        target.transition(PROCESS, X[:, :1], 0.5, 0.1)
    point = diffusion.Gaussian([1.0, 2.0], [1.0, 0.0])
    with pytest.raises(ValueError, match=r"Gaussian\(dim=2\) is a point mass in a direction at sigma=0"):
        point.transition(PROCESS, X, 0.0, 0.5)
    np.testing.assert_array_equal(point.transition(PROCESS, X, 0.5, 0.0).mean[:, 1], np.full(4, 2.0))
    with pytest.raises(ValueError, match="no density or score at sigma=0"):
        point.log_density(X)


def test_the_density_is_scipys_and_rows_do_not_depend_on_the_batch():
    for target in TARGETS.values():
        wanted = multivariate_normal(MEAN, target.covariance).logpdf(X)
        np.testing.assert_allclose(target.log_density(X), wanted, rtol=1e-12)
        score = target.score(PROCESS)
        np.testing.assert_array_equal(
            score(X, 0.3), np.concatenate([score(X[i : i + 1], 0.3) for i in range(4)])
        )
