"""Bayes' rule for Gaussians: against the joint law, with no noise and with a singular covariance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from diffmath.diffusion._exact import Measurement, posterior_weights

C = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.4]])
MEANS = np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0]])
H = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]])
Y = np.array([0.3, -1.0])


@pytest.mark.parametrize("noise", [0.3, [0.1, 0.5], [[0.3, 0.1], [0.1, 0.2]]])
def test_the_posterior_in_information_form(noise):
    measurement = Measurement.checked(H, Y, noise, 3)
    r = measurement.noise
    means, covariance, log_density = measurement.update(MEANS, C)
    precision = np.linalg.inv(C) + H.T @ np.linalg.inv(r) @ H
    np.testing.assert_allclose(covariance, np.linalg.inv(precision), rtol=1e-12, atol=1e-14)
    for i, m in enumerate(MEANS):
        wanted = np.linalg.solve(precision, np.linalg.solve(C, m) + H.T @ np.linalg.solve(r, Y))
        np.testing.assert_allclose(means[i], wanted, rtol=1e-12)
        law = multivariate_normal(H @ m, H @ C @ H.T + r)
        np.testing.assert_allclose(log_density[i], law.logpdf(Y), rtol=1e-12)


def test_exact_measurements_leave_no_variance_where_they_look():
    means, covariance, _ = Measurement.checked([[1.0, 0.0, 0.0]], [5.0], 0.0, 3).update(MEANS, C)
    np.testing.assert_allclose(means[:, 0], 5.0, rtol=1e-15)
    np.testing.assert_allclose(covariance[0], 0.0, atol=1e-16)
    np.testing.assert_allclose(covariance[1:, 1:], C[1:, 1:] - np.outer(C[0, 1:], C[0, 1:]) / 2, rtol=1e-14)


def test_weights_are_those_of_bayes_and_may_vanish():
    weights, total = posterior_weights(np.log([0.25, 0.75]), np.log([0.4, 0.2]))
    np.testing.assert_allclose(weights, [0.4, 0.6], rtol=1e-15)
    np.testing.assert_allclose(total, np.log(0.25), rtol=1e-14)
    weights, total = posterior_weights(np.log([0.5, 0.5]), np.array([-1e5, -2e5]))
    np.testing.assert_array_equal(weights, [1.0, 0.0])
    assert total == pytest.approx(-1e5 - np.log(2))


def test_coordinates_move_with_the_data():
    q, b = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0], np.array([1.0, 2.0, 3.0])
    moved = Measurement.checked(H, Y, 0.3, 3).moved(b, q)
    y = np.array([0.2, -0.4, 0.9])
    np.testing.assert_allclose(moved.H @ y - moved.y, H @ (q @ y + b) - Y, rtol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((H, Y, -0.1), ValueError, "noise must be positive semi-definite; the least eigenvalue is -0.1"),
        ((H, Y, [[1.0, 0.5], [0.0, 1.0]]), ValueError, "noise must be symmetric"),
        ((H, Y[:1], 0.1), ValueError, r"got \(2, 3\), \(1,\) and \(\)"),
        ((H[:, :2], Y, 0.1), ValueError, r"H, y and noise must have shapes \(m, 3\), \(m,\) and"),
        ((H, Y, [0.1]), ValueError, r"got \(2, 3\), \(2,\) and \(1,\)"),
        ((H[0], Y, 0.1), ValueError, r"H must have shape \(m, dim\); got \(3,\)"),
        ((H, [np.nan, 0.0], 0.1), ValueError, r"y must be finite; y\[0\] is not"),
        ((H, ["a", "b"], 0.1), TypeError, "y must be host numbers"),
    ],
)
def test_bad_measurements_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Measurement.checked(*arguments, 3)


def test_measurements_without_a_density_are_refused():
    twice = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    for c in (C, np.zeros((3, 3))):
        with pytest.raises(ValueError, match=r"H C H\^T \+ noise is singular or not positive"):
            Measurement.checked(twice, Y, 0.0, 3).update(MEANS, c)
