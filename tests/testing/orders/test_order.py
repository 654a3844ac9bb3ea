"""`assert_order` passes correct methods on every problem drawn, and rejects mutants."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings

from diffmath import ode
from diffmath.testing import ODEProblem, assert_order, linear_ode
from diffmath.testing import strategies as dst

Step = Callable[[Any, float, Any, float], Any]


def my_step(f: Any, t: float, x: Any, dt: float) -> Any:
    """Heun's method as a user writes it."""
    k1 = f(t, x)
    k2 = f(t + dt, x + dt * k1)
    return x + dt / 2 * (k1 + k2)


# Every example measures an order on five grids: a fifth of the examples that a profile asks for.
FEW = settings(max_examples=settings().max_examples // 5)


# Program (e) of the design, as written there.
@given(problem=dst.linear_odes(max_dim=4))
def test_mine_is_second_order(problem: ODEProblem) -> None:
    assert_order(my_step, problem, order=2)


@pytest.mark.parametrize("method", [ode.euler, ode.midpoint, ode.rk4, ode.dopri5], ids=lambda m: m.name)
@FEW
@given(problem=dst.linear_odes(max_dim=4))
def test_correct_methods_pass_on_every_problem(method: ode.ExplicitRungeKutta, problem: ODEProblem) -> None:
    # Order 5 leaves few halvings above round-off: 1 of 2400 problems measured dopri5 at 4.845.
    assert_order(method.step, problem, order=method.order, tolerance=0.15 if method.order < 5 else 0.25)


def implicit_midpoint(f: Any, t: float, x: Any, dt: float) -> Any:
    slope = f(t, x)
    for _ in range(40):
        slope = f(t + dt / 2, x + dt / 2 * slope)
    return x + dt * slope


def extrapolated_midpoint(f: Any, t: float, x: Any, dt: float) -> Any:
    """Gragg's method, three times extrapolated: order 6, with a small error constant and some round-off."""
    results = []
    for n in (2, 4, 6):
        h = dt / n
        before, now = x, x + h * f(t, x)
        for i in range(1, n):
            before, now = now, before + 2 * h * f(t + i * h, now)
        results.append((before + now + h * f(t + dt, now)) / 2)
    return results[0] / 24 - 16 / 15 * results[1] + 81 / 40 * results[2]


@pytest.mark.parametrize(("step", "order"), [(implicit_midpoint, 2), (extrapolated_midpoint, 6)])
@settings(max_examples=10)
@given(problem=dst.linear_odes(max_dim=3, max_batch=1))
def test_other_kinds_of_methods_pass(step: Step, order: int, problem: ODEProblem) -> None:
    assert_order(step, problem, order=order)


def heun_without_time(f: Any, t: float, x: Any, dt: float) -> Any:
    k1 = f(t, x)
    return x + dt / 2 * (k1 + f(t, x + dt * k1))


def kutta(
    weights: tuple[float, ...] = (1 / 6, 1 / 3, 1 / 3, 1 / 6), *, third: int = 2, last: float = 1.0
) -> Step:
    """The classical method, or a mutant: its weights, the slope that k3 uses, the time of k4."""

    def step(f: Any, t: float, x: Any, dt: float) -> Any:
        k1 = f(t, x)
        k2 = f(t + dt / 2, x + dt / 2 * k1)
        k3 = f(t + dt / 2, x + dt / 2 * (k2 if third == 2 else k1))
        k4 = f(t + last * dt, x + dt * k3)
        return x + dt * sum(w * k for w, k in zip(weights, (k1, k2, k3, k4)))

    return step


def through_float32(f: Any, t: float, x: Any, dt: float) -> Any:
    return ode.rk4.step(f, t, x, dt).astype(np.float32).astype(np.float64)


def leaking_between_rows(f: Any, t: float, x: Any, dt: float) -> Any:
    return ode.rk4.step(f, t, x, dt) + 1e-6 * dt * np.abs(x).mean()


def clipped(f: Any, t: float, x: Any, dt: float) -> Any:
    return np.clip(ode.rk4.step(f, t, x, dt), -0.3, 0.3)


MUTANTS: dict[str, tuple[Step, int]] = {
    "Heun, t not advanced": (heun_without_time, 2),
    "RK4, weight 1/7": (kutta((1 / 7, 1 / 3, 1 / 3, 1 / 6)), 4),
    "RK4, k3 uses k1": (kutta(third=1), 4),
    "RK4, k4 at half time": (kutta(last=0.5), 4),
    "Euler claimed 2": (ode.euler.step, 2),
    "Heun claimed 3": (ode.heun.step, 3),
    "RK4 claimed 5": (ode.rk4.step, 5),
    "dopri5 claimed 6": (ode.dopri5.step, 6),
    "float32 inside": (through_float32, 4),
    "leak between rows": (leaking_between_rows, 4),
    "clipped": (clipped, 4),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_broken_methods_are_rejected(name: str) -> None:
    """The property of program (e) fails for each: Hypothesis finds a problem within its 50 examples."""
    step, order = MUTANTS[name]

    @settings(phases=[Phase.generate], max_examples=50)
    @given(problem=dst.linear_odes(max_dim=4))
    def property_of_the_mutant(problem: ODEProblem) -> None:
        assert_order(step, problem, order=order)

    with pytest.raises(AssertionError, match=r"measured order .* is below the claimed"):
        property_of_the_mutant()


@pytest.mark.parametrize(
    "name", [name for name in MUTANTS if "t not" not in name and "half time" not in name]
)
def test_most_broken_methods_are_rejected_on_any_problem(name: str) -> None:
    step, order = MUTANTS[name]
    with pytest.raises(AssertionError, match="below the claimed"):
        assert_order(step, linear_ode(dim=2, seed=3, frequency=None, duration=2.0), order=order)


def heun_through_float32(f: Any, t: float, x: Any, dt: float) -> Any:
    return my_step(f, t, x, dt).astype(np.float32).astype(np.float64)


def heun_leaking_between_rows(f: Any, t: float, x: Any, dt: float) -> Any:
    return my_step(f, t, x, dt) + 1e-6 * dt * x.mean(axis=0)


def implicit_midpoint_to_1e_minus_6(f: Any, t: float, x: Any, dt: float) -> Any:
    """Fixed-point iteration that stops by an absolute tolerance."""
    slope, change = f(t, x), math.inf
    while change > 1e-6:
        new = f(t + dt / 2, x + dt / 2 * slope)
        slope, change = new, np.abs(new - slope).max()
    return x + dt * (slope + 1e-6)


FLOORS: dict[str, tuple[Step, int, float]] = {
    # Method, order, error at which finer and finer runs stop. Rounding r = 2^-25 |x| a step balances h^p at
    # r^(p/(p+1)), 1e-5 and 2e-4; a wrong term of 1e-6 a unit of time stays what it is.
    "Heun, float32 inside": (heun_through_float32, 2, 1e-5),
    "Heun, leak between rows": (heun_leaking_between_rows, 2, 1e-6),
    "implicit midpoint, loose": (implicit_midpoint_to_1e_minus_6, 2, 1e-6),
    "Euler, float32 inside": (lambda f, t, x, dt: np.float64(np.float32(x + dt * f(t, x))), 1, 2e-4),
}


@pytest.mark.parametrize("name", FLOORS)
@pytest.mark.parametrize("seed", range(4))
def test_errors_that_stop_falling_far_above_round_off_are_rejected(name: str, seed: int) -> None:
    """In the runs of `assert_order` these errors still fall as they should: they passed."""
    step, order, error = FLOORS[name]
    problem = linear_ode(dim=2, batch=3, seed=seed, frequency=None, duration=2.0)
    with pytest.raises(AssertionError, match=r"errors stop falling at about .*: a step of dt=") as caught:
        assert_order(step, problem, order=order)
    found = float(re.findall(r"about ([\d.]+e[+-]\d+)", str(caught.value))[0])
    assert error / 30 < found < error * 30
    assert "  order" in str(caught.value).splitlines()[1]


def test_a_method_that_is_exact_passes_for_any_order() -> None:
    """x' = -x by its propagator: the errors are round-off, and there is no order to measure."""
    x0 = np.ones((1, 1))
    problem = ODEProblem(lambda t, x: -x, x0, (0.0, 1.0), lambda t: x0 * math.exp(-t), lipschitz=1.0)
    assert_order(lambda f, t, x, dt: x * math.exp(-dt), problem, order=3)


def test_a_higher_order_passes_unless_both_sides_are_asked_for() -> None:
    problem = linear_ode(dim=2, seed=1)
    assert_order(ode.rk4.step, problem, order=2)
    assert_order(ode.rk4.step, problem, order=4, two_sided=True)
    with pytest.raises(AssertionError, match=r"measured order .* is above the claimed 2"):
        assert_order(ode.rk4.step, problem, order=2, two_sided=True)


def test_nonlinear_problems_serve_as_well() -> None:
    """Logistic growth, x = 1 / (1 + 4 exp(-t)); its Jacobian 1 - 2x is at most 1 in size."""
    x0 = np.full((1, 1), 0.2)
    logistic = ODEProblem(
        lambda t, x: x * (1 - x),
        x0,
        (0.0, 2.0),
        lambda t: np.full((1, 1), 1 / (1 + 4 * math.exp(-t))),
        1.0,
        "logistic",
    )
    for method in (ode.euler, ode.heun, ode.rk4, ode.dopri5):
        assert_order(method.step, logistic, order=method.order)
    with pytest.raises(AssertionError, match="logistic"):
        assert_order(ode.heun.step, logistic, order=3)


def test_the_message_is_a_table() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_order(ode.euler.step, linear_ode(dim=1, seed=0), order=2)
    lines = str(caught.value).splitlines()
    assert "ODEProblem(linear_ode(dim=1, seed=0" in lines[0]
    assert lines[1].split() == ["steps", "error", "order"]
    assert len(lines) == 2 + 6
    assert re.fullmatch(r" *\d+ +[\d.e-]+ +1\.0\d", lines[-1])


def test_a_step_that_blows_up_is_refuted_not_a_warning() -> None:
    with pytest.raises(AssertionError, match="not finite with the smallest step"):
        assert_order(lambda f, t, x, dt: x * 1e200, linear_ode(dim=1, seed=0), order=1)
    with pytest.raises(AssertionError, match="not finite"):
        assert_order(lambda f, t, x, dt: x * np.nan, linear_ode(dim=1, seed=0), order=1)


def test_a_step_of_the_wrong_shape_is_named() -> None:
    with pytest.raises(AssertionError, match=r"step must return shape \(1, 2\); got \(2,\)"):
        assert_order(lambda f, t, x, dt: x[0], linear_ode(dim=2, seed=0), order=1)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"step": 3}, TypeError, "step must be a callable"),
        ({"problem": 3}, TypeError, "problem must be an ODEProblem; got int"),
        ({"order": 0}, ValueError, "order must be at least 1; got 0"),
        ({"order": 2.0}, TypeError, "order must be an integer; got float"),
        ({"order": 7}, ValueError, "order must be at most 6"),
        ({"halvings": 3}, ValueError, "halvings must be at least 4"),
        ({"halvings": 4.5}, TypeError, "halvings must be an integer"),
        ({"tolerance": 0.0}, ValueError, r"tolerance must lie in \(0, 1\)"),
    ],
)
def test_bad_arguments_are_refused(changes: dict[str, Any], error: type[Exception], match: str) -> None:
    good: dict[str, Any] = {"step": my_step, "problem": linear_ode(dim=1, seed=0), "order": 2}
    with pytest.raises(error, match=match):
        assert_order(**(good | changes))


@pytest.mark.parametrize(("result", "kind"), [([[1.0, 2.0]], "list"), (None, "NoneType"), (1.0, "float")])
def test_a_step_that_returns_no_array_is_named(result: object, kind: str) -> None:
    problem = linear_ode(dim=2, seed=0)
    with pytest.raises(AssertionError, match=f"step must return a NumPy array like x; got {kind}"):
        assert_order(lambda f, t, x, dt: result, problem, order=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="tolerance must be a number; got str"):
        assert_order(lambda f, t, x, dt: x, problem, order=1, tolerance="a")  # type: ignore[arg-type]
