"""`assert_strong_order` passes correct methods and rejects wrong ones: sign, calculus, time, area, claim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diffmath import random, sde
from diffmath.testing import (
    SDEProblem,
    assert_strong_order,
    curved_sde,
    geometric_sde,
    heisenberg_sde,
    linear_sde,
    logistic_sde,
    measure_strong_order,
)

STRATONOVICH = curved_sde(calculus="stratonovich")
QUICK = {"paths": 200, "halvings": 4}


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        (sde.euler_maruyama, curved_sde(noise="commutative")),
        (sde.euler_maruyama, heisenberg_sde()),
        (sde.euler_maruyama, linear_sde()),
        (sde.euler_maruyama, logistic_sde(t_span=(1.0, 0.0))),
        (sde.milstein, curved_sde(calculus="stratonovich")),
        (sde.milstein, curved_sde(t_span=(1.0, 0.0))),
        (sde.milstein, curved_sde(calculus="stratonovich", t_span=(1.0, 0.0))),
        (sde.milstein, geometric_sde()),
    ],
    ids=lambda value: value.name,
)
def test_correct_methods_pass(method, problem):
    assert_strong_order(method, problem, two_sided=True, **QUICK)


def changed(step, orders, **fields):
    return sde.Method("changed", step, orders, **fields)


def flipped_milstein(model, t, x, dt, dW):
    """The sign of the correction that RKMilGeneral had for years is one such error."""
    wrong = replace(model, diffusion_derivative=lambda t, x: -model.diffusion_derivative(t, x))
    return sde.milstein_step(wrong, t, x, dt, dW)


def ito_milstein(model, t, x, dt, dW):
    return sde.milstein_step(replace(model, calculus="ito"), t, x, dt, dW)


def stuck_clock(model, t, x, dt, dW):
    return sde.euler_maruyama_step(model, 0.0, x, dt, dW)


def mixed_up(model, t, x, dt, dW):
    """Rows and columns of the diffusion exchanged."""
    return x + dt * model.drift(t, x) + np.einsum("bij,bi->bj", model.diffusion(t, x), dW)


def heisenberg_step(sign):
    def step(model, t, x, dt, noise):
        """Milstein with Levy areas on the group itself, where the bracket is (0, 0, 1)."""
        euler = sde.euler_maruyama_step(model, t, x, dt, noise.W)
        return euler + sign * noise.A[:, :1, 1] * np.array([0.0, 0.0, 1.0])

    return changed(step, {"general": (1.0, 1.0)}, increments=sde.levy_increments("A"))


@pytest.mark.parametrize(
    ("method", "problem", "order"),
    [
        (sde.euler_maruyama, curved_sde(), 1.0),
        (sde.euler_maruyama, curved_sde(noise="scalar"), 1.0),
        (sde.euler_maruyama, geometric_sde(), 1.0),
        (sde.euler_maruyama, linear_sde(), 1.5),
        (sde.milstein, curved_sde(), 1.5),
        (changed(flipped_milstein, {"diagonal": (1.0, 1.0)}), curved_sde(), None),
        (changed(flipped_milstein, {"diagonal": (1.0, 1.0)}), geometric_sde(), None),
        (changed(sde.euler_maruyama_step, {"diagonal": (0.5, 1.0)}), STRATONOVICH, None),
        (changed(stuck_clock, {"additive": (1.0, 1.0)}), linear_sde(), None),
        (changed(mixed_up, {"commutative": (0.5, 1.0)}), curved_sde(noise="commutative"), None),
        (heisenberg_step(-1.0), heisenberg_sde(curvature=0.0), None),
        (heisenberg_step(0.0), heisenberg_sde(curvature=0.0), None),
    ],
)  # fmt: skip
def test_wrong_methods_are_rejected(method, problem, order):
    with pytest.raises(AssertionError, match=r"below the claimed .* on SDEProblem\((.|\n)*steps"):
        assert_strong_order(method, problem, order=order, **QUICK)


def test_the_right_area_passes():
    assert_strong_order(heisenberg_step(1.0), heisenberg_sde(curvature=0.0), two_sided=True, **QUICK)


def test_a_higher_order_is_refused_when_asked():
    assert_strong_order(sde.milstein, curved_sde(), order=0.5, **QUICK)
    with pytest.raises(AssertionError, match=r"above the claimed 0\.5"):
        assert_strong_order(sde.milstein, curved_sde(), order=0.5, two_sided=True, **QUICK)


def test_without_exact_solution_runs_are_compared_with_each_other():
    """The order is the order of convergence; a wrong limit is not detected, as the docstring says."""
    problem = replace(curved_sde(), exact=None)
    assert_strong_order(sde.milstein, problem, two_sided=True, **QUICK)
    with pytest.raises(AssertionError, match="below the claimed 1 "):
        assert_strong_order(changed(flipped_milstein, {"diagonal": (1.0, 1.0)}), problem, **QUICK)
    wrong_limit = changed(ito_milstein, {"diagonal": (1.0, 1.0)})
    assert_strong_order(wrong_limit, replace(STRATONOVICH, exact=None), **QUICK)
    with pytest.raises(AssertionError, match="below the claimed"):
        assert_strong_order(wrong_limit, STRATONOVICH, **QUICK)


def test_exact_and_exploding_methods():
    exact = changed(lambda model, t, x, dt, dW: x + dW, {"additive": (1.0, 1.0)})
    brownian = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    problem = SDEProblem(brownian, [0.0], (0.0, 1.0), lambda increments: sum(i.W for i in increments))
    assert measure_strong_order(exact, problem, **QUICK).order == np.inf
    assert_strong_order(exact, problem, order=3, **QUICK)
    wild = changed(lambda model, t, x, dt, dW: 1e30 * (x + 1.0), {"additive": (1.0, 1.0)})
    with pytest.raises(AssertionError, match="an error that is not finite with the smallest step"):
        assert_strong_order(wild, problem, **QUICK)


def test_the_outcome_is_deterministic_and_its_uncertainty_honest():
    """Eight keys: the spread of the orders is what one run states, and far below the tolerance."""
    assert measure_strong_order(sde.milstein, curved_sde(), **QUICK) == measure_strong_order(
        sde.milstein, curved_sde(), **QUICK
    )
    found = [measure_strong_order(sde.milstein, curved_sde(), key=random.key(k), **QUICK) for k in range(8)]
    spread, stated = np.std([f.order for f in found]), np.mean([f.uncertainty for f in found])
    # A standard deviation of eight values is 0.3 to 2 of the true one but for 1 in 1000; fixed keys.
    assert 0.3 * stated < spread < 2.0 * stated
    assert spread < 0.03
    assert max(abs(f.order - 1.0) for f in found) < 0.1


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"method": "milstein"}, TypeError, "method must be a method object such as sde.milstein; got str"),
        ({"problem": 3}, TypeError, "problem must be an SDEProblem; got int"),
        ({"order": "one"}, TypeError, "order must be a number; got str"),
        ({"tolerance": 1.5}, ValueError, r"tolerance must lie in \(0, 1\); got 1.5"),
        ({"halvings": 3}, ValueError, "halvings must be at least 4; got 3"),
        ({"paths": 10}, ValueError, "paths must be at least 20; got 10"),
        ({"problem": heisenberg_sde()}, ValueError, "milstein claims none for general noise"),
        ({"problem": heisenberg_sde(), "order": 1}, ValueError, "milstein needs noise in"),
        (
            {"method": changed(lambda *a: a[2][:1], {"diagonal": (1.0, 1.0)})},
            AssertionError,
            r"a step of changed must return a NumPy array like x, \(1000, 2\); got \(1, 2\)",
        ),
        (
            {"problem": replace(curved_sde(), exact=lambda increments: np.zeros(3))},
            ValueError,
            r"exact\(increments\) must return shape \(1000, 2\); got \(3,\)",
        ),
        (
            {"method": changed(lambda *a: a[2], {"diagonal": (1.0, 2.0)}, increments=lambda *a, **k: 0)},
            ValueError,
            "changed draws its own kind of noise",
        ),
    ],
)  # fmt: skip
def test_refusals(change, error, match):
    options = {"method": sde.milstein, "problem": curved_sde()} | change
    with pytest.raises(error, match=match):
        assert_strong_order(options.pop("method"), options.pop("problem"), **options)
