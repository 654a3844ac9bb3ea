"""Independent blocks: a product of Gaussians is the Gaussian, and every block is its own target."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath import diffusion, random

PROCESS = diffusion.vp()
FIRST = diffusion.Gaussian([1.0, -2.0], [[2.0, 0.5], [0.5, 0.4]])
SECOND = diffusion.Gaussian([0.5], 0.3)
TARGET = diffusion.Product([FIRST, SECOND])
WHOLE = diffusion.Gaussian([1.0, -2.0, 0.5], [[2.0, 0.5, 0.0], [0.5, 0.4, 0.0], [0.0, 0.0, 0.3]])
X = np.random.default_rng(0).normal(size=(5, 3))


def test_a_product_of_gaussians_is_one(xp):
    x = xp.asarray(X)
    for t in (0.0, 0.4):
        wanted = WHOLE.log_density(X, PROCESS, t)
        np.testing.assert_allclose(xp.numpy(TARGET.log_density(x, PROCESS, t)), wanted, rtol=1e-13)
        for name in ("score", "denoiser"):
            ours, theirs = getattr(TARGET, name)(PROCESS), getattr(WHOLE, name)(PROCESS)
            np.testing.assert_allclose(xp.numpy(ours(x, t)), theirs(X, t), rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(xp.numpy(ours.divergence(x, t)), theirs.divergence(X, t), rtol=1e-12)
    ours, theirs = TARGET.flow_map(PROCESS), WHOLE.flow_map(PROCESS)
    # The block of one axis is mapped by its variance, that of two in its eigenbasis.
    np.testing.assert_allclose(xp.numpy(ours(x, 0.9, 0.1)), theirs(X, 0.9, 0.1), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(xp.numpy(ours.log_det(x, 0.9, 0.1)), theirs.log_det(X, 0.9, 0.1), rtol=1e-12)
    np.testing.assert_array_equal(TARGET.mean, WHOLE.mean)
    np.testing.assert_array_equal(TARGET.covariance, WHOLE.covariance)


def test_equal_blocks_are_drawn_independently():
    pair = diffusion.Product([SECOND, SECOND])
    x = pair.sample(random.key(0), 4000, like=np.empty(0))
    assert abs(np.corrcoef(x.T)[0, 1]) < 5 / np.sqrt(4000)  # 5 standard errors


def test_members_are_checked():
    with pytest.raises(ValueError, match="Product needs at least one target"):
        diffusion.Product([])
    with pytest.raises(TypeError, match=r"targets must be targets; targets\[1\] is a float"):
        diffusion.Product([FIRST, 1.0])
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 3\); got \(5, 2\)"):
        TARGET.log_density(X[:, :2])
    assert repr(TARGET) == "Product(Gaussian(dim=2), Gaussian(dim=1))"
