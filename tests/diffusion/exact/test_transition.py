"""Transition laws against the moment equations of the SDE, solved by DOP853, and against Bayes' rule."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from diffmath import diffusion
from diffmath.diffusion._exact import transition_factors

VARIANCES = np.array([0.0, 0.3, 4.0])


def moments(process, c, s, t, tau):
    """Integrate gap' = (f + a/V) gap and P' = 2 (f + a/V) P +- tau^2 g^2, from the SDE itself."""
    sign = 1 if t < s else -1  # the direction of time

    def rates(time, state):
        (alpha, sigma), (f, g2) = process.marginal(time), process.coefficients(time)
        pull = f + (1 + sign * tau**2) / 2 * g2 / (alpha**2 * c + sigma**2)
        return [pull * state[0], 2 * pull * state[1] - sign * tau**2 * g2]

    return solve_ivp(rates, (s, t), [1.0, 0.0], method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("process", [diffusion.vp(), diffusion.flow(), diffusion.edm()], ids=lambda p: p.name)
def test_the_moments_solve_their_equations(process, tau):
    high, low = 0.6 * process.t_max, 0.2 * process.t_max
    for s, t in ((high, low), (low, high)):
        factor, variance = transition_factors(VARIANCES, process.marginal(s), process.marginal(t), tau)
        for i, c in enumerate(VARIANCES):
            wanted = moments(process, c, s, t, tau)
            scale = max(1.0, wanted[1])
            # 1e-9: the tolerance of the reference, amplified where the gap grows.
            np.testing.assert_allclose([factor[i], variance[i]], wanted, rtol=1e-9, atol=1e-11 * scale)


def test_tau_1_is_bayes_towards_data_and_the_process_towards_noise():
    (a, u), (b, v) = start, end = (0.5, 0.8), (0.9, 0.3)
    c = np.array([0.7])
    # x_s = k x_t + noise of variance q is the forward process; its joint law with x_t gives x_t given x_s.
    k = a / b
    q = u**2 - k**2 * v**2
    v_t, v_s = b**2 * c + v**2, a**2 * c + u**2
    factor, variance = transition_factors(c, start, end, 1.0)
    np.testing.assert_allclose(factor, k * v_t / v_s, rtol=1e-14)
    np.testing.assert_allclose(variance, v_t * q / v_s, rtol=1e-14)
    factor, variance = transition_factors(c, end, start, 1.0)
    np.testing.assert_allclose([factor[0], variance[0]], [k, q], rtol=1e-14)


def test_ends_where_alpha_or_sigma_is_0():
    c = np.array([0.0, 2.0])
    for tau in (0.5, 1.0):
        factor, variance = transition_factors(c, (0.0, 1.0), (1.0, 0.0), tau)
        np.testing.assert_array_equal(factor, [0.0, 0.0])  # pure noise is forgotten
        np.testing.assert_array_equal(variance, c)
        factor, variance = transition_factors(np.array([2.0]), (1.0, 0.0), (0.0, 1.0), tau)
        np.testing.assert_array_equal([factor[0], variance[0]], [0.0, 1.0])
    factor, variance = transition_factors(c, (0.0, 1.0), (1.0, 0.0), 0.0)
    np.testing.assert_allclose(factor, np.sqrt(c), rtol=1e-15)
    np.testing.assert_array_equal(variance, [0.0, 0.0])


def test_short_steps_keep_the_variance():
    # x = sigma of edm: the variance of the forward step is sigma_t^2 - sigma_s^2, here 2e-9.
    h = 2.0**-30
    variance = transition_factors(np.array([5.0]), (1.0, 1.0), (1.0, 1.0 + h), 1.0)[1]
    np.testing.assert_allclose(variance, 2 * h + h * h, rtol=1e-14)


def test_no_step_is_the_identity():
    for marginal in ((0.5, 0.8), (0.0, 1.0)):
        factor, variance = transition_factors(VARIANCES[1:], marginal, marginal, 1.0)
        np.testing.assert_array_equal(factor, 1.0)
        np.testing.assert_array_equal(variance, 0.0)
