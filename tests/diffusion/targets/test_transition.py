"""Transitions of mixtures by Bayes' rule on a grid; samples, densities, and one noise for one key."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, multivariate_normal, norm

from diffmath import diffusion, random

VP = diffusion.vp()
FULL = diffusion.Gaussian([1.0, -2.0], [[2.0, 0.5], [0.5, 0.4]])
PAIR = diffusion.GaussianMixture([0.3, 0.7], [[-2.0], [1.0]], [0.1, 0.3])
PLANE = diffusion.GaussianMixture(
    [0.3, 0.7], [[-2.0, 0.0], [1.0, 1.0]], [[[0.5, 0.2], [0.2, 0.3]], [[0.2, 0.0], [0.0, 0.1]]]
)


@pytest.mark.parametrize("process", [VP, diffusion.flow(), diffusion.edm()], ids=repr)
def test_the_reverse_of_the_process_is_bayes_on_a_grid(process):
    s, t = 0.7 * process.t_max, 0.2 * process.t_max
    (a, u), (b, v) = process.marginal(s), process.marginal(t)
    x = np.array([[-1.0], [0.3], [2.0]])
    law = PAIR.transition(process, x, s, t)
    spread = b * 4 + 8 * v
    y = np.linspace(-spread, spread, 4001)[:, None]
    keep = a / b
    forward = norm.logpdf(x[:, 0], keep * y, np.sqrt(u**2 - keep**2 * v**2))  # (grid, row)
    joint = np.exp(forward + PAIR.log_density(y, process, t)[:, None])
    wanted = joint / (joint.sum(axis=0) * (y[1] - y[0]))
    for i in range(3):
        found = np.array([law.log_density(np.full((3, 1), value))[i] for value in y[::200, 0]])
        # The trapezoidal sum of smooth densities is exact to rounding.
        np.testing.assert_allclose(np.exp(found), wanted[::200, i], rtol=1e-9, atol=1e-12)
    mean = (wanted * y).sum(axis=0) * (y[1] - y[0])
    np.testing.assert_allclose(law.mean[:, 0], mean, rtol=1e-9, atol=1e-12)


def test_towards_noise_it_is_the_process_and_at_the_data_the_denoiser(xp):
    x = np.array([[-1.0, 0.5], [0.3, 2.0]])
    law = PLANE.transition(VP, xp.asarray(x), 0.2, 0.7)
    (a, u), (b, v) = VP.marginal(0.2), VP.marginal(0.7)
    for k in range(2):
        np.testing.assert_allclose(xp.numpy(law.means)[:, k], b / a * x, rtol=1e-12)
    np.testing.assert_allclose(
        law.covariances, np.eye(2) * np.full((2, 1, 1), v**2 - (b / a * u) ** 2), atol=1e-15
    )
    ended = PLANE.transition(VP, xp.asarray(x), 0.7, 0.0)
    np.testing.assert_allclose(xp.numpy(ended.mean), PLANE.denoiser(VP)(x, 0.7), rtol=1e-12)
    started = PLANE.transition(diffusion.flow(), xp.asarray(x), 1.0, 0.0)  # pure noise is forgotten
    np.testing.assert_allclose(xp.numpy(started.weights), [[0.3, 0.7]] * 2, rtol=1e-14)
    np.testing.assert_allclose(xp.numpy(started.means), [PLANE.means] * 2, rtol=1e-14)
    np.testing.assert_allclose(started.covariances, PLANE.covariances, rtol=1e-14)


@pytest.mark.parametrize("target", [FULL, PLANE], ids=repr)
def test_samples_follow_the_law(target, xp):
    x = xp.asarray(np.tile([0.3, 1.0], (4000, 1)))
    law = target.transition(VP, x, 0.8, 0.3)
    drawn = xp.numpy(law.sample(random.key(0)))
    weights, means = xp.numpy(law.weights)[0], xp.numpy(law.means)[0]
    for u in (np.array([1.0, 0.0]), np.array([1.0, -2.0])):
        widths = np.sqrt(np.einsum("i,kij,j->k", u, law.covariances, u))

        def cdf(z, u=u, widths=widths):
            return norm.cdf((z[:, None] - means @ u) / widths) @ weights

        assert kstest(drawn @ u, cdf).pvalue > 1e-6  # the false-positive rate
        assert kstest(drawn @ u + 0.3, cdf).pvalue < 1e-6
    few = target.transition(VP, x[:3, :], 0.8, 0.3)
    # Bit for bit on the host; another library may round a product by the size of the batch.
    grain = 1e-14 if xp.name in ("torch", "jax", "cupy", "cupy-double") else 0.0
    np.testing.assert_allclose(xp.numpy(few.sample(random.key(0))), drawn[:3], rtol=grain)
    assert few.sample(random.key(0)).dtype == x.dtype
    density = xp.numpy(few.log_density(few.sample(random.key(0))))
    parts = [w * multivariate_normal(m, c).pdf(drawn[:3]) for w, m, c in zip(weights, means, law.covariances)]
    np.testing.assert_allclose(density, np.log(sum(parts)), rtol=1e-10)


def test_points_are_drawn_exactly():
    points = diffusion.GaussianMixture([0.5, 0.5], [[-1.0, 2.0], [1.0, 0.0]], [0.0, 0.0])
    law = points.transition(VP, np.zeros((50, 2)), 0.5, 0.0)
    drawn = law.sample(random.key(1))
    assert {tuple(row) for row in drawn} == {(-1.0, 2.0), (1.0, 0.0)}
    assert repr(law) == "Transition(batch=50, components=2, dim=2)"
    with pytest.raises(ValueError, match="has a covariance per row"):
        _ = law.covariance
    with pytest.raises(ValueError, match="the law has no density: its variance is 0 in a direction"):
        law.log_density(drawn)
    with pytest.raises(ValueError, match=r"is a point mass in a direction at sigma=0 \(time 0.0\)"):
        points.transition(VP, np.zeros((1, 2)), 0.0, 0.5)
    law = FULL.transition(VP, np.zeros((3, 2)), 0.5, 0.1)
    with pytest.raises(ValueError, match=r"x must have one state per row, shape \(3, 2\); got \(2, 2\)"):
        law.log_density(np.zeros((2, 2)))
