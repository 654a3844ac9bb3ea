"""The noised box by quadrature over the data and SciPy's normal functions, its edges and its bare density."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, truncnorm

from diffmath import diffusion

LOW, HIGH = np.array([-1.0, 0.5]), np.array([2.0, 0.75])
TARGET = diffusion.Uniform(LOW, HIGH)
PROCESS = diffusion.edm()
NODES, RULE = np.polynomial.legendre.leggauss(200)
X = np.array([[0.0, 0.6], [1.9, 0.5], [2.3, 0.9], [-4.0, 3.0], [0.4, 0.625]])


def averages(x, sigma, low, high):
    """The density at x, and the mean and variance of the data given x, by quadrature over the interval."""
    limits = (max(low, x - 20 * sigma), min(high, x + 20 * sigma))
    first, last = limits if limits[0] < limits[1] else (low, high)
    y = first + (last - first) * (0.5 + 0.5 * NODES)

    def moment(power):
        return 0.5 * (last - first) * np.sum(RULE * y**power * norm.pdf(x, y, sigma))

    mass = moment(0)
    mean = moment(1) / mass
    return mass / (high - low), mean, moment(2) / mass - mean**2


@pytest.mark.parametrize("sigma", [0.3, 2.0])
def test_density_mean_and_variance_are_integrals(sigma):
    parts = np.array([[averages(x, sigma, a, b) for x, a, b in zip(row, LOW, HIGH)] for row in X])
    # 1e-10: 200 nodes are exact to rounding, and the variance cancels.
    np.testing.assert_allclose(
        TARGET.log_density(X, PROCESS, sigma), np.log(parts[..., 0]).sum(axis=1), rtol=1e-10, atol=1e-11
    )
    denoiser = TARGET.denoiser(PROCESS)
    np.testing.assert_allclose(denoiser(X, sigma), parts[..., 1], rtol=1e-10)
    wanted = parts[..., 2].sum(axis=1) / sigma**2
    np.testing.assert_allclose(denoiser.divergence(X, sigma), wanted, rtol=1e-7)


def test_far_outside_the_data_are_at_the_edge():
    x, sigma = np.array([[50.0, 0.6]]), 0.1
    gap = 2.0 - TARGET.denoiser(PROCESS)(x, sigma)[0, 0]
    # Mills' ratio: sigma / z (1 - 2/z^2 + 10/z^4), z = 480.
    z = 480.0
    np.testing.assert_allclose(gap, sigma / z * (1 - 2 / z**2 + 10 / z**4), rtol=1e-10)
    law = truncnorm((LOW[0] - 2.2) / 0.1, (HIGH[0] - 2.2) / 0.1, loc=2.2, scale=0.1)
    np.testing.assert_allclose(
        TARGET.denoiser(PROCESS)(np.array([[2.2, 0.6]]), 0.1)[0, 0], law.mean(), rtol=1e-12
    )


def test_deep_inside_the_score_is_tiny_and_right():
    x, sigma = np.array([[0.6, 0.625]]), 0.1
    ends = [(x[0, 0] - a) / sigma for a in (LOW[0], HIGH[0])]
    wanted = (norm.pdf(ends[0]) - norm.pdf(ends[1])) / (norm.cdf(ends[0]) - norm.cdf(ends[1])) / sigma
    found = TARGET.score(PROCESS)(x, sigma)[0, 0]
    assert abs(found) < 1e-40
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_without_noise_the_density_is_the_box(xp):
    x = xp.asarray([[0.0, 0.6], [2.0, 0.75], [2.0001, 0.6], [1e200, 0.6]])
    flat = -np.log(3.0 * 0.25)
    np.testing.assert_allclose(xp.numpy(TARGET.log_density(x)), [flat, flat, -np.inf, -np.inf], rtol=1e-14)
    times = xp.asarray([0.0, 0.5, 0.0, 0.5])
    found = xp.numpy(TARGET.log_density(x, PROCESS, times))
    assert found[0] == pytest.approx(flat)
    assert found[1] == TARGET.log_density(np.array([[2.0, 0.75]]), PROCESS, 0.5)
    assert found[2] == found[3] == -np.inf  # outside, and beyond the range of float64


def test_moments():
    np.testing.assert_allclose(TARGET.mean, [0.5, 0.625], rtol=1e-15)
    np.testing.assert_allclose(TARGET.covariance, np.diag([9 / 12, 0.0625 / 12]), rtol=1e-14)
    assert TARGET.dim == 2


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        ([0.0], [0.0], r"high must be above low; low\[0\]=0.0 and high\[0\]=0.0"),
        ([0.0, 1.0], [1.0, 0.5], r"high must be above low; low\[1\]=1.0 and high\[1\]=0.5"),
        ([0.0], [1.0, 2.0], r"low and high must have one shape \(d,\); got \(1,\) and \(2,\)"),
        ([0.0], [np.inf], r"high must be finite; high\[0\] is not"),
        (0.0, 1.0, r"low must have shape \(d,\); got \(\)"),
    ],
)
def test_bad_corners_are_refused(low, high, message):
    with pytest.raises(ValueError, match=message):
        diffusion.Uniform(low, high)
