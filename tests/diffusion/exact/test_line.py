"""Mixtures on a line against SciPy, with steps where a component has no width."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from diffmath.diffusion._exact import LineMixture

LAW = LineMixture(np.array([0.3, 0.7]), np.array([-1.0, 2.0]), np.array([0.5, 1.5]))


def test_cdf_and_density_are_scipys():
    z = np.linspace(-4, 6, 12)
    parts = [norm(-1.0, 0.5), norm(2.0, 1.5)]
    np.testing.assert_allclose(
        LAW(z.reshape(3, 4)).ravel(), 0.3 * parts[0].cdf(z) + 0.7 * parts[1].cdf(z), 1e-14
    )
    density = 0.3 * parts[0].pdf(z) + 0.7 * parts[1].pdf(z)
    np.testing.assert_allclose(LAW.log_density(z), np.log(density), rtol=1e-13)


def test_a_component_without_width_is_a_step():
    law = LineMixture(np.array([0.5, 0.5]), np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    np.testing.assert_allclose(
        law([-1e-9, 0.0, 1.0]), [0.5 * norm.cdf(-1), 0.5 + 0.5 * norm.cdf(-1), 0.75], 1e-8
    )


def test_chunks_change_nothing(monkeypatch):
    z = np.linspace(-4, 6, 25)
    whole = LAW(z)
    monkeypatch.setattr("diffmath.diffusion._exact.roots.CHUNK", 6)
    np.testing.assert_array_equal(LAW(z), whole)


def test_values_on_a_device_are_refused(xp):
    if "numpy" in xp.name:
        pytest.skip("NumPy's arrays are host numbers")
    with pytest.raises(TypeError, match="z must be a list or a NumPy array of host numbers"):
        LAW(xp.asarray([0.0]))
