"""SRA methods: strong order 3/2 measured, weak order 2 proven, all stages at their times."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath import random, sde
from diffmath.symbolic._conditions.ito_words import expectation, product
from diffmath.symbolic._conditions.srk_conditions import residuals
from diffmath.symbolic._conditions.strong_conditions import Sra, has_additive_noise
from diffmath.symbolic._conditions.weak_conditions import generate
from diffmath.testing import assert_strong_order, linear_sde, logistic_sde

METHODS = [sde.sra1, sde.sra2, sde.sra3, sde.sosra]
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)


@every_method
@pytest.mark.parametrize(
    "problem", [linear_sde(), logistic_sde(), linear_sde(t_span=(1.0, 0.0)), logistic_sde(t_span=(1.0, 0.0))],
    ids=["linear", "logistic", "linear backward", "logistic backward"],
)  # fmt: skip
def test_strong_order(method, problem):
    """On linear drifts the order is 2, because the missing term a(b, b) is zero."""
    assert_strong_order(method, problem, paths=200, halvings=4)


def test_the_order_is_not_two():
    with pytest.raises(AssertionError, match="below the claimed 2"):
        assert_strong_order(sde.sra1, logistic_sde(), order=2, paths=200, halvings=4)


def test_weak_order_two_is_proven():
    """All products of trees up to 5/2, for any number of Brownian motions, with Gaussian variables."""

    def expect(factors):
        return expectation(product(factors))

    conditions = generate(Sra(), expect, has_additive_noise)
    assert len(conditions) == 10
    for method in METHODS:
        assert method.orders["additive"].weak == 2.0
        found = residuals(conditions, method.step.tableau.coefficients)
        # sums of the printed decimals of sosra, which hold to 1e-14 each
        assert max(abs(float(residual)) for _, residual in found) <= 4 * float(method.step.tableau.tolerance)


@every_method
def test_without_noise_it_is_the_runge_kutta_method_of_its_deterministic_order(method):
    model = sde.SDE(lambda t, x: np.cos(3 * t) - x * x, lambda t, x: 0.0 * x, noise="additive")

    def run(steps):
        return sde.solve(
            model, np.ones((1, 1)), np.linspace(0, 1, steps + 1), method=method, key=random.key(0)
        ).x[-1]

    fine = run(4096)
    errors = [float(np.abs(run(n) - fine).max()) for n in (16, 32, 64, 128, 256)]
    slopes = -np.diff(np.log2(errors))
    assert slopes[-1] == pytest.approx(method.step.tableau.deterministic_order, abs=0.15)


@every_method
def test_an_integrated_brownian_motion_is_exact(method):
    """dX1 = X2 dt, dX2 = dW: the step returns I_10 = h (W/2 + H) itself."""
    model = sde.SDE(
        lambda t, x: np.stack([x[:, 1], 0.0 * x[:, 1]], axis=1),
        lambda t, x: np.broadcast_to(np.array([[0.0], [1.0]]), (len(x), 2, 1)),
        noise="additive",
        noise_dim=1,
    )
    rng = np.random.default_rng(3)
    for dt in (0.3, -0.3):
        W, H = rng.normal(size=(2, 5, 1))
        new = method.step(model, 0.0, np.zeros((5, 2)), dt, sde.Increment(dt, W, H))
        np.testing.assert_allclose(new, np.hstack([dt * (W / 2 + H), W]), atol=1e-13)  # printed decimals


@every_method
def test_the_error_estimate_is_the_distance_to_an_embedded_step(method):
    """Of strong order 1, so that it falls as h^{3/2}."""
    problem = logistic_sde()
    rng = np.random.default_rng(0)
    x, sizes = np.array([[0.3, 0.8]] * 2000), []
    z, n = rng.normal(size=(2, 2000, 2))
    for h in 0.1 / 2 ** np.arange(3, 8):
        noise = sde.Increment(h, np.sqrt(h) * z, np.sqrt(h / 12) * n)
        trial = method.attempt(problem.model, None, 0.0, x, h, noise)
        new, error = trial.x, trial.error
        np.testing.assert_allclose(new, method.step(problem.model, 0.0, x, h, noise), rtol=1e-13)
        sizes.append(np.sqrt((error**2).mean()))
    np.testing.assert_allclose(-np.diff(np.log2(sizes)), 1.5, atol=0.15)


@every_method
def test_backends_and_precision(method, xp):
    problem = linear_sde()
    x0 = np.array([[1.0, -0.5], [0.2, 0.1], [0.0, 2.0]])
    options = {"method": method, "key": random.key(4)}
    expected = sde.solve(problem.model, x0, np.linspace(0, 1, 9), **options).x
    got = sde.solve(problem.model, xp.asarray(x0), np.linspace(0, 1, 9), **options).x
    np.testing.assert_allclose(xp.numpy(got), expected, rtol=1e-12, atol=1e-12)
    single = sde.solve(problem.model, xp.asarray(x0, "float32"), np.linspace(0, 1, 9), **options).x
    assert single.dtype == xp.xp.float32
    np.testing.assert_allclose(xp.numpy(single), expected, atol=2e-5)  # some hundred roundings; beta to 18


def test_costs_and_refusals():
    assert [method.nfe(10) for method in METHODS] == [20, 20, 30, 30]
    calls = []
    model = sde.SDE(lambda t, x: -x, lambda t, x: calls.append(t) or 0.0 * x + 1.0, noise="additive")
    noise = sde.Increment(0.5, np.ones((1, 1)), np.ones((1, 1)))
    sde.sra1.step(model, 1.0, np.ones((1, 1)), 0.5, noise)
    assert sorted(calls) == [1.0, 1.5]  # one for each node
    with pytest.raises(ValueError, match="sra1 needs noise in"):
        sde.sra1.check(sde.SDE(lambda t, x: x, lambda t, x: x))
    with pytest.raises(TypeError, match=r"the noise must be an Increment with H; got array.*levy_increments"):
        sde.sra1.step(model, 0.0, np.ones((1, 1)), 0.5, np.ones((1, 1)))
