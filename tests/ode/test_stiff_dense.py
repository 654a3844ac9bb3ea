"""The state inside the steps of implicit, Rosenbrock and additive methods: its order, its ends, stiffness."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import ode

ORDERS = {
    "implicit_euler": 1, "trapezoid": 2, "sdirk2": 2, "kvaerno3": 3, "kvaerno5": 4, "radau5": 3,
    "rosenbrock23": 2, "rodas5p": 4, "kencarp3": 2, "kencarp4": 3,
}  # fmt: skip
METHODS = [getattr(ode, name) for name in ORDERS]
# Their state inside a step stays bounded however stiff f is and wherever the step starts.
BOUNDED = [
    ode.implicit_euler, ode.sdirk2, ode.radau5, ode.rosenbrock23, ode.rodas5p, ode.kencarp3, ode.kencarp4,
]  # fmt: skip
# In the limit of stiffness, it is a cubic through the slow solution.
CUBIC = [ode.kvaerno3, ode.kvaerno5, ode.radau5, ode.kencarp4]


def by_name(methods: Any) -> Any:
    return pytest.mark.parametrize("method", methods, ids=lambda m: m.name)


TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


def spin(t: Any, x: Any) -> Any:
    """r = exp(sin t), angle t: nonlinear and non-autonomous."""
    rate = np.sum(x * x, axis=1, keepdims=True) * np.exp(-2 * np.sin(t))
    return np.cos(t) * x + rate * (x @ TURN.T)


def spin_jacobian(t: Any, x: Any) -> Any:
    t, decay = np.asarray(t)[..., None], np.exp(-2 * np.sin(np.asarray(t)))
    turned = (x @ TURN.T)[:, :, None]
    rate = np.sum(x * x, axis=1)[:, None, None]
    return np.cos(t) * np.eye(2) + (rate * TURN + 2 * turned * x[:, None, :]) * decay[..., None]


def spin_in_time(t: Any, x: Any) -> Any:
    rate = np.sum(x * x, axis=1, keepdims=True) * np.exp(-2 * np.sin(t))
    return -np.sin(t) * x - 2 * np.cos(t) * rate * (x @ TURN.T)


def exact(t: Any) -> Any:
    t = np.asarray(t)
    return np.exp(np.sin(t))[..., None] * np.stack([np.cos(t), np.sin(t)], axis=-1)


def problem(method: Any) -> Any:
    if not isinstance(method, ode.AdditiveRungeKutta):
        return ode.WithJacobian(spin, spin_jacobian, time_derivative=spin_in_time)
    return ode.Split(
        lambda t, x: 0.5 * spin(t, x) + np.sin(x),
        ode.WithJacobian(
            lambda t, x: 0.5 * spin(t, x) - np.sin(x),
            lambda t, x: 0.5 * spin_jacobian(t, x) - np.cos(x)[:, :, None] * np.eye(2),
        ),
    )


def tight(method: Any) -> Any:
    """What Newton's iteration leaves over must be below the error of the shortest step."""
    return replace(method, newton=ode.Newton(tolerance=1e-14)) if hasattr(method, "newton") else method


def one_step(method: Any, f: Any, x: Any, t: float, dt: float) -> Any:
    times = [t, t + 100 * dt]
    return next(ode.steps(f, x, times, method=method, first_step=dt, rtol=1e9, atol=1e9))


@by_name(METHODS)
def test_one_step_has_the_order_of_its_extension_plus_one(method: Any) -> None:
    theta, errors = np.linspace(0.1, 0.9, 9), []
    assert method.dense_order == ORDERS[method.name]
    for h in (0.4 if method.dense_order > 3 else 0.1) * 0.5 ** np.arange(6):
        step = one_step(tight(method), problem(method), exact([0.3]), 0.3, float(h))
        found = step.at(np.zeros(9, dtype=int), theta)
        errors.append(np.abs(found - exact(0.3 + theta * step.dt[0])).max())
    slopes = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    last = slopes[np.array(errors[1:]) > 1e-13][-1]  # above round-off
    assert last == pytest.approx(method.dense_order + 1, abs=0.15), slopes


@by_name(METHODS)
def test_steps_and_dense_output_meet(method: Any) -> None:
    first = np.array([0])
    for step in itertools.islice(ode.steps(problem(method), exact([0.0]), [0.0, 3.0], method=method), 20):
        np.testing.assert_array_equal(step.at(first, np.array([0.0])), step.x0)
        np.testing.assert_allclose(step.at(first, np.array([1.0])), step.x, rtol=1e-12)


