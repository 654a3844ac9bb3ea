"""Methods of one's own: a step, a step with an error, or an attempt with state and dense output."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from diffmath import ode
from diffmath._stepping.trial import SlopeState, keep_state, select_state

TIMES = np.linspace(0.0, 2.0, 9)
RATES = np.array([[1.0], [4.0]])


def decay(t: Any, x: Any) -> Any:
    return -RATES * x


@dataclass(frozen=True)
class Carried:
    """The state that the midpoint rule below passes to the next step."""

    slope: Any
    trials: int = 0


class Adaptive:
    """Heun with its own quadratic inside a step; it passes on the last slope, and counts its trials."""

    order, embedded_order, dense_order = 2, 1, 2

    def __init__(self) -> None:
        self.states: list[Any] = []

    def init(self, f: Any, t: Any, x: Any) -> Carried:
        return Carried(f(t, x))

    def attempt(self, f: Any, state: Carried, t: Any, x: Any, dt: Any, *, estimate: bool = True) -> ode.Trial:
        first = state.slope
        last = f(t + dt, x + dt * first)
        x_new = x + dt / 2 * (first + last)
        self.states.append(state)

        def inside() -> Any:
            def at(rows: Any, theta: Any) -> Any:
                share, h = theta[:, None], np.broadcast_to(dt, (len(x), 1))[rows]
                return x[rows] + share * h * (first[rows] + share / 2 * (last - first)[rows])

            return at

        error = dt / 2 * (last - first) if estimate else None
        return ode.Trial(x_new, error, Carried(f(t + dt, x_new), state.trials + 1), inside)

    def step(self, f: Any, t: Any, x: Any, dt: Any) -> Any:
        return self.attempt(f, self.init(f, t, x), t, x, dt).x


@pytest.mark.parametrize("batch", ["rows", "shared"])
def test_an_attempt_adapts_and_reads_inside_its_steps(batch: Any) -> None:
    found = ode.solve(
        decay, np.ones((2, 1)), TIMES, method=Adaptive(), batch=batch, save="read", rtol=1e-6, atol=1e-8,
        dense=True, events=lambda t, x: x[:, 0] - 0.5,
    )  # fmt: skip
    exact = np.exp(-RATES[:, 0] * TIMES[:, None])
    # Local errors of 1e-6 over some hundred steps; the quadratic inside has order 2.
    np.testing.assert_allclose(found.x[..., 0], exact, atol=2e-4)
    assert found.dense is not None
    assert found.dense.order == 2  # type: ignore[attr-defined]
    np.testing.assert_allclose(found.dense(0.3)[:, 0], np.exp(-0.3 * RATES[:, 0]), atol=2e-4)
    assert found.t_events is not None
    for row, rate in enumerate(RATES[:, 0]):
        assert found.t_events[0][row][0] == pytest.approx(math.log(2) / rate, abs=1e-3)


def test_rows_keep_the_state_of_the_method_where_they_are_rejected() -> None:
    """A row of a batch is bitwise the same alone: its slope comes from its own last step."""
    alone = [
        ode.solve(lambda t, x, r=rate: -r * x, np.ones((1, 1)), [0.0, 2.0], method=Adaptive(), rtol=1e-4)
        for rate in RATES[:, :1]
    ]
    both = ode.solve(decay, np.ones((2, 1)), [0.0, 2.0], method=Adaptive(), rtol=1e-4)
    assert both.stats["rejected"].sum() > 0 or len(set(both.stats["steps"])) > 1
    for row, one in enumerate(alone):
        np.testing.assert_array_equal(both.x[-1, row], one.x[-1, 0])
        assert both.stats["steps"][row] == one.stats["steps"][0]


def test_fixed_steps_hand_the_state_on_and_ask_for_no_error() -> None:
    method = Adaptive()
    found = ode.solve(decay, np.ones((2, 1)), TIMES, method=method, substeps=4, dense=True)
    assert [state.trials for state in method.states] == list(range(32))
    np.testing.assert_allclose(found.x[-1, :, 0], np.exp(-2 * RATES[:, 0]), atol=4e-3)  # steps of 1/16
    assert found.dense is not None
    np.testing.assert_array_equal(found.dense(TIMES), found.x)


def test_a_step_goes_on_from_a_pickled_state() -> None:
    x, dt = np.ones((2, 1)), 0.1
    for method in (ode.dopri5, ode.kvaerno5, ode.rodas5p):
        trial = method.attempt(decay, method.init(decay, 0.0, x), 0.0, x, dt)
        again = method.attempt(decay, pickle.loads(pickle.dumps(trial.state)), dt, trial.x, dt)
        straight = method.attempt(decay, trial.state, dt, trial.x, dt)
        np.testing.assert_array_equal(again.x, straight.x)


class _Returns(Adaptive):
    def __init__(self, result: Any) -> None:
        self._result = result

    def attempt(self, *args: Any, **options: Any) -> Any:
        return self._result


@pytest.mark.parametrize(
    ("result", "match"),
    [
        (np.ones((2, 1)), r"method.attempt\(f, state, t, x, dt\) must return an ode.Trial; got ndarray"),
        (ode.Trial(np.ones((2, 1))), "must estimate the error of a method with an embedded_order"),
        (ode.Trial(np.ones(2), np.ones((2, 1))), r"must return shape \(2, 1\); got \(2,\)"),
        (ode.Trial(np.ones((2, 1)), np.ones((2, 1), "f4")), "must return the dtype of the state, float64"),
    ],
)
def test_a_wrong_attempt_is_refused(result: Any, match: str) -> None:
    with pytest.raises((TypeError, ValueError), match=match):
        ode.solve(decay, np.ones((2, 1)), TIMES, method=_Returns(result))


def test_a_state_is_selected_row_by_row_and_forgets_what_is_not_known() -> None:
    rows, old, new = np.array([True, False]), Carried(np.zeros((2, 1)), 3), Carried(np.ones((2, 1)), 4)
    mixed = select_state(rows, new, old)
    assert (mixed.slope[:, 0].tolist(), mixed.trials) == ([1.0, 0.0], 4)
    assert select_state(rows, new.slope, old.slope)[:, 0].tolist() == [1.0, 0.0]
    assert select_state(rows, SlopeState(), SlopeState(old.slope)).slope is None
    assert select_state(rows, SlopeState(new.slope), SlopeState()).slope is None
    assert select_state(rows, SlopeState(new.slope), SlopeState(), complete=True).slope is new.slope
    assert keep_state(new, old) == old
    assert keep_state(SlopeState(), SlopeState(old.slope)).slope is None
    assert keep_state(None, old) is None


class Faulty:
    """Euler's method, with one fault in what its attempt returns."""

    order, embedded_order = 1, 1

    def __init__(self, **fault: Any) -> None:
        self.fault = fault

    def step(self, f: Any, t: Any, x: Any, dt: Any) -> Any:
        return x + dt * f(t, x)

    def init(self, f: Any, t: Any, x: Any) -> Any:
        return self.fault.get("init")

    def attempt(self, f: Any, state: Any, t: Any, x: Any, dt: Any, *, estimate: bool = True) -> Any:
        given = {"x": x + dt * f(t, x), "error": 0.0 * x, **self.fault}
        given.pop("init", None)
        return ode.Trial(**given)


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ({"dense": lambda: 5}, TypeError, r"must return a callable at\(rows, theta\); got int"),
        ({"dense": lambda: lambda rows, theta: np.zeros(3)}, ValueError, r"must return shape \(\d, 1\)"),
        ({"init": np.zeros(5)}, ValueError, r"method.init.* one entry per row, shape \(2, ...\); got \(5,\)"),
        ({"state": np.zeros(5)}, ValueError, r"method.attempt.* one entry per row, .*; got \(5,\)"),
        ({"error": np.zeros(3)}, ValueError, r"must return shape \(2, 1\); got \(3,\)"),
    ],
)
def test_a_faulty_attempt_is_refused_by_name(fault: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        ode.solve(lambda t, x: -x, np.ones((2, 1)), [0.0, 1.0], method=Faulty(**fault), dense=True).dense(0.5)
    found = ode.solve(lambda t, x: -x, np.ones((2, 1)), [0.0, 1.0], method=Faulty(), dense=True)
    assert found.success
