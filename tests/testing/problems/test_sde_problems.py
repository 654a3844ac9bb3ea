"""SDE problems solve their equations: without noise, on refined paths, and on every array library."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from diffmath import random, sde
from diffmath.testing import SDEProblem, curved_sde, geometric_sde, heisenberg_sde, linear_sde, logistic_sde

PROBLEMS = [
    geometric_sde(),
    geometric_sde(noise="scalar", calculus="stratonovich"),
    linear_sde(),
    logistic_sde(),
    *(
        curved_sde(noise=noise, calculus=calculus)
        for noise in ("diagonal", "scalar", "commutative")
        for calculus in ("ito", "stratonovich")
    ),
    heisenberg_sde(),
    heisenberg_sde(curvature=0.0, calculus="stratonovich"),
    curved_sde(t_span=(1.0, 0.0)),
]
name = repr


def grid(problem, steps, paths=200):
    x0 = np.broadcast_to(problem.x0, (paths, len(problem.x0)))
    width = sde.noise_shape(problem.model, problem.t_span[0], x0)
    clock = np.linspace(*problem.t_span, steps + 1)
    return list(sde.levy_increments("AHK")(random.key(1), clock, width, like=x0))


def coarsened(increments):
    return [sde.chen(a, b) for a, b in zip(increments[::2], increments[1::2], strict=True)]


@pytest.mark.parametrize("problem", PROBLEMS, ids=name)
def test_the_solution_depends_on_the_path_and_not_on_its_grid(problem):
    """So accurate that no method up to order 3 is compared with the error of its reference."""
    fine = grid(problem, 256)
    exact, rough = problem.exact(fine), problem.exact(coarsened(fine))
    distance = np.abs(exact - rough).max()
    # Third order with a small constant at h = 1/128; the logistic one draws on what (W, H, K) leave open.
    assert distance < (2e-4 if problem.name == "logistic" else 1e-7)
    assert exact.std(axis=0).min() > 0.05


@pytest.mark.parametrize("t_span", [(0.0, 1.0), (1.0, 0.2)], ids=["forward", "backward"])
@pytest.mark.parametrize(
    "build",
    [
        linear_sde,
        lambda **options: geometric_sde(calculus="stratonovich", **options),
        *(
            lambda noise=noise, **options: curved_sde(noise=noise, calculus="stratonovich", **options)
            for noise in ("diagonal", "scalar", "commutative")
        ),
        lambda **options: heisenberg_sde(calculus="stratonovich", **options),
    ],
)
def test_without_noise_it_is_the_solution_of_the_ode(build, t_span):
    problem = build(t_span=t_span)
    zero = [
        sde.Increment(i.dt, *(None if term is None else 0.0 * term for term in (i.W, i.H, i.K, i.A)))
        for i in grid(problem, 4, paths=1)
    ]
    peer = solve_ivp(
        lambda t, x: problem.model.drift(t, x[None])[0], t_span, problem.x0, rtol=1e-10, atol=1e-12
    )
    np.testing.assert_allclose(problem.exact(zero)[0], peer.y[:, -1], atol=1e-6)  # rtol of the peer


@pytest.mark.parametrize("problem", PROBLEMS, ids=name)
def test_derivatives_given_are_those_of_the_callables(problem):
    model, dim, h, t = problem.model, len(problem.x0), 1e-6, 0.4
    x = np.array([[0.3, -0.8, 0.6], [1.2, 0.4, -0.5]])[:, :dim]

    def difference(function, k):
        step = h * np.eye(dim)[k]
        return (function(t, x + step) - function(t, x - step)) / (2 * h)

    for k in range(dim):
        if model.drift_jacobian is not None:
            found = model.drift_jacobian(t, x)[:, :, k]
            np.testing.assert_allclose(found, difference(model.drift, k), atol=1e-8)  # round-off over h
        if model.noise == "diagonal":
            expected = difference(model.diffusion, k)
            np.testing.assert_allclose(model.diffusion_derivative(t, x)[:, k], expected[:, k], atol=1e-8)
            np.testing.assert_allclose(expected[:, 1 - k], 0.0, atol=1e-8)
        elif model.noise != "additive":
            found = model.diffusion_derivative(t, x)[..., k]
            np.testing.assert_allclose(found, difference(model.diffusion, k), atol=1e-8)


@given(
    kappa=st.floats(0.0, 1.0),
    t=st.floats(-2.0, 2.0),
    x=st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=3),
)
def test_the_ito_drift_of_the_heisenberg_problem(kappa, t, x):
    """Half of sum_j (Dg_j) g_j, by differences: symbolic conversion is not what made it."""
    ito, strat = (heisenberg_sde(curvature=kappa, calculus=c).model for c in ("ito", "stratonovich"))
    x, h = np.array([x]), 1e-5
    correction = 0.0
    for j in range(2):
        g = strat.diffusion(t, x)[:, :, j]
        difference = strat.diffusion(t, x + h * g) - strat.diffusion(t, x - h * g)
        correction = correction + 0.5 * difference[:, :, j] / (2 * h)
    np.testing.assert_allclose(ito.drift(t, x) - strat.drift(t, x), correction, atol=1e-7)


def test_the_heisenberg_noise_does_not_commute_and_the_commutative_one_does():
    def brackets(model, x, h=1e-6):
        g = model.diffusion(0.3, x)
        along = [
            model.diffusion(0.3, x + h * g[:, :, j]) - model.diffusion(0.3, x - h * g[:, :, j])
            for j in (0, 1)
        ]
        return (along[0][:, :, 1] - along[1][:, :, 0]) / (2 * h)

    assert np.abs(brackets(heisenberg_sde().model, np.array([[0.3, 0.1, -0.2]]))).max() > 0.5
    commutative = brackets(curved_sde(noise="commutative").model, np.array([[0.3, 0.1]]))
    np.testing.assert_allclose(commutative, 0.0, atol=1e-8)  # round-off over h


@pytest.mark.parametrize("problem", PROBLEMS, ids=name)
def test_the_callables_run_everywhere(xp, problem):
    rows = np.stack([problem.x0, 0.5 * problem.x0 + 0.1])
    for role in ("drift", "diffusion", "drift_jacobian", "diffusion_derivative"):
        function = getattr(problem.model, role)
        if function is None:
            continue
        for dtype, rtol in (("float64", 1e-13), ("float32", 1e-5)):
            got = function(0.3, xp.asarray(rows, dtype))
            assert got.dtype == getattr(xp.xp, dtype)
            np.testing.assert_allclose(xp.numpy(got), function(0.3, rows), rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"model": 3}, TypeError, "model must be an sde.SDE; got int"),
        ({"x0": 1.0}, ValueError, r"x0 must be a finite vector, shape \(dim,\); got 1.0"),
        ({"x0": [np.nan]}, ValueError, "x0 must be a finite vector"),
        ({"exact": 1}, TypeError, r"exact must be a callable exact\(increments\); got int"),
        ({"t_span": (0.0, 0.0)}, ValueError, r"t_span must be two different finite times; got \(0.0, 0.0\)"),
    ],
)
def test_refusals(change, error, match):
    options = {"model": linear_sde().model, "x0": [0.0, 0.0], "t_span": (0.0, 1.0)} | change
    with pytest.raises(error, match=match):
        SDEProblem(**options)


def test_repr():
    assert re.fullmatch(r"SDEProblem\(linear, additive noise, ito, t: 0 -> 1, dim 2\)", repr(linear_sde()))
