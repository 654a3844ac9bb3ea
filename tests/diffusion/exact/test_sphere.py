"""Averages over the sphere against Bessel functions in 40 digits of mpmath."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from diffmath.diffusion._exact import MOST_DIM, SphereAverage

KAPPA = [1e-8, 0.1, 2.0, 20.0, 30.0, 1e3, 1e8]


@pytest.mark.parametrize("dim", [2, 3, 8, MOST_DIM])
def test_bessel_functions_of_every_argument(dim, xp):
    average = SphereAverage(xp.xp, xp.asarray(KAPPA), dim)
    mean, slope, deficit = (
        xp.numpy(part) for part in (average.log_mean(), average.slope(), average.deficit())
    )
    with mp.workdps(40):
        order = mp.mpf(dim) / 2 - 1
        for i, kappa in enumerate(map(mp.mpf, KAPPA)):
            bessel = mp.besseli(order, kappa)
            ratio = mp.besseli(order + 1, kappa) / bessel
            wanted = mp.log(mp.gamma(order + 1) * (2 / kappa) ** order * bessel) - kappa
            # The power of a sine, 30 at most, rounds by as many eps.
            assert abs(mean[i] - wanted) < 1e-14 * max(abs(wanted), 1)
            assert abs(slope[i] * kappa / ratio - 1) < 2e-15
            assert abs(deficit[i] / (1 - ratio) - 1) < 2e-15


@pytest.mark.parametrize("dim", [2, 5])
def test_the_ends(dim):
    for dtype in (np.float32, np.float64):
        average = SphereAverage(np, np.array([0.0, np.finfo(dtype).max, np.inf], dtype=dtype), dim)
        eps = 4 * np.finfo(dtype).eps
        np.testing.assert_allclose(average.log_mean()[0], 0.0, atol=eps)
        np.testing.assert_allclose(average.slope()[0], 1 / dim, rtol=eps)
        np.testing.assert_allclose(average.deficit(), [1.0, 0.0, 0.0], rtol=eps, atol=1e-20)
        assert np.all(np.isfinite(average.log_mean()))
