"""Steps by hand, orders by measurement: strong on shared paths, weak by exact moments."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import random, sde

KEY = random.key(11)


def geometric(mu, sigma, calculus="ito"):
    return sde.SDE(
        drift=lambda t, x: mu * x,
        diffusion=lambda t, x: sigma * x,
        diffusion_derivative=lambda t, x: 0.0 * x + sigma,
        calculus=calculus,
    )


BROWNIAN = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")


def slope(steps, errors):
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


def strong_errors(model, exact, method, times, steps):
    """Return root-mean-square errors at the last time, every step count on the same 4000 paths."""
    x0 = np.ones((4000, 1))
    W = sde.solve(BROWNIAN, 0 * x0, times, method=sde.euler_maruyama, key=KEY, substeps=steps[-1]).x[-1]
    finals = [sde.solve(model, x0, times, method=method, key=KEY, substeps=n).x[-1] for n in steps]
    return [np.sqrt(((x - exact(W)) ** 2).mean()) for x in finals]


STEPS = [2**k for k in range(4, 10)]


@pytest.mark.parametrize(
    ("method", "order"), [(sde.euler_maruyama, 0.5), (sde.milstein, 1.0)], ids=["euler_maruyama", "milstein"]
)
@pytest.mark.parametrize("times", [[0.0, 1.0], [1.0, 0.0]], ids=["forward", "backward"])
def test_strong_order_on_geometric_brownian_motion(method, order, times):
    mu, sigma = 0.5, 0.8
    direction = times[1] - times[0]
    # Backwards, dX = mu X dt + sigma X dW with dt < 0 has the drift -mu in the elapsed time 1 - t.
    errors = strong_errors(
        geometric(mu, sigma),
        lambda W: np.exp(direction * mu - sigma**2 / 2 + sigma * W),
        method,
        times,
        STEPS,
    )
    assert method.strong_order == order
    assert slope(STEPS, errors) == pytest.approx(order, abs=0.15)


def test_milstein_order_in_the_stratonovich_calculus():
    model = geometric(0.5, 0.8, "stratonovich")
    errors = strong_errors(model, lambda W: np.exp(0.5 + 0.8 * W), sde.milstein, [0.0, 1.0], STEPS)
    assert slope(STEPS, errors) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(("times", "sign"), [([0.0, 1.0], 1), ([1.0, 0.0], -1)], ids=["forward", "backward"])
def test_the_ito_drift_of_stratonovich_noise(times, sign):
    """f + g g'/2 for increasing times, f - g g'/2 for decreasing ones: step by step the same numbers."""
    strat, ito = geometric(0.5, 0.8, "stratonovich"), geometric(0.5 + sign * 0.32, 0.8)
    options = {"method": sde.milstein, "key": KEY, "substeps": 8}
    one, other = (sde.solve(m, np.ones((20, 1)), times, **options).x[-1] for m in (strat, ito))
    np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("method", [sde.euler_maruyama, sde.milstein], ids=lambda m: m.name)
def test_strong_order_one_for_additive_noise(method):
    """Nonlinear drift, against the same paths with 16 times smaller steps (its error is 1/16 of the last)."""
    model = sde.SDE(lambda t, x: x - x**3, lambda t, x: 0.0 * x + 0.7, noise="additive")
    x0 = np.linspace(-1, 1, 1000)[:, None]
    reference, *finals = (
        sde.solve(model, x0, [0.0, 1.0], method=method, key=KEY, substeps=n).x[-1] for n in (4096, *STEPS[:5])
    )
    errors = [np.sqrt(((x - reference) ** 2).mean()) for x in finals]
    assert slope(STEPS[:5], errors) == pytest.approx(method.orders["additive"].strong, abs=0.15)


@pytest.mark.parametrize("method", [sde.euler_maruyama, sde.milstein], ids=lambda m: m.name)
@pytest.mark.parametrize("power", [1, 2])
def test_weak_order_by_exact_moments(method, power):
    """E[X^p] of a linear SDE is multiplied by one factor per step: Gauss-Hermite gives it exactly."""
    mu, sigma = 0.5, 0.8
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)  # exact for polynomials of degree 15 in dW
    errors = []
    for n in STEPS:
        dW = np.sqrt(1 / n) * nodes[:, None]
        x = method.step(geometric(mu, sigma), 0.0, np.ones_like(dW), 1 / n, dW)[:, 0]
        factor = (weights * x**power).sum() / weights.sum()
        errors.append(abs(factor**n - np.exp(power * mu + sigma**2 * power * (power - 1) / 2)))
    assert slope(STEPS, errors) == pytest.approx(method.weak_order, abs=0.15)


def test_milstein_by_hand():
    x, dW, dt = np.array([[2.0]]), np.array([[0.3]]), 0.04
    ito = sde.milstein_step(geometric(0.5, 0.8), 0.0, x, dt, dW)
    stratonovich = sde.milstein_step(geometric(0.5, 0.8, "stratonovich"), 0.0, x, dt, dW)
    # x + mu x dt + sigma x dW + sigma^2 x (dW^2 - dt) / 2 = 2 + 0.04 + 0.48 + 0.64 (0.09 - 0.04)
    np.testing.assert_allclose(ito, [[2.552]], rtol=1e-15)
    np.testing.assert_allclose(stratonovich, [[2.552 + 0.64 * 0.04]], rtol=1e-15)
    backward = sde.milstein_step(geometric(0.5, 0.8), 0.0, x, -dt, dW)
    np.testing.assert_allclose(backward, [[2.552 - 0.08]], rtol=1e-15)


def test_matrix_noise_multiplies_per_row(xp):
    matrices = xp.asarray(np.arange(12.0).reshape(2, 2, 3))
    dW = xp.asarray([[1.0, 0.0, -1.0], [0.5, 0.5, 0.5]])
    model = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: matrices, noise="general", noise_dim=3)
    got = sde.euler_maruyama_step(model, 0.0, xp.asarray(np.zeros((2, 2))), 0.1, dW)
    expected = np.einsum("bij,bj->bi", np.arange(12.0).reshape(2, 2, 3), xp.numpy(dW))
    np.testing.assert_allclose(xp.numpy(got), expected, rtol=1e-15)


@pytest.mark.parametrize("method", [sde.euler_maruyama, sde.milstein], ids=lambda m: m.name)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_keeps_library_device_and_precision(xp, method, dtype):
    x = xp.asarray([[1.0, -0.5]], dtype)
    dW = xp.asarray([[0.2, 0.1]], dtype)
    before = xp.numpy(x).copy()
    got = method.step(geometric(0.5, 0.8), 0.0, x, 0.1, dW)
    assert got.dtype == x.dtype
    host = method.step(
        geometric(0.5, 0.8), 0.0, before.astype(np.float64), 0.1, xp.numpy(dW).astype(np.float64)
    )
    np.testing.assert_allclose(xp.numpy(got), host, rtol=1e-6 if dtype == "float32" else 1e-15)
    np.testing.assert_array_equal(xp.numpy(x), before)


@given(
    x=st.floats(-3, 3), dW=st.floats(-1, 1), dt=st.floats(-0.5, 0.5), f=st.floats(-2, 2), g=st.floats(0, 2)
)
def test_constant_coefficients_are_solved_exactly_by_both(x, dW, dt, f, g):
    model = sde.SDE(
        lambda t, y: 0.0 * y + f, lambda t, y: 0.0 * y + g, diffusion_derivative=lambda t, y: 0.0 * y
    )
    state, noise = np.array([[x]]), np.array([[dW]])
    exact = x + f * dt + g * dW
    for step in (sde.euler_maruyama_step, sde.milstein_step):
        assert step(model, 0.0, state, dt, noise)[0, 0] == pytest.approx(exact, abs=1e-14)


@pytest.mark.parametrize(
    ("method", "model", "error", "match"),
    [
        (sde.milstein, sde.SDE(lambda t, x: x, lambda t, x: x), TypeError, "needs diffusion_derivative"),
        (sde.milstein, sde.SDE(lambda t, x: x, lambda t, x: x, noise="general"), ValueError, "milstein_levy"),
        (sde.milstein, sde.SDE(lambda t, x: x, lambda t, x: x, noise="scalar"), TypeError, "derivative_free"),
        (sde.euler_maruyama, geometric(1, 1, "stratonovich"), ValueError, "got 'stratonovich'.*to_ito"),
    ],
)  # fmt: skip
def test_models_for_which_the_order_would_not_hold_are_refused(method, model, error, match):
    with pytest.raises(error, match=match):
        method.check(model)


def test_the_calculi_agree_for_additive_noise():
    sde.euler_maruyama.check(
        sde.SDE(lambda t, x: x, lambda t, x: x, noise="additive", calculus="stratonovich")
    )


def test_methods_are_data():
    assert sde.milstein.nfe(200) == 200
    assert repr(sde.euler_maruyama) == "Method(euler_maruyama, diagonal: strong 0.5, weak 1)"
    assert pickle.loads(pickle.dumps(sde.milstein)) == sde.milstein
    assert len({sde.milstein, sde.euler_maruyama}) == 2
    with pytest.raises(AttributeError):
        sde.milstein.name = "other"
