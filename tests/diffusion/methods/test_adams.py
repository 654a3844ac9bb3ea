"""The exponential-Adams weights are the integrals they stand for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from diffmath import diffusion
from diffmath.diffusion._methods.adams import adams_step, adams_weights

PROCESS = diffusion.vp()


def _integral(H: float, polynomial: np.polynomial.Polynomial) -> float:
    return float(quad(lambda w: H * math.exp(-H * (1 - w)) * polynomial(w), 0, 1, epsabs=0, epsrel=1e-13)[0])


@pytest.mark.parametrize("H", [1e-6, 0.01, 0.7, 3.0, 40.0, -0.5])
@pytest.mark.parametrize("nodes", [[], [-1.0], [-0.4], [-1.0, -2.5], [-0.3, -1.0, -1.7]])
def test_weights_integrate_polynomials_of_degree_below_the_order_exactly(
    H: float, nodes: list[float]
) -> None:
    weights = adams_weights(H, nodes)
    for degree in range(len(nodes) + 1):
        monomial = np.polynomial.Polynomial([0.0] * degree + [1.0])
        quadrature = sum(b * monomial(w) for b, w in zip(weights, [0.0, *nodes]))
        # 1e-12: quad's own tolerance, times the condition of the Vandermonde matrix of close nodes.
        assert math.isclose(quadrature, _integral(H, monomial), rel_tol=1e-11, abs_tol=1e-13 * abs(H))
    beyond = np.polynomial.Polynomial([0.0] * (len(nodes) + 1) + [1.0])
    quadrature = sum(b * beyond(w) for b, w in zip(weights, [0.0, *nodes]))
    assert abs(quadrature - _integral(H, beyond)) > 1e-4 * abs(_integral(H, beyond))


@given(H=st.floats(1e-8, 50), node=st.floats(-20, -0.05), midpoint=st.booleans())
def test_weights_sum_to_the_decay_so_that_constants_are_exact(H: float, node: float, midpoint: bool) -> None:
    weights = adams_weights(H, [node], midpoint=midpoint)
    # Two roundings of numbers as large as the weights.
    assert abs(math.fsum(weights) + math.expm1(-H)) <= 2.3e-16 * max(map(abs, weights))


def test_midpoint_is_the_published_weight() -> None:
    h, r0 = 0.3, 0.8
    b0, b1 = adams_weights(h, [-r0], midpoint=True)
    assert math.isclose(b0, -math.expm1(-h) * (1 + 1 / (2 * r0)))
    assert math.isclose(b1, math.expm1(-h) / (2 * r0))


def test_step_matches_the_formula_of_the_reverse_sde() -> None:
    s, t = 0.5, 0.4
    (_, sigma_s), (alpha, sigma) = PROCESS.marginal(s), PROCESS.marginal(t)
    h = PROCESS.log_snr(t) - PROCESS.log_snr(s)
    step = adams_step(PROCESS, [s, t], 0, order=2, tau=1.0)
    assert math.isclose(step.decay, sigma / sigma_s * math.exp(-h), rel_tol=1e-14)
    assert math.isclose(step.weights[0], alpha * (1 - math.exp(-2 * h)), rel_tol=1e-13)
    assert math.isclose(step.noise, sigma * math.sqrt(1 - math.exp(-2 * h)), rel_tol=1e-13)
    # The linear step keeps x = alpha x0 + sigma eps a sample of the marginal: variances add up.
    assert math.isclose((step.decay * sigma_s) ** 2 + step.noise**2, sigma**2, rel_tol=1e-14)


def test_history_grows_to_the_order_and_is_dropped_at_sigma_zero() -> None:
    times = [1.0, 0.7, 0.4, 0.1, 0.0]
    assert [len(adams_step(PROCESS, times, n, order=3).weights) for n in range(4)] == [1, 2, 3, 1]
    last = adams_step(PROCESS, times, 3, order=3, tau=1.0)
    assert (last.decay, last.weights, last.noise) == (0.0, (1.0,), 0.0)


def test_an_infinite_first_step_leaves_no_trace_in_the_history() -> None:
    """alpha(1) = 0, as in flow matching: the log-SNR starts at minus infinity."""
    flow = diffusion.Process(
        alpha=lambda t: 1 - t,
        sigma=lambda t: t,
        f=lambda t: -1 / (1 - t) if t < 1 else -math.inf,
        g2=lambda t: 2 * t / (1 - t) if t < 1 else math.inf,
        log_snr=lambda t: math.log((1 - t) / t) if t < 1 else -math.inf,
        time_of_log_snr=lambda lam: 1 / (1 + math.exp(lam)),
        t_min=1e-3,
        t_max=1.0,
        name="flow",
    )
    first = adams_step(flow, [1.0, 0.6, 0.3], 0, order=2)
    assert (first.decay, first.weights) == (0.6, (0.4,))
    assert len(adams_step(flow, [1.0, 0.6, 0.3], 1, order=2).weights) == 1
    second = adams_step(flow, [1.0, 0.6, 0.3], 1, order=2, tau=1.0)
    assert math.isclose((second.decay * 0.6) ** 2 + second.noise**2, 0.09, rel_tol=1e-14)
