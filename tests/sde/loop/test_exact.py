"""Exact steps of linear SDEs: laws by algebra, paths by closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from diffmath import random, sde, symbolic
from diffmath._core.solution import SolveError
from diffmath.sde._loop import exact as _exact
from diffmath.sde._loop.exact import transition

KEY = random.key(4)


@pytest.mark.parametrize("h", [1e-3, 0.7, 30.0])
def test_the_law_of_a_step_is_that_of_the_moments(h):
    """No sampling: W and zeta are standard, so P P^T h + R R^T is the covariance, h P that with W."""
    draw = np.random.default_rng(1)
    A, a, b = draw.uniform(-1, 1, (3, 3)), draw.uniform(-1, 1, 3), draw.uniform(-1, 1, (2, 3))
    A -= 1.5 * np.eye(3)
    F, push, P, R = transition(A, a, b, h)
    found = sde.moments(sde.LinearSDE(A, a, b=b), np.array([1.0, 2.0, 3.0]), [0.0, h])
    np.testing.assert_allclose(F @ [1.0, 2.0, 3.0] + push, found.mean[1], rtol=1e-11, atol=1e-13)
    C = found.covariance[1]
    np.testing.assert_allclose(h * P @ P.T + R @ R.T, C, rtol=0, atol=1e-11 * np.abs(C).max())
    # The joint law with W, from the moments of (X, W).
    wide = np.zeros((5, 5))
    wide[:3, :3] = A
    joint = sde.moments(sde.LinearSDE(wide, b=np.concatenate([b, np.eye(2)], axis=1)), np.zeros(5), [0.0, h])
    np.testing.assert_allclose(h * P, joint.covariance[1][:3, 3:], rtol=0, atol=1e-11 * h)


@pytest.mark.parametrize("k", [-800.0, -1.0, 0.0, 2.0])
def test_scalar_closed_forms(k):
    F, push, P, R = (v.item() for v in transition(np.array([[k]]), np.ones(1), np.array([[0.5]]), 1.5))
    grown, square = (np.expm1(m * 1.5) / m if m else 1.5 for m in (k, 2 * k))
    np.testing.assert_allclose([F, push, P], [np.exp(k * 1.5), grown, 0.5 * grown / 1.5], rtol=1e-11)
    np.testing.assert_allclose(R * R, 0.25 * (square - grown**2 / 1.5), rtol=1e-11, atol=1e-14)


def test_sampled_variance_and_rows():
    """Variance within 5 standard errors (6e-7), rows the same in any batch."""
    ou, x0 = sde.LinearSDE([[-2.0]], [1.0], b=[[0.6]]), np.full((20_000, 1), 2.0)
    solution = sde.solve_exact(ou, x0, [0.0, 0.1, 0.5], key=KEY)
    found = sde.moments(ou, np.array([2.0]), solution.t)
    for n in (1, 2):
        C = found.covariance[n, 0, 0]
        deviation = solution.x[n] - found.mean[n]
        assert abs(np.mean(deviation**2) - C) < 5 * C * np.sqrt(2 / len(x0))
        assert abs(deviation.mean()) < 5 * np.sqrt(C / len(x0))
    part = sde.solve_exact(ou, x0[7:9], [0.0, 0.1, 0.5], key=KEY, first_row=7)
    np.testing.assert_array_equal(part.x, solution.x[:, 7:9])


def test_the_states_follow_the_path_of_the_key():
    """Fine Euler-Maruyama steps on the key's path: what W does not tell shrinks with the step."""
    ou, x0 = sde.LinearSDE([[-1.0]], b=[[1.0]]), np.ones((500, 1))
    model = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    errors = []
    for steps in (8, 16, 32, 64, 128):
        times = np.linspace(0, 1, steps + 1)
        exact = sde.solve_exact(ou, x0, times, key=KEY).x[-1]
        euler = sde.solve(model, x0, times, method=sde.euler_maruyama, key=KEY).x[-1]
        errors.append(np.sqrt(np.mean((exact - euler) ** 2)))
    assert abs(np.polyfit(np.log2([8, 16, 32, 64, 128]), np.log2(errors), 1)[0] + 1) < 0.15


