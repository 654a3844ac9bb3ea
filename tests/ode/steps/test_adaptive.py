"""Adaptive steps: rows on their own, shared clocks, controllers, the bounds of steps, ends and statistics."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import ode

METHODS = [ode.bosh3, ode.dopri5, ode.tsit5, ode.vern7, ode.dop853]
named = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
CONTROLLERS = [ode.IController(), ode.PIController(), ode.PIDController()]
RATES = np.array([[1.0], [20.0], [0.1], [5.0]])


def pendulum(t: Any, x: Any) -> Any:
    return np.stack([x[:, 1], -np.sin(x[:, 0]) + 0.1 * np.cos(np.reshape(t, (-1,)))], axis=1)


STARTS = np.array([[0.1, 0.0], [3.0, 0.0], [0.0, 5.0], [-1.0, 1.0], [2.0, -2.0]])


@named
@pytest.mark.parametrize("controller", CONTROLLERS, ids=lambda c: type(c).__name__)
def test_a_row_alone_is_the_row_in_company(method: Any, controller: Any) -> None:
    """States and statistics, bit for bit, with save times inside steps and an extension that costs."""
    times = [0.0, 0.33, 0.34, 2.0, 7.0]
    whole = ode.solve(pendulum, STARTS, times, method=method, controller=controller)
    for row in range(len(STARTS)):
        alone = ode.solve(pendulum, STARTS[row : row + 1], times, method=method, controller=controller)
        np.testing.assert_array_equal(whole.x[:, row], alone.x[:, 0])
        for name in ("steps", "rejected", "evaluations"):
            assert whole.stats[name][row] == alone.stats[name][0]
    assert whole.stats["calls"] < whole.stats["evaluations"].sum()


@given(
    st.permutations(range(5)), st.integers(1, 5), st.sampled_from(METHODS), st.sampled_from(["auto", "land"])
)
def test_rows_in_any_company(order: list[int], size: int, method: Any, save: Any) -> None:
    times, chosen = [0.0, 0.5, 1.5], order[:size]
    whole = ode.solve(pendulum, STARTS, times, method=method, save=save)
    part = ode.solve(pendulum, STARTS[chosen], times, method=method, save=save)
    np.testing.assert_array_equal(part.x, whole.x[:, chosen])
    np.testing.assert_array_equal(part.stats["evaluations"], whole.stats["evaluations"][chosen])


@named
def test_a_shared_clock_is_that_of_the_worst_row(method: Any) -> None:
    def f(t: Any, x: Any) -> Any:
        assert isinstance(t, float)
        return -RATES * x

    found = ode.solve(f, np.ones((4, 1)), [0.0, 2.0], batch="shared", method=method)
    alone = ode.solve(lambda t, x: -20.0 * x, np.ones((1, 1)), [0.0, 2.0], batch="shared", method=method)
    assert found.stats["steps"] >= 0.9 * alone.stats["steps"]
    assert found.stats["evaluations"] == found.stats["calls"]
    np.testing.assert_allclose(found.x[-1], np.exp(-2 * RATES), atol=1e-5)


@named
@pytest.mark.parametrize("controller", CONTROLLERS, ids=lambda c: type(c).__name__)
def test_the_error_follows_the_tolerance(method: Any, controller: Any) -> None:
    """Four tolerances 1e-4 to 1e-10: the error falls with each, and stays within 100 of it."""
    errors = []
    for tolerance in (1e-4, 1e-6, 1e-8, 1e-10):
        found = ode.solve(
            lambda t, x: 1j * x, np.ones((1, 1), dtype=complex), [0.0, 10.0], method=method, rtol=tolerance,
            atol=tolerance, controller=controller, max_steps=100_000,
        )  # fmt: skip
        errors.append(abs(found.x[-1, 0, 0] - np.exp(10j)))
        assert errors[-1] < 100 * tolerance
    assert sorted(errors, reverse=True) == errors


def test_controllers_differ_where_stability_limits_the_steps() -> None:
    """Stiff decay: the proportional part halves the rejections of the classical controller, or better."""
    rejected = {}
    for controller in CONTROLLERS:
        found = ode.solve(
            lambda t, x: -300 * (x - np.cos(t)), np.ones((1, 1)), [0.0, 10.0], controller=controller
        )
        rejected[type(controller).__name__] = int(found.stats["rejected"][0])
        np.testing.assert_allclose(found.x[-1], math.cos(10.0), atol=1e-2)
    assert rejected["PIController"] <= rejected["IController"] / 2
    assert rejected["PIDController"] <= rejected["IController"] / 2


@pytest.mark.parametrize("batch", ["rows", "shared"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_bounds_of_steps_are_kept(batch: Any, sign: float) -> None:
    span = [0.0, sign * 3.1]
    sizes = [
        abs(step.dt)
        for step in ode.steps(
            lambda t, x: -sign * x,
            np.ones((2, 1)),
            span,
            batch=batch,
            max_step=0.25,
            rtol=1e-2,
            first_step=0.125,
        )
    ]
    assert sizes[0].tolist() == [0.125, 0.125]
    assert np.max(sizes) <= 0.25 * (1 + 1e-9)
    assert len(sizes) == 13  # 0.125, eleven of 0.25, and the rest of 0.225
    np.testing.assert_allclose(np.sum(sizes, axis=0), 3.1)
    stuck = ode.solve(
        lambda t, x: -sign * 1e4 * x, np.ones((1, 1)), span, batch=batch, min_step=0.01, on_failure="return"
    )
    assert stuck.status == "step_too_small"
    assert "fell to its floor 0.01 at t=" in stuck.message


@named
def test_the_cap_counts_trials_of_a_row(method: Any) -> None:
    found = ode.solve(
        lambda t, x: -RATES * x,
        np.ones((4, 1)),
        [0.0, 1.0, 20.0],
        method=method,
        max_steps=60,
        rtol=1e-4,
        atol=1e-4,
        on_failure="return",
    )
    trials = found.stats["steps"] + found.stats["rejected"]
    for row, status in enumerate(found.row_status or ()):
        assert (trials[row] == 60) if status == "max_steps" else (status == "ok" and trials[row] <= 60)
    assert "max_steps" in (found.row_status or ())
    assert "ok" in (found.row_status or ())


@named
def test_statistics_add_up(method: Any) -> None:
    """Evaluations: two at the start, then a number per trial that the tableau gives."""
    calls: list[None] = []

    def f(t: Any, x: Any) -> Any:
        calls.append(None)
        return pendulum(t, x)

    stats = ode.solve(f, STARTS[1:2], [0.0, 9.0], method=method).stats
    trials, steps = int(stats["steps"][0] + stats["rejected"][0]), int(stats["steps"][0])
    assert stats["calls"] == stats["evaluations"][0] == len(calls)
    stages = method.tableau.stages
    if method.tableau.is_fsal:
        assert len(calls) == 2 + (stages - 1) * trials
    else:
        assert len(calls) == 2 + stages * trials - 1
    assert steps > 5


@pytest.mark.parametrize("options", [{}, {"batch": "shared"}, {"method": ode.rk4, "substeps": 50}])
def test_backward_is_forward_mirrored(options: dict[str, Any]) -> None:
    ahead = ode.solve(pendulum, STARTS, [0.0, 1.0, 2.0], **options)
    back = ode.solve(lambda t, x: -pendulum(-np.asarray(t), x), STARTS, [0.0, -1.0, -2.0], **options)
    np.testing.assert_array_equal(ahead.x, back.x)
    if "substeps" not in options:  # fixed steps have no tolerance; 50 of rk4 err by less than 1e-5 as well
        options = options | {"rtol": 1e-9, "atol": 1e-9}
    there = ode.solve(pendulum, STARTS, [0.0, 2.0], **options)
    again = ode.solve(pendulum, there.x[-1], [2.0, 0.0], **options)
    np.testing.assert_allclose(again.x[-1], STARTS, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"batch": "shared"}, {"substeps": 5}])
def test_a_callback_sees_every_step_and_may_stop(options: dict[str, Any]) -> None:
    seen: list[Any] = []

    def watch(t: Any, x: Any) -> bool:
        seen.append((np.array(t), x.copy()))
        return len(seen) == 3

    found = ode.solve(pendulum, STARTS, [0.0, 1e-9, 4.0], callback=watch, **options)
    assert len(seen) == 3
    assert found.status == "user_stop"
    assert not found.success
    assert "the callback stopped the solve at t=" in found.message
    assert found.row_status in (None, ("user_stop",) * 5)
    assert all(np.all(a[0] <= b[0]) for a, b in itertools.pairwise(seen))
    assert np.ndim(seen[0][0]) == (1 if not options else 0)
    quiet: list[None] = []
    whole = ode.solve(pendulum, STARTS, [0.0, 4.0], callback=lambda t, x: quiet.append(None), **options)
    assert whole.status == "ok"
    steps, rejected = whole.stats["steps"], whole.stats.get("rejected", 0)
    assert np.max(steps) <= len(quiet) <= np.max(steps + rejected)


@pytest.mark.parametrize("options", [{}, {"batch": "shared"}, {"substeps": 5}])
def test_a_callback_that_returns_an_array_is_refused_by_name(options: dict[str, Any]) -> None:
    """Of a batch and of one state; an array of one truth value has one, and stops the solve."""
    for x0 in (np.ones((2, 3)), np.ones(3)):
        with pytest.raises(TypeError, match=r"callback must return a truth value, .*; got ndarray"):
            ode.solve(lambda t, x: -x, x0, [0.0, 1.0], callback=lambda t, x: x > 0, **options)
        found = ode.solve(lambda t, x: -x, x0, [0.0, 1.0], callback=lambda t, x: np.array([True]), **options)
        assert found.status == "user_stop"


def test_a_stop_does_not_rewrite_how_other_rows_ended() -> None:
    """Row 0 has ended by its event, row 1 by nan; the callback stops row 2."""

    def f(t: Any, x: Any) -> Any:
        return np.where((x > 5) & (x < 9) & (np.reshape(t, (-1, 1)) > 0.5), math.nan, 1.0) + 0 * x

    taken: list[None] = []

    def stop(t: Any, x: Any) -> bool:
        taken.append(None)
        return bool(t[2] > 20)

    found = ode.solve(
        f, np.array([[0.0], [5.0], [10.0]]), [0.0, 100.0], max_step=0.02, callback=stop, on_failure="return",
        events=ode.Event(lambda t, x: x[:, 0] - 0.5, terminal=True),
    )  # fmt: skip
    assert found.row_status == ("event", "nonfinite", "user_stop")
    assert found.status == "nonfinite"


@named
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_rows_that_turn_bad_stop_alone(method: Any, bad: float) -> None:
    """The others are bitwise as they are without them."""

    def f(t: Any, x: Any) -> Any:
        return np.where((x[:, :1] > 2) & (np.reshape(t, (-1, 1)) > 0.5), bad, -x)

    x0 = np.array([[1.0, 2.0], [9.0, 1.0], [0.5, 0.1]])
    found = ode.solve(f, x0, [0.0, 0.4, 1.0], method=method, on_failure="return")
    assert found.row_status == ("ok", "nonfinite", "ok")
    assert "just after t=0.5 in row 1" in found.message
    good = ode.solve(f, x0[[0, 2]], [0.0, 0.4, 1.0], method=method)
    np.testing.assert_array_equal(found.x[:, [0, 2]], good.x)
    assert np.isnan(found.x[:, 1]).all(axis=1).tolist() == [False, False, True]
    np.testing.assert_array_equal(found.stats["evaluations"][[0, 2]], good.stats["evaluations"])


@named
@pytest.mark.parametrize("dtype", ["complex64", "complex128", "float32"])
def test_other_dtypes(method: Any, dtype: str) -> None:
    x0 = np.ones((2, 2), dtype=dtype)
    factor = 1j if "complex" in dtype else -1.0
    found = ode.solve(
        lambda t, x: (factor * x).astype(dtype), x0, [0.0, 0.5, 2.0], method=method, rtol=1e-4, atol=1e-4
    )
    assert found.x.dtype == dtype
    wanted = np.exp(factor * found.t)[:, None, None] * x0
    np.testing.assert_allclose(found.x, wanted, atol=2e-3)  # 20 tolerances
