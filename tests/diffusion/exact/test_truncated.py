"""Truncated normals in 60 digits of mpmath: narrow and wide intervals, around 0 and far in a tail."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from diffmath.diffusion._exact import TruncatedNormal

WIDTHS = [1e-6, 0.1, 2.0, 17.0, 1e4]
# As targets compute: the branch that is not taken may divide by 0.
QUIET = pytest.mark.filterwarnings("ignore::RuntimeWarning")
MIDDLES = [0.0, 1e-3, 0.7, 5.0, 100.0, 1e5]


def exact(middle, width):
    """Return mass over width, mean and variance less 1 of z, and the mean and variance of its position."""
    near, far = mp.mpf(middle) - mp.mpf(width) / 2, mp.mpf(middle) + mp.mpf(width) / 2
    mass = (mp.erfc(near / mp.sqrt(2)) - mp.erfc(far / mp.sqrt(2))) / 2
    low, high = mp.npdf(near), mp.npdf(far)
    mean = (low - high) / mass
    excess = (near * low - far * high) / mass - mean**2
    return mp.log(mass / width), mean, excess, (mean - near) / width, (excess + 1) / mp.mpf(width) ** 2


@pytest.mark.parametrize("width", WIDTHS)
def test_the_moments_keep_their_relative_accuracy(width, xp):
    # The middle of the interval is given, so the near end must be it exactly.
    middles = np.array([m for m in MIDDLES if (m - width / 2) + width / 2 == m])
    law = TruncatedNormal(
        xp.xp, xp.asarray(middles - width / 2), xp.asarray(middles), xp.asarray(np.full(len(middles), width))
    )
    names = ("log_mass", "mean", "excess_variance", "position", "spread")
    found = np.stack([xp.numpy(getattr(law, name)()) for name in names], axis=1)
    with mp.workdps(60):
        for i, middle in enumerate(middles):
            for name, ours, wanted in zip(names, found[i], exact(middle, width)):
                # 2e-14: eps times the exponent of 40 at the cut; below the range of float64 it is 0.
                if abs(wanted) > 1e-300:
                    scale = max(abs(wanted), 1) if name == "log_mass" else abs(wanted)
                    assert abs(ours - wanted) < 2e-14 * scale, (name, middle)
                else:
                    assert abs(ours) < 1e-300, (name, middle)


@QUIET
def test_without_width_the_law_is_a_point_and_the_position_uniform():
    z = np.array([0.0, 2.0, 1e3])
    law = TruncatedNormal(np, z, z, np.zeros(3))
    np.testing.assert_allclose(law.log_mass(), -0.5 * z**2 - 0.5 * np.log(2 * np.pi), rtol=1e-15)
    np.testing.assert_allclose(law.mean(), z, rtol=1e-15)
    np.testing.assert_allclose(law.position(), 0.5, rtol=1e-15)
    np.testing.assert_allclose(law.spread(), 1 / 12, rtol=1e-14)
    np.testing.assert_allclose(law.excess_variance(), -1.0, rtol=1e-15)


@QUIET
def test_nothing_is_nan_however_far(xp):
    for dtype in ("float32", "float64"):
        far = np.finfo(dtype).max * np.array([1e-30, 1e-12, 1e-3, 1.0])
        width = xp.asarray(np.full(4, 0.5), dtype)
        law = TruncatedNormal(xp.xp, xp.asarray(far, dtype), xp.asarray(far, dtype), width)
        for name in ("mean", "position", "spread", "excess_variance"):
            assert np.all(np.isfinite(xp.numpy(getattr(law, name)()))), name
        assert np.all(xp.numpy(law.log_mass()) < -1e3)
