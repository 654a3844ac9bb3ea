"""Methods driven by (W, H): strong orders proven and measured for every class of noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import random, sde
from diffmath.symbolic._conditions.levy_conditions import Additive, Stratonovich
from diffmath.symbolic._conditions.levy_integrals import moment
from diffmath.symbolic._conditions.srk_conditions import residuals
from diffmath.symbolic._conditions.strong_conditions import has_additive_noise
from diffmath.symbolic._conditions.weak_conditions import generate
from diffmath.testing import assert_strong_order, curved_sde, heisenberg_sde, linear_sde, logistic_sde

ADDITIVE = [sde.sea, sde.shark]
GENERAL = [sde.general_shark, sde.spark, sde.slow_rk]
QUICK = {"paths": 200, "halvings": 4}
STRAT = {"calculus": "stratonovich"}


def names(value):
    return value.name


@pytest.mark.parametrize("method", ADDITIVE + GENERAL, ids=names)
@pytest.mark.parametrize(
    "problem", [linear_sde(), logistic_sde(), linear_sde(t_span=(1.0, 0.0))],
    ids=["linear", "logistic", "linear backward"],
)  # fmt: skip
def test_strong_order_for_additive_noise(method, problem):
    assert_strong_order(method, problem, **QUICK)


@pytest.mark.parametrize("method", GENERAL, ids=names)
@pytest.mark.parametrize(
    "problem",
    [
        *(curved_sde(noise=noise, **STRAT) for noise in ("diagonal", "scalar", "commutative")),
        curved_sde(noise="commutative", t_span=(1.0, 0.0), **STRAT),
        heisenberg_sde(**STRAT),
    ],
    ids=["diagonal", "scalar", "commutative", "commutative backward", "heisenberg"],
)
def test_strong_order_for_stratonovich_noise(method, problem):
    assert_strong_order(method, problem, **QUICK)


@pytest.mark.parametrize(
    ("method", "problem", "order"),
    [
        (sde.sea, logistic_sde(), 1.5),
        (sde.shark, logistic_sde(), 2.0),
        (sde.spark, curved_sde(noise="commutative", **STRAT), 1.5),
        (sde.general_shark, curved_sde(**STRAT), 1.5),
        (sde.slow_rk, curved_sde(noise="commutative", **STRAT), 2.0),
        (sde.slow_rk, heisenberg_sde(**STRAT), 1.0),
    ],
)
def test_no_method_has_half_an_order_more(method, problem, order):
    with pytest.raises(AssertionError, match="below the claimed"):
        assert_strong_order(method, problem, order=order, **QUICK)


def test_the_tableaux_prove_what_is_claimed():
    report = sde.slow_rk.step.tableau.report()
    assert "slow_rk, strong order 3/2 for scalar Stratonovich noise" in report
    assert "slow_rk, strong order 3/2 for additive noise" in report
    assert all(line.endswith("residual 0") for line in report.splitlines() if "residual" in line)
    assert "spark, embedded strong order 1" in sde.spark.step.tableau.report()
    assert len(sde.slow_rk.step.tableau.conditions()) == 28


@pytest.mark.parametrize("method", GENERAL, ids=names)
def test_a_wrong_sign_of_the_area_is_not_built(method):
    tableau = method.step.tableau
    wrong = dict(tableau.coefficients) | {"betaH": tuple(-1 * b for b in tableau.coefficients["betaH"])}
    with pytest.raises(ValueError, match=r"wrong claims strong order .*, but .* fails: residual"):
        sde.StratonovichTableau(
            name="wrong",
            coefficients=wrong,
            deterministic_order=2,
            order=tableau.order,
        )


def test_half_an_order_more_is_not_built():
    for method in (sde.spark, sde.general_shark, sde.sea):
        tableau = method.step.tableau
        with pytest.raises(ValueError, match="more claims strong order 3/2"):
            type(tableau)(name="more", coefficients=tableau.coefficients, deterministic_order=1)


def test_a_wrong_embedded_solution_is_not_built():
    coefficients = dict(sde.shark.step.tableau.coefficients) | {"alpha_embedded": [1, 1]}
    with pytest.raises(ValueError, match=r"claims embedded strong order 1, but 1 in a: alpha.e = 1 fails"):
        sde.AdditiveNoiseTableau(name="wrong", coefficients=coefficients, deterministic_order=2)


def test_weak_order_two_for_additive_noise_is_proven():
    """All products of trees up to 5/2 for one Brownian motion, in exact Gaussian moments of (W, H)."""

    def admissible(tree):
        colour, children = tree
        return has_additive_noise(tree) and colour < 2 and all(map(admissible, children))

    for family, methods in ((Additive(), [sde.shark]), (Stratonovich(), GENERAL)):
        conditions = generate(family, moment, admissible)
        for method in methods:
            assert method.orders["additive"].weak == 2.0
            found = residuals(conditions, method.step.tableau.coefficients)
            assert [name for name, residual in found if residual != 0] == []
    euler = dict(sde.sea.step.tableau.coefficients) | {"A0": [[0]]}
    assert any(residual != 0 for _, residual in residuals(generate(Additive(), moment, admissible), euler))


@pytest.mark.parametrize(
    ("method", "problem"),
    [(sde.shark, logistic_sde()), (sde.spark, logistic_sde()), (sde.spark, curved_sde(**STRAT))],
    ids=["shark", "spark additive", "spark diagonal"],
)
def test_the_error_estimate_falls_as_the_local_error_of_order_one(method, problem):
    rng = np.random.default_rng(0)
    x, sizes = np.array([[0.3, 0.8]] * 2000), []
    z, n = rng.normal(size=(2, 2000, 2))
    for h in 0.1 / 2 ** np.arange(5, 10):
        noise = sde.Increment(h, np.sqrt(h) * z, np.sqrt(h / 12) * n)
        trial = method.attempt(problem.model, None, 0.0, x, h, noise)
        new, error = trial.x, trial.error
        np.testing.assert_allclose(new, method.step(problem.model, 0.0, x, h, noise), rtol=1e-13)
        sizes.append(np.sqrt((error**2).mean()))
    np.testing.assert_allclose(-np.diff(np.log2(sizes)), 1.5, atol=0.15)


def test_shark_and_general_shark_agree_for_constant_additive_noise():
    problem = logistic_sde()
    options = {"times": np.linspace(0, 1, 9), "key": random.key(1)}
    x0 = np.array([[0.3, 0.8], [0.0, -1.0]])
    one, other = (sde.solve(problem.model, x0, method=m, **options).x for m in (sde.shark, sde.general_shark))
    np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("method", ADDITIVE + GENERAL, ids=names)
def test_backends_and_precision(method, xp):
    problem = linear_sde() if method in ADDITIVE else curved_sde(**STRAT)
    x0 = np.array([[1.0, -0.5], [0.2, 0.1], [0.0, 2.0]])
    options = {"method": method, "key": random.key(4)}
    expected = sde.solve(problem.model, x0, np.linspace(0, 1, 9), **options).x
    got = sde.solve(problem.model, xp.asarray(x0), np.linspace(0, 1, 9), **options).x
    np.testing.assert_allclose(xp.numpy(got), expected, rtol=1e-12, atol=1e-12)
    single = sde.solve(problem.model, xp.asarray(x0, "float32"), np.linspace(0, 1, 9), **options).x
    assert single.dtype == xp.xp.float32
    np.testing.assert_allclose(xp.numpy(single), expected, atol=1e-5)  # some fifty roundings


def test_costs_and_refusals():
    assert [method.nfe(10) for method in ADDITIVE + GENERAL] == [10, 20, 20, 30, 20]
    calls = {"drift": 0, "diffusion": 0}

    def counted(role, function):
        def call(t, x):
            calls[role] += 1
            return function(t, x)

        return call

    model = curved_sde(**STRAT).model
    wrapped = sde.SDE(counted("drift", model.drift), counted("diffusion", model.diffusion), **STRAT)
    noise = sde.Increment(0.5, np.ones((1, 2)), np.ones((1, 2)))
    for method, diffusions in zip(GENERAL, (3, 3, 5), strict=True):
        calls.update(drift=0, diffusion=0)
        method.step(wrapped, 0.0, np.ones((1, 2)), 0.5, noise)
        assert calls == {"drift": method.nfe(1), "diffusion": diffusions}
    with pytest.raises(ValueError, match="slow_rk solves SDEs in the calculus"):
        sde.slow_rk.check(curved_sde().model)
    with pytest.raises(ValueError, match="shark needs noise in"):
        sde.shark.check(model)
    for method in (sde.sea, sde.spark):
        with pytest.raises(TypeError, match="the noise must be an Increment with H"):
            method.step(model, 0.0, np.ones((1, 2)), 0.5, np.ones((1, 2)))


@given(
    method=st.sampled_from([sde.sra1, sde.sra2, sde.sra3, sde.shark, *GENERAL]),
    t=st.floats(-3.0, 3.0),
    dt=st.floats(1e-3, 2.0) | st.floats(-2.0, -1e-3),
    W=st.floats(-2.0, 2.0),
    H=st.floats(-1.0, 1.0),
    level=st.floats(-2.0, 2.0),
    rate=st.floats(-2.0, 2.0),
)  # fmt: skip
def test_noise_that_is_linear_in_time_is_integrated_exactly(method, t, dt, W, H, level, rate):
    """int (a + b s) dW = (a + b t) W + b dt (W/2 - H), wherever the method evaluates the diffusion."""
    model = sde.SDE(
        lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + (level + rate * t), noise="additive", **STRAT
    )
    noise = sde.Increment(dt, np.array([[W]]), np.array([[H]]))
    new = method.step(model, t, np.zeros((1, 1)), dt, noise)
    exact = (level + rate * t) * W + rate * dt * (W / 2 - H)
    np.testing.assert_allclose(new, [[exact]], atol=1e-13)  # a few roundings of numbers below 20
