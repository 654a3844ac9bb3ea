"""The state inside the steps of exponential methods: its order; exact for N = 0, however stiff."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

from diffmath import ode
from diffmath.symbolic import phi

ORDERS = {"etd1": 1, "etdrk2": 2, "etdrk3": 2, "etdrk4": 3, "krogstad": 3, "hochbruck_ostermann": 3}
METHODS = [getattr(ode, name) for name in ORDERS]
ADAPTIVE = [ode.etdrk2, ode.etdrk3, ode.hochbruck_ostermann]
L = np.array([[-1.0, 2.0], [-1.5, -0.5]])


def by_name(methods: Any) -> Any:
    return pytest.mark.parametrize("method", methods, ids=lambda m: m.name)


def spin(t: Any, x: Any) -> Any:
    """r = exp(sin t), angle t, without its part L x."""
    rate = (x[:, :1] ** 2 + x[:, 1:] ** 2) * np.exp(-2 * np.sin(t))
    return np.cos(t) * x + rate * np.stack([-x[:, 1], x[:, 0]], axis=1) - x @ L.T


def exact(t: Any) -> Any:
    t = np.asarray(t)
    return np.exp(np.sin(t))[..., None] * np.stack([np.cos(t), np.sin(t)], axis=-1)


def first_step(method: Any, f: Any, x: Any, t: float, dt: float) -> Any:
    return next(ode.steps(f, x, [t, t + dt], method=method, substeps=1))


@by_name(METHODS)
def test_one_step_has_the_proven_order_plus_one(method: Any) -> None:
    theta, errors = np.linspace(0.1, 0.9, 9), []
    assert method.dense_order == ORDERS[method.name]
    for h in 0.1 * 0.5 ** np.arange(5):
        step = first_step(method, ode.Semilinear(L, spin), exact([0.3]), 0.3, float(h))
        found = step.at(np.zeros(9, dtype=int), theta)
        errors.append(np.abs(found - exact(0.3 + theta * step.dt[0])).max())
    slopes = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert slopes[-1] == pytest.approx(method.dense_order + 1, abs=0.15), slopes


@by_name(METHODS)
def test_the_linear_part_is_exact_however_stiff(method: Any) -> None:
    theta, rates = np.linspace(0, 1, 6), np.array([0.5, -3.0, -1e6])
    rows = np.zeros(6, dtype=int)
    step = first_step(method, ode.Semilinear(rates, lambda t, x: 0 * x), np.ones((1, 3)), 0.0, 2.0)
    np.testing.assert_allclose(step.at(rows, theta), np.exp(2 * theta[:, None] * rates), rtol=1e-12)
    turning = np.array([[0.0, 30.0], [-30.0, -1.0]])
    step = first_step(method, ode.Semilinear(turning, lambda t, x: 0 * x), np.ones((1, 2)), 0.0, 2.0)
    wanted = [expm(2 * part * turning) @ np.ones(2) for part in theta]
    np.testing.assert_allclose(step.at(rows, theta), wanted, atol=1e-12)


@by_name(METHODS)
def test_steps_and_dense_output_meet(method: Any) -> None:
    f = ode.Semilinear(L, spin)
    for step in ode.steps(f, exact([0.0, 0.0]), [0.0, 1.0, 2.0], method=method, substeps=16):
        rows = np.arange(2)
        np.testing.assert_array_equal(step.at(rows, np.zeros(2)), step.x0)
        np.testing.assert_allclose(step.at(rows, np.ones(2)), step.x, rtol=1e-13)


@by_name(ADAPTIVE)
def test_it_costs_no_evaluation_and_no_step(method: Any) -> None:
    f, times = ode.Semilinear(np.array([-1.0, -300.0]), lambda t, x: np.cos(t + x)), np.linspace(0.0, 1.0, 50)
    bare = ode.solve(f, np.ones((3, 2)), times[[0, -1]], method=method, rtol=1e-4)
    found = ode.solve(f, np.ones((3, 2)), times, method=method, rtol=1e-4, dense=True)
    for name, value in bare.stats.items():
        np.testing.assert_array_equal(found.stats[name], value)
    np.testing.assert_array_equal(found.x[-1], bare.x[-1])
    assert found.dense is not None
    np.testing.assert_allclose(found.dense(times), found.x, rtol=1e-12)
    fine = ode.solve(f, np.ones((3, 2)), times, method=ode.hochbruck_ostermann, rtol=1e-10, atol=1e-12)
    assert np.abs(found.x - fine.x).max() < 1e-3


RATES = -np.logspace(-1, 6, 57)
SHARE, SIZE = np.full(57, 3 / 57), 1 / (1 - RATES)


def smooth(t: Any) -> Any:
    return SIZE * np.cos(2 * np.asarray(t))[..., None]


def coupling(t: Any, x: Any) -> Any:
    couple = np.sin(x @ SHARE)[:, None] - np.sin(smooth(t) @ SHARE)
    return couple - 2 * SIZE * np.sin(2 * np.asarray(t)) - RATES * smooth(t)


@by_name(ADAPTIVE)
def test_it_is_as_good_as_the_tolerance_at_rates_up_to_a_million(method: Any) -> None:
    grid = np.linspace(0.0, 2.0, 101)
    f = ode.Semilinear(RATES, lambda t, x: coupling(np.reshape(t, -1)[0], x))
    found = ode.solve(f, smooth([0.0]), grid, method=method, rtol=1e-3, atol=1e-6)
    assert found.stats["steps"][0] < 1000
    assert np.abs(found.x[:, 0] - smooth(grid)).max() < 2e-3


def test_rows_libraries_and_precisions(xp: Any) -> None:
    linear, start = np.array([-1.0, -50.0]), np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.1]])
    f = ode.Semilinear(xp.asarray(linear), lambda t, x: 0.5 - x * x)
    times = [0.0, 0.3, 1.0]
    for dtype in ("float64", "float32"):
        g = ode.Semilinear(xp.asarray(linear, dtype), f.nonlinear)
        whole = ode.solve(g, xp.asarray(start, dtype), times, method=ode.etdrk2, rtol=1e-3, dense=True)
        assert whole.dense is not None
        assert whole.dense(0.4).dtype == xp.asarray(start, dtype).dtype
        for row in range(3):
            part = xp.asarray(start[row : row + 1], dtype)
            alone = ode.solve(g, part, times, method=ode.etdrk2, rtol=1e-3, dense=True)
            assert alone.dense is not None
            # Round-off of libraries that add in another order for other batch sizes, at most.
            for t in (0.1, 0.77):
                mine, its = xp.numpy(whole.dense(t))[row], xp.numpy(alone.dense(t))[0]
                np.testing.assert_allclose(mine, its, rtol=1e-12 if dtype == "float64" else 1e-5)


def test_complex_parts() -> None:
    f = ode.Semilinear(np.array([1j, -2j]), lambda t, x: 0.1 * x)
    found = ode.solve(f, np.ones((1, 2), complex), [0.0, 3.0], method=ode.etdrk2, rtol=1e-6, dense=True)
    assert found.dense is not None
    np.testing.assert_allclose(found.dense(1.7), np.exp(1.7 * np.array([[0.1 + 1j, 0.1 - 2j]])), rtol=1e-4)


def test_weights_that_do_not_go_on_inside_a_step() -> None:
    """Two stages at the same node share the weight of `etd1` as phi1(z) - phi1(z/2) and phi1(z/2)."""
    half = phi(1, "1/2")
    tableau = ode.ExponentialTableau(
        name="halves", a=[[], [0]], b=[phi(1) - half, half], c=[0, 0], order=1, stiff_order=1
    )
    assert (tableau.continuation, tableau.dense_order) == ((), 0)
    method, f = ode.ExponentialRungeKutta(tableau), ode.Semilinear(np.array([-1.0]), lambda t, x: 0 * x)
    trial = method.attempt(f, method.init(f, 0.0, np.ones((1, 1))), 0.0, np.ones((1, 1)), 0.1, estimate=False)
    assert trial.dense is None
    growing, start = ode.Semilinear(np.array([-1.0]), lambda t, x: 2 * x), np.ones((1, 1))
    ends = [m.step(growing, 0.0, start, 0.1) for m in (method, ode.etd1)]
    np.testing.assert_allclose(*ends, rtol=1e-14)  # both stages are the state at the start
    found = ode.solve(f, start, [0.0, 1.0], method=method, substeps=8, dense=True)
    assert found.dense is not None  # the cubic of the ends and slopes
    np.testing.assert_allclose(found.dense(0.3), np.exp(-0.3), rtol=1e-5)


def test_the_proof_can_fail() -> None:
    """Of a method of order 2 whose weights go on inside as a line through the wrong node."""
    tableau = ode.ExponentialTableau(
        name="midpoint",
        a=[[], [phi(1, "1/2") / 2]],
        b=[0, phi(1)],
        c=[0, Fraction(1, 2)],
        order=2,
        stiff_order=1,
    )
    assert tableau.dense_order == 1
