"""The noised ring by sums over the circle, its Bessel functions, and the limits of small noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ive, logsumexp

from diffmath import diffusion

PROCESS = diffusion.vp()
RING = diffusion.Ring(1.5)
X = np.array([[0.1, -0.2], [1.5, 0.3], [-3.0, 2.0], [0.0, 1e-9]])


def test_the_ring_is_the_limit_of_many_points():
    """Sums over equidistant points of a circle converge like I_n: 400 points are exact to rounding."""
    angles = 2 * np.pi * np.arange(400) / 400
    points = diffusion.EmpiricalData(1.5 * np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.0)
    for t in (0.05, 0.3, 1.0):
        np.testing.assert_allclose(
            RING.log_density(X, PROCESS, t), points.log_density(X, PROCESS, t), rtol=1e-11
        )
        for name in ("score", "denoiser"):
            ours, theirs = getattr(RING, name)(PROCESS), getattr(points, name)(PROCESS)
            np.testing.assert_allclose(ours(X, t), theirs(X, t), rtol=1e-9, atol=1e-10)
            np.testing.assert_allclose(ours.divergence(X, t), theirs.divergence(X, t), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("dim", [2, 3, 8])
def test_the_denoiser_is_a_ratio_of_bessel_functions(dim):
    target, process = diffusion.Ring(2.0, dim), diffusion.edm()
    x = np.random.default_rng(0).normal(size=(20, dim)) * 2
    length = np.linalg.norm(x, axis=1, keepdims=True)
    for sigma in (0.2, 1.0, 5.0):
        kappa = 2.0 * length / sigma**2
        ratio = ive(dim / 2, kappa) / ive(dim / 2 - 1, kappa)
        np.testing.assert_allclose(target.denoiser(process)(x, sigma), 2 * ratio * x / length, rtol=1e-12)


def test_near_the_ring_the_score_keeps_its_accuracy():
    process, sigma, gap = diffusion.edm(), 1e-5, 2.0**-20
    x = np.array([[1.5 + gap, 0.0]])
    # The radial score is -gap / sigma^2 - 1 / (2 r) + O(sigma^2): the curvature of the ring.
    wanted = -gap / sigma**2 - 1 / (2 * x[0, 0])
    np.testing.assert_allclose(RING.score(process)(x, sigma)[0, 0], wanted, rtol=1e-9)
    assert RING.score(process)(x, sigma)[0, 1] == 0


def test_the_density_integrates_to_1():
    axis = np.linspace(-7, 7, 141)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    total = logsumexp(RING.log_density(grid, PROCESS, 0.3)) + 2 * np.log(0.1)
    assert total == pytest.approx(0.0, abs=1e-12)  # the trapezoidal rule of a smooth density


def test_samples_lie_on_it(xp):
    from diffmath import random

    x = xp.numpy(diffusion.Ring(2.0, 3).sample(random.key(0), 50, like=xp.empty()))
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 2.0, rtol=1e-14)
    np.testing.assert_array_equal(RING.mean, [0.0, 0.0])
    np.testing.assert_allclose(RING.covariance, 1.125 * np.eye(2), rtol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0.0,), ValueError, "radius must be positive and finite; got 0.0"),
        ((np.inf,), ValueError, "radius must be positive and finite; got inf"),
        ((1.0, 1), ValueError, "dim must be 2 to 32; got 1"),
        ((1.0, 33), ValueError, "dim must be 2 to 32; got 33"),
        ((1.0, 2.5), TypeError, "integer"),
    ],
)
def test_bad_parameters_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        diffusion.Ring(*arguments)