@by_name(METHODS)
def test_one_order_more_is_refused(method: Any) -> None:
    with pytest.raises(ValueError, match=f"{method.name} claims order {method.dense_order + 1}, but the con"):
        replace(method.extension, order=method.dense_order + 1)
    other = ode.kvaerno3 if method is not ode.kvaerno3 else ode.radau5
    with pytest.raises(ValueError, match=f"the extension must be one of the tableau {method.name}"):
        replace(method, extension=other.extension)
    with pytest.raises(TypeError, match=f"{method.name} has no continuous extension"):
        _ = replace(method, extension=None).extension_weights


@given(data=st.data(), method=st.sampled_from(METHODS))
def test_one_wrong_digit_is_refused(data: st.DataObject, method: Any) -> None:
    extension = method.extension
    rows = [list(row) for row in extension.weights]
    i, k = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, len(rows[0]) - 1))
    rows[i][k] = rows[i][k] + Fraction(1, 10**9)
    with pytest.raises(ValueError, match=rf"at theta = 1 must be b; those of stage {i} are not"):
        replace(extension, weights=rows)
    if len(rows[0]) > 1:  # one that does not move the end of the step
        other = (k + 1) % len(rows[0])
        rows[i][other] = rows[i][other] - Fraction(1, 10**9)
        with pytest.raises(ValueError, match=rf"the extension of {method.name} claims order \d, but the"):
            replace(extension, weights=rows)


def test_other_extensions_are_refused() -> None:
    extension = ode.trapezoid.extension
    with pytest.raises(ValueError, match="trapezoid is not explicit: its extension has no a_extra"):
        replace(extension, a_extra=[["1/2", "1/2"]], weights=[*extension.weights, [0, 0]])
    with pytest.raises(TypeError, match=r"tableau must be one of diffmath\.ode; got str"):
        replace(extension, tableau="trapezoid")
    with pytest.raises(TypeError, match="weights must hold exact numbers"):
        replace(extension, weights=[[1.0, -0.5], [0.0, 0.5]])


def linear(rate: Any) -> tuple[Any, Any]:
    """x' = rate x for every row, with its Jacobian."""
    return lambda t, x: rate * x, lambda t, x: rate[:, :, None] * np.eye(x.shape[1])


@by_name(BOUNDED)
def test_it_stays_bounded_off_the_slow_solution(method: Any) -> None:
    rate = -np.array([[1e2], [1e5], [1e10]])
    f: Any = ode.WithJacobian(*linear(rate))
    if isinstance(method, ode.AdditiveRungeKutta):
        f = ode.Split(lambda t, x: 0.0 * x, f)
    step = one_step(method, f, np.ones((3, 1)), 0.0, 1.0)
    found = np.stack([step.at(np.arange(3), np.full(3, theta)) for theta in np.linspace(0, 1, 11)])
    assert np.abs(found).max() <= 1.0 + 1e-6, found[:, 2, 0]


@by_name(CUBIC)
def test_it_is_a_cubic_in_the_limit_of_stiffness(method: Any) -> None:
    """x' = -k (x - g(t)) + g'(t) with a cubic g: one step of length 1."""
    g = np.polynomial.Polynomial([1.0, -0.3, 0.5, 0.7])
    slope = g.deriv()
    f: Any = ode.WithJacobian(
        lambda t, x: -1e6 * (x - g(t)) + slope(t) + 0 * x, lambda t, x: np.full((len(x), 1, 1), -1e6)
    )
    if isinstance(method, ode.AdditiveRungeKutta):
        f = ode.Split(lambda t, x: 0.0 * x, f)
    step = one_step(tight(method), f, np.array([[g(0.0)]]), 0.0, 1.0)
    theta = np.linspace(0, 1, 11)
    np.testing.assert_allclose(step.at(np.zeros(11, dtype=int), theta)[:, 0], g(theta), atol=1e-5)  # 10 / k


@by_name(METHODS)
@pytest.mark.parametrize("options", [{"rtol": 1e-3}, {"substeps": 8}])
def test_it_costs_no_evaluation(method: Any, options: Any) -> None:
    f, start = problem(method), exact([0.0, 0.1])
    plain, dense = (
        ode.solve(f, start, [0.0, 1.0], method=method, dense=dense, **options) for dense in (False, True)
    )
    for name, value in plain.stats.items():
        np.testing.assert_array_equal(dense.stats[name], value)
    np.testing.assert_array_equal(dense.x, plain.x)
    assert f"order {ORDERS[method.name]}" in repr(dense.dense)
    np.testing.assert_array_equal(dense.dense([0.0, 1.0])[0], start)


def relax(t: Any, x: Any) -> Any:
    return -1e6 * (x - np.cos(t))


STIFF = ode.WithJacobian(lambda t, x: relax(t, x) - np.sin(t), lambda t, x: np.full((len(x), 1, 1), -1e6))


