"""No method asks for f outside the solve; the steps that would are taken by another method of the order."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from diffmath import ode
from diffmath.ode._steps import closing_methods as more
from diffmath.ode._steps.closing import closing, nodes

METHODS = [
    getattr(ode, name)
    for name in ode.__all__
    if hasattr(getattr(ode, name), "step") and not isinstance(getattr(ode, name), type)
]
FORWARD, BACKWARD = [0.3, 0.9, 2.0], [2.0, 0.9, 0.3]
RATES = np.array([[1.0], [0.3], [7.0]])


class Outside(Exception):
    """f was evaluated outside the solve."""


def watched(times: list[float], part: Any) -> Any:
    low, high = min(times), max(times)

    def f(t: Any, x: Any) -> Any:
        if not (np.all(np.asarray(t) >= low) and np.all(np.asarray(t) <= high)):
            raise Outside(f"t={t!r} is not in [{low}, {high}]")
        return part(t, x)

    return f


def problem(method: Any, times: list[float]) -> tuple[Any, Any]:
    """A right-hand side of the kind that the method takes, and three rows that end at different trials."""

    def pull(t: Any, x: Any) -> Any:
        return RATES[: len(x)] * (np.cos(t) - x)

    kind = getattr(method, "tableau_kind", type(method)).__name__
    x0 = np.array([[1.0, 0.5], [0.2, -1.0], [3.0, 2.0]])
    if kind == "AdditiveTableau":
        slow = watched(times, lambda t, x: np.cos(t) + 0.0 * x)
        return ode.Split(slow, watched(times, lambda t, x: -RATES * x)), x0
    if kind == "SplittingTableau":
        force = watched(times, lambda t, q: np.cos(t) - q)
        return ode.Separable(watched(times, lambda t, p: p + 0.0 * t), force), x0[:, :, None]
    if kind == "ExponentialTableau":
        return ode.Semilinear(np.array([-1.0, -20.0]), watched(times, lambda t, x: np.cos(t * x))), x0
    if kind == "LinearExact":
        return ode.Linear(np.array([[-1.0, 0.2], [0.0, -2.0]])), x0
    return watched(times, pull), x0


@pytest.mark.parametrize("times", [FORWARD, BACKWARD], ids=["forward", "backward"])
@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_no_method_asks_for_f_outside_the_solve(method: Any, times: list[float]) -> None:
    f, x0 = problem(method, times)
    fixed = ode.solve(f, x0, times, method=method, substeps=2)
    assert fixed.success
    assert len(list(ode.steps(f, x0, times, method=method, substeps=3))) == 6
    if getattr(method, "embedded_order", None) is None:
        return
    event = ode.Event(lambda t, x: x[:, 0] - 0.6)
    for options in ({"events": event, "save": "land", "dense": True}, {"batch": "shared", "save": "read"}):
        found = ode.solve(f, x0, times, method=method, rtol=1e-3, first_step=0.3, **options)
        assert found.success
    for step in ode.steps(f, x0, times, method=method, rtol=1e-3, max_step=0.2):
        step.at(np.arange(3), np.full(3, 0.7))


@pytest.mark.parametrize("method", [ode.kvaerno5, ode.rodas5p, ode.dopri5, ode.vern7], ids=lambda m: m.name)
def test_single_precision_and_small_last_steps(method: Any) -> None:
    """Times that float32 cannot tell apart, and a last step of few units in the last place."""
    times = [100.0, 100.1]
    low, high = map(np.float32, times)

    def f(t: Any, x: Any) -> Any:
        assert np.all((np.asarray(t) >= low) & (np.asarray(t) <= high))
        return (np.cos(t) - x).astype(np.float32)

    x0 = np.ones((2, 1), dtype=np.float32)
    assert ode.solve(f, x0, times, method=method, rtol=1e-3, atol=1e-3, max_step=0.02).success
    end = 100.0 + 8 * np.spacing(100.0)
    g = watched([100.0, end], lambda t, x: np.cos(t) - x)
    first = 6 * np.spacing(100.0)
    assert ode.solve(g, np.ones((2, 1)), [100.0, end], method=method, first_step=first).success


def test_a_time_derivative_is_looked_at_inside_the_solve() -> None:
    """The check of a given derivative, where a solve begins, and the difference where none is given."""
    for times in (FORWARD, BACKWARD):
        pull = watched(times, lambda t, x: np.cos(t) - x)
        rate = watched(times, lambda t, x: -np.sin(t) + 0.0 * x)
        for derivative in (rate, None):
            f = ode.WithJacobian(pull, lambda t, x: np.full((2, 1, 1), -1.0), time_derivative=derivative)
            assert ode.solve(f, np.ones((2, 1)), times, method=ode.rodas5p).success
        wrong = ode.WithJacobian(pull, time_derivative=watched(times, lambda t, x: np.sin(t) + 0.0 * x))
        with pytest.raises(ValueError, match="time_derivative"):
            ode.solve(wrong, np.ones((2, 1)), times, method=ode.rodas5p)


ORDERS = [ode.kvaerno5, ode.yoshida4, ode.mclachlan4, ode.yoshida6]
ORDERS += [more.esdirk5, more.suzuki4, more.kahan_li6]


@pytest.mark.parametrize("method", ORDERS, ids=lambda m: m.name)
def test_the_order_holds_with_the_steps_at_the_ends(method: Any) -> None:
    """Four halvings, the closing steps being part of each run; a closing step of the wrong order shows.

    The reference is vern7 in 400 steps, exact to 1e-15. Implicit equations are solved to 1e-14, since the
    errors of the shortest steps, 3e-12, are below the 4e-11 to which fixed steps solve them by default.
    """

    def force(t: Any, q: Any) -> Any:
        return -q * (1.0 + 0.5 * math.sin(3.0 * t)) - 0.2 * q**3

    def f(t: Any, x: Any) -> Any:
        return np.stack([x[:, 1], force(t, x[:, 0])], axis=1)

    x0 = np.array([[1.0, 0.3]])
    exact = ode.solve(f, x0, [0.0, 2.0], method=ode.vern7, substeps=400).x[-1]
    model: Any = f
    if method.tableau_kind is ode.SplittingTableau:
        model = ode.Separable(lambda t, p: p, force)
    if hasattr(method, "newton"):
        method = replace(method, newton=ode.Newton(tolerance=1e-14))
    errors, counts = [], (16 if method.order == 4 else 8) * 2 ** np.arange(5)
    for steps in counts.tolist():
        x = x0[:, :, None] if model is not f else x0
        end = ode.solve(model, x, [0.0, 2.0], method=method, substeps=steps).x[-1]
        errors.append(float(np.abs(end.reshape(1, 2) - exact).max()))
    slope = np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert abs(slope + method.order) < 0.15


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_row_alone_is_the_row_in_company(sign: float) -> None:
    """Rows close at different trials; states, dense output and statistics are those of the row alone."""
    rates = np.array([[1.0], [30.0], [4.0], [0.1]])

    def pull(rate: Any) -> Any:
        return lambda t, x: sign * rate * (np.cos(t) - x)

    times, inner = [0.0, sign * 1.7], sign * np.linspace(0.0, 1.7, 12)
    whole = ode.solve(pull(rates), np.ones((4, 1)), times, method=ode.kvaerno5, dense=True)
    for row in range(4):
        alone = ode.solve(pull(rates[row]), np.ones((1, 1)), times, method=ode.kvaerno5, dense=True)
        np.testing.assert_array_equal(whole.x[:, row], alone.x[:, 0])
        np.testing.assert_array_equal(whole.dense(inner)[:, row], alone.dense(inner)[:, 0])
        for name in ("steps", "rejected", "evaluations"):
            assert whole.stats[name][row] == alone.stats[name][0], name


def test_dense_output_keeps_its_order_in_a_closing_step() -> None:
    """Fixed steps of kvaerno5 on x' = -x + cos t, the last by esdirk5: order 4 inside it."""

    def truth(t: Any) -> Any:
        return 0.5 * (np.cos(t) + np.sin(t) + np.exp(-t))

    errors = []
    for steps in (8, 16, 32, 64):
        found = ode.solve(
            lambda t, x: np.cos(t) - x, np.ones((1, 1)), [0.0, 1.0], method=ode.kvaerno5, substeps=steps,
            dense=True,
        )  # fmt: skip
        t = 1.0 - np.linspace(0.05, 0.95, 12) / steps
        errors.append(np.abs(found.dense(t)[:, 0, 0] - truth(t)).max())
    slope = np.polyfit(np.log([8, 16, 32, 64]), np.log(errors), 1)[0]
    assert -slope > 4.75  # the local error of order 4