@pytest.mark.parametrize(("calculus", "shift"), [("ito", 0.125), ("stratonovich", 0.0)])
@pytest.mark.parametrize("times", [[0.0, 0.25, 1.0], [1.0, 0.25, 0.0]])
def test_geometric_brownian_motion_on_its_path(calculus, shift, times):
    x, t = sympy.symbols("x t")
    half = sympy.Rational(1, 2)
    stock = symbolic.SDE([x], t, [3 * x / 10], [[half * x]], calculus)
    x0 = np.ones((50, 1))
    found = sde.solve_exact(stock, x0, times, key=KEY)
    draw = sde.brownian_increments(random.fold_in(KEY, "sde.path"), times, (50, 1), like=x0)
    W = np.cumsum(np.stack(list(draw)), axis=0)
    elapsed = np.array(times[1:])[:, None, None] - times[0]
    expected = np.exp(0.3 * elapsed - shift * abs(elapsed) + 0.5 * W)
    np.testing.assert_allclose(found.x[1:], expected, rtol=1e-13)


def test_rotations_commute_and_keep_the_norm():
    spin = np.array([[0.0, -1.0], [1.0, 0.0]])
    circle = sde.LinearSDE(2 * spin, B=[spin], calculus="stratonovich")
    x = sde.solve_exact(circle, np.array([[3.0, 4.0], [0.0, 1.0]]), np.linspace(0, 5, 6), key=KEY).x
    np.testing.assert_allclose(np.linalg.norm(x, axis=-1), [[5.0, 1.0]] * 6, rtol=1e-13)
    with pytest.raises(ValueError, match="that commute exactly"):
        sde.solve_exact(sde.LinearSDE(np.diag([1.0, 2.0]), B=[spin]), np.ones((1, 2)), [0, 1], key=KEY)
    with pytest.raises(ValueError, match=r"x0 must have shape \(batch, 2\)"):
        sde.solve_exact(circle, np.ones((1, 3)), [0, 1], key=KEY)
    with pytest.raises(TypeError, match="key must be a Key"):
        sde.solve_exact(circle, np.ones((1, 2)), [0, 1], key=0)


def test_overflow_ends_with_the_valid_prefix():
    with pytest.raises(SolveError, match="not finite at t=1000 in row 0") as caught:
        sde.solve_exact(sde.LinearSDE([[1.0]], b=[[1.0]]), np.ones((1, 1)), [0.0, 1.0, 1e3], key=KEY)
    np.testing.assert_array_equal(caught.value.solution.t, [0.0, 1.0])
    with pytest.raises(SolveError, match="grows beyond the largest number"):
        sde.solve_exact(sde.LinearSDE(np.eye(2), b=np.eye(2)), np.ones((1, 2)), [0.0, 1e3], key=KEY)


def test_every_array_library(xp):
    spin = np.array([[0.0, -1.0], [1.0, 0.0]])
    for linear in (
        sde.LinearSDE([[-1.0, 0.5], [0.0, -2.0]], [0.1, 0.0], b=[[0.3, 0.1]]),
        sde.LinearSDE(np.diag([0.1, 0.2]), B=[np.diag([0.3, 0.1])]),
        sde.LinearSDE(spin, B=[0.5 * spin]),
    ):
        x0, times = np.ones((3, 2)), [0.0, 0.5, 2.0]
        host = sde.solve_exact(linear, x0, times, key=KEY).x
        found = sde.solve_exact(linear, xp.asarray(x0, "float32"), times, key=KEY).x
        assert found.dtype == xp.xp.float32
        np.testing.assert_allclose(xp.numpy(found), host, rtol=1e-5, atol=1e-5)  # a dozen roundings


def test_the_transition_of_a_uniform_clock_is_computed_once(monkeypatch):
    """For any rounding of the times; other clocks need one for each length."""
    model = sde.LinearSDE(A=[[-1.0, 0.5], [0.0, -0.3]], b=[[1.0, 0.2]])
    calls, whole = [], _exact.transition
    monkeypatch.setattr(_exact, "transition", lambda *rest: calls.append(rest[-1]) or whole(*rest))
    x0, key = np.ones((3, 2)), random.key(1)
    uniform = np.linspace(0.1, 7.3, 101)
    assert len(set(np.diff(uniform))) > 1
    found = sde.solve_exact(model, x0, uniform, key=key).x
    assert len(calls) == 1
    sde.solve_exact(model, x0, uniform[::-1], key=key)
    assert len(calls) == 2
    sde.solve_exact(model, x0, [0.0, 0.1, 0.3, 0.4, 0.6], key=key)
    assert len(calls) > 3
    # Times that are uniform to a part in 1e9 only are taken as they are.
    calls.clear()
    moved = uniform.copy()
    moved[50] += 1e-9
    near = sde.solve_exact(model, x0, moved, key=key).x
    assert len(calls) > 2
    np.testing.assert_allclose(near, found, atol=1e-3)