@by_name([ode.kvaerno3, ode.kvaerno5, ode.radau5, ode.rodas5p])
def test_solve_lands_where_the_ends_are_better(method: Any) -> None:
    """The error estimate depends only on the end of a step here, and steps grow as long as the waves."""
    times = np.linspace(0.0, 3.0, 31)
    found, landed, read = (
        ode.solve(STIFF, np.array([[1.5]]), times, method=method, rtol=1e-8, atol=1e-11, save=save)  # type: ignore[arg-type]
        for save in ("auto", "land", "read")
    )
    wanted = np.cos(times[1:])
    assert np.abs(found.x[1:, 0, 0] - wanted).max() < 1e-8
    np.testing.assert_array_equal(found.x, landed.x)
    assert 1e-7 < np.abs(read.x[1:, 0, 0] - wanted).max() < 0.02
    assert read.stats["steps"][0] < found.stats["steps"][0]


def test_what_lands_is_data() -> None:
    lands = {m.name for m in METHODS if m.is_stiffly_accurate}
    assert lands == set(ORDERS) - {"rosenbrock23"}
    assert not ode.dopri5.is_stiffly_accurate
    many = np.linspace(0.0, 1.0, 101)
    with pytest.raises(ValueError, match="land on each of the 100 save times, but max_steps is 60: raise it"):
        ode.solve(STIFF, np.ones((1, 1)), many, method=ode.kvaerno3, max_steps=60)
    read = ode.solve(STIFF, np.ones((1, 1)), many, method=ode.kvaerno3, max_steps=60, rtol=1e-3, save="read")
    assert np.abs(read.x[:, 0, 0] - np.cos(many)).max() < 0.02
    with pytest.raises(ValueError, match="save must be 'auto', 'land', 'read' or 'steps'; got 'most'"):
        ode.solve(spin, exact([0.0]), [0.0, 1.0], save="most")  # type: ignore[arg-type]


@by_name([ode.rosenbrock23, ode.rodas5p, ode.kencarp3])
def test_better_than_a_cubic_through_the_slopes(method: Any) -> None:
    """Slopes at the ends of a step multiply what the step left over by the stiffness."""
    f: Any = STIFF
    if isinstance(method, ode.AdditiveRungeKutta):
        f = ode.Split(lambda t, x: -np.sin(t) + 0 * x, ode.WithJacobian(relax, STIFF.jacobian))
    grid = np.linspace(0.0, 0.3, 100)
    errors = [
        np.abs(found.dense(grid)[:, 0, 0] - np.cos(grid)).max()
        for found in (
            ode.solve(f, np.ones((1, 1)), [0.0, 0.3], method=m, rtol=1e-4, max_step=0.1, dense=True)
            for m in (method, replace(method, extension=None))
        )
    ]
    assert errors[0] < (1e-3 if method is ode.kencarp3 else 1e-4)
    assert errors[1] > 3 * errors[0]


def test_every_library(xp: Any) -> None:
    start = xp.asarray([[1.0, 2.0], [0.5, 0.1]])
    for method in (ode.kvaerno3, ode.radau5, ode.rodas5p):
        found = ode.solve(lambda t, x: -2.0 * x, start, [0.0, 1.0], method=method, rtol=1e-5, dense=True)
        assert found.dense is not None
        wanted = np.exp(-2 * np.array([0.3, 0.9]))[:, None, None] * xp.numpy(start)
        np.testing.assert_allclose(xp.numpy(found.dense([0.3, 0.9])), wanted, rtol=1e-3)
    single = xp.asarray([[1.0]], "float32")
    found = ode.solve(lambda t, x: -2.0 * x, single, [0.0, 1.0], method=ode.kvaerno3, rtol=1e-3, dense=True)
    assert found.dense is not None
    assert found.dense(0.5).dtype == single.dtype


def test_complex_states_and_rows_that_fail() -> None:
    x0 = np.ones((1, 2), complex)
    found = ode.solve(lambda t, x: 1j * x, x0, [0.0, 1.0], method=ode.radau5, dense=True)
    assert found.dense is not None
    np.testing.assert_allclose(found.dense(0.5), np.exp(0.5j) * x0, rtol=1e-4)
    # The equations of the second row have no solution at this step: 1 + 4 (1 + x^2) = x.
    grow = np.array([[0.0], [1.0]])
    with np.errstate(all="ignore"):
        state = ode.implicit_euler.init(lambda t, x: grow * (1 + x**2), 0.0, np.ones((2, 1)))
        trial = ode.implicit_euler.attempt(
            lambda t, x: grow * (1 + x**2), state, 0.0, np.ones((2, 1)), 4.0, estimate=False
        )
        assert trial.dense is not None
        stages = trial.dense().basis
    for part in (trial.x, *stages):
        assert np.isnan(part[:, 0]).tolist() == [False, True]
