"""Samples of a transition have its mean and covariance, and one noise for one key."""

from __future__ import annotations

import numpy as np
from scipy.stats import kstest, norm

from diffmath import diffusion, random


def test_samples_follow_the_law(xp):
    target = diffusion.Gaussian([1.0, -2.0], [[2.0, 0.5], [0.5, 0.4]])
    x = xp.asarray(np.tile([0.3, 1.0], (4000, 1)))
    law = target.transition(diffusion.vp(), x, 0.8, 0.3)
    drawn = xp.numpy(law.sample(random.key(0)))
    mean = xp.numpy(law.mean)[0]
    for u in ([1.0, 0.0], [1.0, -2.0]):
        width = np.sqrt(np.array(u) @ law.covariance @ np.array(u))
        assert kstest((drawn - mean) @ u / width, norm.cdf).pvalue > 1e-6  # the false-positive rate
    few = target.transition(diffusion.vp(), x[:3, :], 0.8, 0.3)
    np.testing.assert_array_equal(xp.numpy(few.sample(random.key(0))), drawn[:3])
    assert few.sample(random.key(0)).dtype == x.dtype


def test_without_variance_the_mean_is_drawn():
    law = diffusion.Transition(np.ones((2, 3)), np.zeros(3))
    np.testing.assert_array_equal(law.sample(random.key(0)), np.ones((2, 3)))
    np.testing.assert_array_equal(law.covariance, np.zeros((3, 3)))
    assert repr(law) == "Transition(batch=2, dim=3)"