def test_methods_that_close() -> None:
    assert {m.name for m in METHODS if closing(m)} == {"kvaerno5", "mclachlan4", "yoshida4", "yoshida6"}
    for method in METHODS:
        other = closing(method)
        if other is not None:
            assert other.order >= method.order
            assert min(nodes(other)) >= 0
            assert max(nodes(other)) <= 1


def test_a_tableau_of_ones_own_closes_too() -> None:
    """An explicit method with a node at 2; and one of an order that no method here has."""
    tableau = ode.Tableau(
        name="far", a=[[], [2]], b=["3/4", "1/4"], order=2, b_error=["-1/4", "1/4"], embedded_order=1
    )
    f = watched(FORWARD, lambda t, x: RATES * (np.cos(t) - x))
    loose: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-4}
    for options in (loose, {"substeps": 40}, {"dense": True, "batch": "shared", **loose}):
        found = ode.solve(f, np.ones((3, 1)), FORWARD, method=tableau, **options)
        exact = ode.solve(f, np.ones((3, 1)), FORWARD, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.x, exact.x, atol=5e-3)

    class Own:
        order = 2

        def step(self, f: Any, t: float, x: Any, dt: float) -> Any:
            return x + 0.75 * dt * f(t, x) + 0.25 * dt * f(t + 2 * dt, x + 2 * dt * f(t, x))

    assert ode.solve(f, np.ones((3, 1)), FORWARD, method=Own(), substeps=5).success
