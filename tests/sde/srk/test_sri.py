"""SRI methods: strong order 3/2 measured; their weak order is 3/2 and not 2, as an exact moment shows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from diffmath import random, sde
from diffmath.symbolic._conditions.ito_words import expectation, product
from diffmath.symbolic._conditions.srk_conditions import residuals
from diffmath.symbolic._conditions.strong_conditions import Sri
from diffmath.symbolic._conditions.weak_conditions import _compare, expand
from diffmath.testing import assert_strong_order, curved_sde, geometric_sde

METHODS = [sde.sriw1, sde.sriw2, sde.sosri]
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)


@every_method
@pytest.mark.parametrize(
    "problem",
    [
        curved_sde(),
        curved_sde(noise="scalar"),
        curved_sde(t_span=(1.0, 0.0)),
        curved_sde(noise="scalar", t_span=(1.0, 0.0)),
        geometric_sde(),
    ],
    ids=["diagonal", "scalar", "diagonal backward", "scalar backward", "geometric"],
)
def test_strong_order(method, problem):
    assert_strong_order(method, problem, paths=200, halvings=4)


def test_the_order_is_not_two():
    with pytest.raises(AssertionError, match="below the claimed 2"):
        assert_strong_order(sde.sriw1, curved_sde(), order=2, paths=200, halvings=4)


@every_method
def test_weak_order_two_fails_at_one_moment(method):
    """E[W Phi(b(b,b,b))], of order h^{5/2}, is not zero as E[W phi] is: the factor sqrt(h) has a sign."""

    def expect(factors):
        return expectation(product(factors))

    leaf = (1, ())
    forest = (leaf, (1, (leaf, leaf, leaf)))
    condition = _compare([list(expand(Sri(), tree)) for tree in forest], forest, expect)
    ((_, residual),) = residuals([condition], method.step.tableau.coefficients)
    assert condition.target == 0
    assert abs(float(residual)) >= 0.25
    assert method.orders["diagonal"] == (1.5, 1.5)
    if method is sde.sriw1:
        assert residual == Fraction(-1, 4)


@every_method
def test_without_noise_it_has_its_deterministic_order(method):
    model = sde.SDE(lambda t, x: np.cos(3 * t) - x * x, lambda t, x: 0.0 * x)

    def run(steps):
        return sde.solve(
            model, np.ones((1, 1)), np.linspace(0, 1, steps + 1), method=method, key=random.key(0)
        ).x[-1]

    fine = run(4096)
    errors = [float(np.abs(run(n) - fine).max()) for n in (16, 32, 64, 128, 256)]
    order = method.step.tableau.deterministic_order
    slope = -np.diff(np.log2(errors))[-1]
    # The leading error of sosri is so small that these steps still see the next one.
    assert slope > order - 0.15 if method is sde.sosri else slope == pytest.approx(order, abs=0.15)


@every_method
def test_the_error_estimate_is_the_distance_to_an_embedded_step(method):
    problem = curved_sde()
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
    problem = curved_sde()
    x0 = np.array([[1.0, -0.5], [0.2, 0.1], [0.0, 2.0]])
    options = {"method": method, "key": random.key(4)}
    expected = sde.solve(problem.model, x0, np.linspace(0, 1, 9), **options).x
    got = sde.solve(problem.model, xp.asarray(x0), np.linspace(0, 1, 9), **options).x
    np.testing.assert_allclose(xp.numpy(got), expected, rtol=1e-12, atol=1e-12)
    single = sde.solve(problem.model, xp.asarray(x0, "float32"), np.linspace(0, 1, 9), **options).x
    assert single.dtype == xp.xp.float32
    np.testing.assert_allclose(xp.numpy(single), expected, atol=2e-5)  # some hundred roundings


def test_costs_and_refusals():
    assert [method.nfe(10) for method in METHODS] == [20, 30, 40]
    calls = {"drift": 0, "diffusion": 0}

    def counted(role, function):
        def call(t, x):
            calls[role] += 1
            return function(t, x)

        return call

    model = curved_sde().model
    wrapped = sde.SDE(counted("drift", model.drift), counted("diffusion", model.diffusion))
    noise = sde.Increment(0.5, np.ones((1, 2)), np.ones((1, 2)))
    for method in METHODS:
        calls.update(drift=0, diffusion=0)
        method.step(wrapped, 0.0, np.ones((1, 2)), 0.5, noise)
        assert calls == {"drift": method.nfe(1), "diffusion": 4}
    with pytest.raises(ValueError, match="sriw1 needs noise in"):
        sde.sriw1.check(curved_sde(noise="commutative").model)
    with pytest.raises(ValueError, match="sriw1 solves SDEs in the calculus"):
        sde.sriw1.check(curved_sde(calculus="stratonovich").model)
    with pytest.raises(TypeError, match="the noise must be an Increment with H"):
        sde.sriw1.step(model, 0.0, np.ones((1, 2)), 0.5, np.ones((1, 2)))
