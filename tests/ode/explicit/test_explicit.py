"""Steps: exact values, measured orders, every array library."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import ode
from diffmath._arrays.namespace import array_namespace
from diffmath.testing import ODEProblem, assert_order

# Tsitouras' leading error is so small that no halving in float64 shows it: see test_high_order.py.
METHODS = [ode.euler, ode.midpoint, ode.heun, ode.ralston, ode.bosh3, ode.rk4, ode.dopri5]


def _column(*values: float) -> Any:
    return np.asarray(values)[:, None]


# Logistic growth, a non-autonomous rational solution, and a nonlinear rotation whose angle is known.
PROBLEMS = [
    ODEProblem(
        lambda t, x: x * (1 - x), _column(0.2, 0.5), (0.0, 2.0),
        lambda t: 1 / (1 + _column(4.0, 1.0) * math.exp(-t)), 1.0, "logistic",
    ),
    ODEProblem(
        lambda t, x: -2 * t * x * x, _column(1.0, 0.5), (0.0, 1.5),
        lambda t: 1 / (_column(1.0, 2.0) + t * t), 2.0, "rational",
    ),
    ODEProblem(
        lambda t, x: (1 + x[:, :1] ** 2 + x[:, 1:] ** 2) * np.stack([-x[:, 1], x[:, 0]], axis=1),
        np.array([[1.0, 0.0]]), (0.0, 1.0), lambda t: np.array([[math.cos(2 * t), math.sin(2 * t)]]), 4.0,
        "rotation",
    ),
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_the_measured_order_is_the_stated_one(method: ode.ExplicitRungeKutta, problem: ODEProblem) -> None:
    """Five halvings, within 0.15 on both sides; those of dopri5 fall to 5 from above."""
    assert_order(method.step, problem, order=method.order, two_sided=method.order < 5)
    with pytest.raises(AssertionError, match="is below the claimed"):
        assert_order(method.step, problem, order=method.order + 1)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_a_linear_step_is_the_stability_polynomial(
    method: ode.ExplicitRungeKutta,
) -> None:
    """R(z) of a method of order p = s is the Taylor polynomial of exp; dopri5 has z**6 / 600 more."""
    z = 0.3
    expected = sum(z**k / math.factorial(k) for k in range(method.order + 1))
    expected += z**6 / 600 if method is ode.dopri5 else 0.0
    x = method.step(lambda t, x: x, 0.0, np.ones((1, 1)), z)
    np.testing.assert_allclose(x, [[expected]], rtol=4e-16)  # 2 ulp


def test_dopri5_estimates_its_error_and_hands_on_the_last_slope() -> None:
    def f(t: Any, x: Any) -> Any:
        return np.cos(t) * x

    x = np.array([[1.0], [2.0]])
    x_new, error, slope = ode.dopri5.step_with_error(f, 0.0, x, 0.1)
    np.testing.assert_array_equal(x_new, ode.dopri5.step(f, 0.0, x, 0.1))
    np.testing.assert_array_equal(slope, f(0.1, x_new))
    embedded = ode.ExplicitRungeKutta(
        ode.Tableau(name="dp4", a=ode.dopri5.tableau.a, b=ode.dopri5.tableau.b_embedded, order=4)
    )
    np.testing.assert_allclose(error, x_new - embedded.step(f, 0.0, x, 0.1), atol=1e-15)  # eps |x|
    known = ode.dopri5.step_with_error(f, 0.0, x, 0.1, f(0.0, x))
    np.testing.assert_array_equal(known[0], x_new)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_a_step_costs_what_nfe_says(method: ode.ExplicitRungeKutta) -> None:
    calls = []
    method.step(lambda t, x: calls.append(t) or x, 0.0, np.ones((1, 1)), 0.1)  # type: ignore[func-returns-value]
    assert len(calls) == method.nfe(1)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_a_step_back_undoes_a_step_to_its_order(method: ode.ExplicitRungeKutta) -> None:
    def f(t: float, x: Any) -> Any:
        return np.sin(x) + t

    x, h = np.array([[0.3]]), 1e-2
    back = method.step(f, h, method.step(f, 0.0, x, h), -h)
    assert abs(back - x).max() < 5 * h ** (method.order + 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_steps_run_on_every_library(xp: Any, method: ode.ExplicitRungeKutta, dtype: str) -> None:
    def f(t: Any, x: Any) -> Any:
        return array_namespace(x).sin(x) - t * x

    values = np.array([[0.5, -1.0], [2.0, 0.1], [0.0, 3.0]])
    x = xp.asarray(values, dtype)
    result = method.step(f, 0.25, x, 0.1)
    assert result.dtype == x.dtype
    tolerance = 1e-14 if dtype == "float64" else 1e-6  # some ten operations, eps each
    np.testing.assert_allclose(
        xp.numpy(result), method.step(f, 0.25, values, 0.1), rtol=tolerance, atol=tolerance
    )


def test_times_may_be_one_per_row(xp: Any) -> None:
    def f(t: Any, x: Any) -> Any:
        return t * x

    x, t, dt = np.ones((2, 3)), np.array([[0.0], [1.0]]), np.array([[0.1], [0.2]])
    result = ode.dopri5.step(f, xp.asarray(t), xp.asarray(x), xp.asarray(dt))
    rows = [ode.dopri5.step(f, float(t[i, 0]), x[i : i + 1], float(dt[i, 0])) for i in range(2)]
    np.testing.assert_allclose(xp.numpy(result), np.concatenate(rows), rtol=1e-15)


def test_a_large_slope_times_a_small_step_does_not_overflow() -> None:
    x = ode.dopri5.step(lambda t, x: x, 0.0, np.full((1, 1), 1e308), 1e-3)
    np.testing.assert_allclose(x, 1e308 * math.exp(1e-3), rtol=1e-14)


def test_misuse_is_refused() -> None:
    with pytest.raises(TypeError, match=r"rk4 has no error estimate \(b_error\); use step"):
        ode.rk4.step_with_error(lambda t, x: x, 0.0, np.ones((1, 1)), 0.1)
    with pytest.raises(TypeError, match=r"tableau must be an ode.Tableau; got str"):
        ode.ExplicitRungeKutta("rk4")  # type: ignore[arg-type]
