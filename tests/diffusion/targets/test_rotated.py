"""A rotated Gaussian is the Gaussian of the rotated covariance, and so are its flow and its posterior."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath import diffusion, random

PROCESS = diffusion.vp()
TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
SHIFT = np.array([0.5, -1.0, 2.0])
INNER = diffusion.Gaussian([1.0, -2.0, 0.0], [2.0, 0.5, 0.1])
TARGET = diffusion.Rotated(INNER, TURN, SHIFT)
WHOLE = diffusion.Gaussian(TURN @ INNER.mean + SHIFT, TURN @ INNER.covariance @ TURN.T)
X = np.random.default_rng(1).normal(size=(5, 3))


def test_a_rotated_gaussian_is_one(xp):
    x, times = xp.asarray(X), np.linspace(0.1, 1.0, 5)
    for t, time in ((0.0, 0.0), (0.4, 0.4), (times, xp.asarray(times))):
        wanted = WHOLE.log_density(X, PROCESS, t)
        np.testing.assert_allclose(xp.numpy(TARGET.log_density(x, PROCESS, time)), wanted, rtol=1e-12)
        for name in ("score", "denoiser"):
            ours, theirs = getattr(TARGET, name)(PROCESS), getattr(WHOLE, name)(PROCESS)
            np.testing.assert_allclose(xp.numpy(ours(x, time)), theirs(X, t), rtol=1e-11, atol=1e-12)
            found = xp.numpy(ours.divergence(x, time))
            np.testing.assert_allclose(found, theirs.divergence(X, t), rtol=1e-11)
    ours, theirs = TARGET.flow_map(PROCESS), WHOLE.flow_map(PROCESS)
    np.testing.assert_allclose(xp.numpy(ours(x, 0.9, 0.0)), theirs(X, 0.9, 0.0), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(xp.numpy(ours.log_det(x, 0.9, 0.0)), theirs.log_det(X, 0.9, 0.0), rtol=1e-12)
    np.testing.assert_allclose(TARGET.mean, WHOLE.mean, rtol=1e-14)
    np.testing.assert_allclose(TARGET.covariance, WHOLE.covariance, rtol=1e-14)


def test_samples_are_the_rotated_samples():
    y = INNER.sample(random.key(0), 4, like=np.empty(0))
    np.testing.assert_allclose(
        TARGET.sample(random.key(0), 4, like=np.empty(0)), y @ TURN.T + SHIFT, rtol=1e-13
    )


def test_the_posterior_is_that_of_the_whole():
    H, y, noise = [[1.0, 2.0, 0.0]], [0.3], 0.5
    found, wanted = TARGET.posterior(H, y, noise), WHOLE.posterior(H, y, noise)
    np.testing.assert_allclose(found.mean, wanted.mean, rtol=1e-12)
    np.testing.assert_allclose(found.covariance, wanted.covariance, rtol=1e-11, atol=1e-13)
    assert TARGET.log_evidence(H, y, noise) == pytest.approx(WHOLE.log_evidence(H, y, noise), rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1.0, TURN), TypeError, "target must be a target; got float"),
        ((INNER, TURN[:2]), ValueError, r"rotation and shift must have shapes \(3, 3\) and \(\) or \(3,\)"),
        ((INNER, TURN, [1.0]), ValueError, r"got \(3, 3\) and \(1,\)"),
        ((INNER, 2 * TURN), ValueError, "rotation must be orthogonal; .* differs from the identity by 3"),
        ((INNER, TURN, np.inf), ValueError, "shift must be finite"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        diffusion.Rotated(*arguments)
