"""Events: where they are, to the last digits; which of them count; and that rows do not see each other's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import SolveError, ode
from diffmath._arrays.namespace import array_namespace

BATCHES: list[dict[str, Any]] = [{}, {"batch": "shared"}]
FOUND_AT = [*BATCHES, {"method": ode.dop853}, {"method": ode.bosh3}, {"method": ode.rk4, "substeps": 400}]


def fitting(options: dict[str, Any], **adaptive: Any) -> dict[str, Any]:
    """Options of adaptive steps, where steps are not fixed."""
    return options if "substeps" in options else adaptive | options


def spin(t: Any, x: Any) -> Any:
    """x = (cos t, -sin t) from (1, 0)."""
    xp = array_namespace(x)
    return xp.stack([x[:, 1], -x[:, 0]], axis=1)


def first(t: Any, x: Any) -> Any:
    return x[:, 0]


def clock(at: float) -> Any:
    """An event of time alone, for any kind of time: it is located by the clock, not by the state."""
    return lambda t, x: 0 * x[:, 0] + (np.reshape(t, (-1,)) - at)


START = np.array([[1.0, 0.0]])
HALF = math.pi / 2


@pytest.mark.parametrize("options", FOUND_AT)
@pytest.mark.parametrize("direction", [-1, 0, 1])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_directions_are_those_of_the_path(options: dict[str, Any], direction: int, sign: float) -> None:
    """cos t falls through zero at pi/2, rises at 3 pi/2; backward in time it is met in mirrored order."""
    found = ode.solve(
        spin, START, [0.0, sign * 9.0], events=ode.Event(first, direction=direction),
        **fitting(options, rtol=1e-8, atol=1e-8),
    )  # fmt: skip
    falling, rising = [HALF, 5 * HALF], [3 * HALF]
    wanted = {-1: falling, 1: rising, 0: sorted(falling + rising)}[direction]
    assert found.success
    assert found.row_status is None or found.row_status == ("ok",)
    np.testing.assert_allclose(found.t_events[0][0], sign * np.array(wanted), atol=1e-6)  # 100 tolerances
    np.testing.assert_allclose(found.x_events[0][0][:, 0], 0.0, atol=1e-13)


@pytest.mark.parametrize("options", FOUND_AT)
def test_the_time_of_an_event_is_exact_to_the_clock(options: dict[str, Any]) -> None:
    for at in (0.1, 1.0, 2.0 / 3, 4.9999):
        found = ode.solve(spin, START, [0.0, 5.0], events=clock(at), **options)
        assert abs(found.t_events[0][0] - at) <= 4 * np.spacing(5.0)  # the tolerance stated


@given(st.lists(st.floats(0.001, 0.999), min_size=1, max_size=4, unique=True), st.sampled_from([1.0, -1.0]))
def test_all_events_of_a_step_are_found_in_their_order(places: list[float], sign: float) -> None:
    """One step of a constant slope covers everything; events of several functions in one step."""
    found = ode.solve(
        lambda t, x: 1 + 0 * x, np.zeros((1, 1)), [0.0, sign], first_step=1.0, method=ode.dopri5,
        events=[ode.Event(lambda t, x, a=a: x[:, 0] - sign * a) for a in places],
    )  # fmt: skip
    assert found.stats["steps"].tolist() == [1]
    times = [float(event[0][0]) for event in found.t_events]
    np.testing.assert_allclose(times, sign * np.array(places), atol=1e-15)


def test_checks_are_where_the_sign_is_looked_at() -> None:
    """Two crossings in one step cancel unless it is looked at in between."""

    def dip(t: Any, x: Any) -> Any:
        return (x[:, 0] - 0.3) * (x[:, 0] - 0.4)

    for checks, wanted in ((1, []), (2, []), (3, [0.3, 0.4])):
        found = ode.solve(
            lambda t, x: 1 + 0 * x, np.zeros((1, 1)), [0.0, 1.0], first_step=1.0,
            events=ode.Event(dip, checks=checks),
        )  # fmt: skip
        np.testing.assert_allclose(found.t_events[0][0], wanted, atol=1e-15)


@pytest.mark.parametrize("options", BATCHES)
def test_the_first_terminal_event_ends_and_hides_what_comes_after_it(options: dict[str, Any]) -> None:
    """All in one step: events at 0.2 and 0.4 count, 0.5 ends, 0.7 is never reached."""
    at = [0.7, 0.4, 0.5, 0.2]
    events = [ode.Event(lambda t, x, a=a: x[:, 0] - a, terminal=a == 0.5) for a in at]
    found = ode.solve(
        lambda t, x: 1 + 0 * x, np.zeros((1, 1)), np.linspace(0, 1, 11), first_step=1.0, events=events,
        dense=True, **options,
    )  # fmt: skip
    assert [times[0].round(12).tolist() for times in found.t_events] == [[], [0.4], [0.5], [0.2]]
    assert found.status == "event"
    assert found.success
    assert "a terminal event ended row 0" in found.message
    np.testing.assert_allclose(found.t, np.linspace(0, 0.5, 6))  # a save time on the event is saved
    np.testing.assert_allclose(found.x[:, 0, 0], found.t)
    assert found.dense is not None
    np.testing.assert_allclose(found.dense([0.45, 0.55])[:, 0, 0], [0.45, math.nan])


@pytest.mark.parametrize("options", BATCHES)
def test_a_count_ends_at_that_many(options: dict[str, Any]) -> None:
    found = ode.solve(spin, START, [0.0, 50.0], events=ode.Event(first, terminal=3, direction=-1), **options)
    np.testing.assert_allclose(found.t_events[0][0], HALF * np.array([1, 5, 9]), atol=1e-4)
    assert found.status == "event"


@pytest.mark.parametrize("method", [ode.dopri5, ode.dop853], ids=lambda m: m.name)
@pytest.mark.parametrize("dense", [False, True])
def test_rows_do_not_see_the_events_of_others(method: Any, dense: bool) -> None:
    """Times, states, saves and statistics are bitwise those of the row alone; one row has no event."""
    rates = np.array([[1.0], [0.01], [5.0], [0.7]])

    def solve(rows: list[int]) -> Any:
        return ode.solve(
            lambda t, x: -rates[rows] * x, np.ones((len(rows), 1)), [0.0, 0.4, 1.0, 2.0], method=method,
            events=ode.Event(lambda t, x: x[:, 0] - 0.5, terminal=True), dense=dense,
        )  # fmt: skip

    whole = solve([0, 1, 2, 3])
    assert whole.row_status == ("event", "ok", "event", "event")
    for row in range(4):
        alone = solve([row])
        np.testing.assert_array_equal(whole.t_events[0][row], alone.t_events[0][0])
        np.testing.assert_array_equal(whole.x_events[0][row], alone.x_events[0][0])
        assert whole.t_end[row] == alone.t_end[0]
        np.testing.assert_array_equal(whole.x[-1, row], alone.x[-1, 0])
        before = whole.t < whole.t_end[row]
        np.testing.assert_array_equal(whole.x[before, row], alone.x[alone.t < alone.t_end[0], 0])
        assert (whole.x[~before, row] == alone.x[-1, 0]).all()
        for name in ("steps", "rejected", "evaluations"):
            assert whole.stats[name][row] == alone.stats[name][0], (name, row)
        if dense:
            grid = np.linspace(0, 2, 41)
            np.testing.assert_array_equal(whole.dense(grid)[:, row], alone.dense(grid)[:, 0])


@pytest.mark.parametrize("options", BATCHES)
def test_a_rejected_step_has_no_event(options: dict[str, Any]) -> None:
    """The first trial, of size 3, crosses x = -1 in its stages and result; the solution never does."""
    seen: list[float] = []

    def watched(t: Any, x: Any) -> Any:
        seen.append(float(x.min()))
        return x[:, 0] + 1

    found = ode.solve(
        lambda t, x: -20 * x, np.ones((1, 1)), [0.0, 3.0], first_step=3.0, events=watched, **options
    )
    rejected = np.atleast_1d(found.stats["rejected"])
    assert rejected[0] > 0
    assert found.t_events[0][0].size == 0
    assert min(seen) > -0.01


@pytest.mark.parametrize("options", BATCHES)
def test_a_row_that_starts_at_zero_has_no_event_there(options: dict[str, Any]) -> None:
    """sin t starts at zero: its events are pi and 2 pi. A bouncing solve may start where it ended."""
    found = ode.solve(spin, np.array([[0.0, 1.0]]), [0.0, 7.0], rtol=1e-9, events=first, **options)
    np.testing.assert_allclose(found.t_events[0][0], [math.pi, 2 * math.pi], atol=1e-6)


def test_an_event_may_be_on_a_step_and_on_the_last_time() -> None:
    """Zero exactly at the end of a step: found once, not again by the step after it."""
    for stop in (1.0, 2.0):
        found = ode.solve(
            lambda t, x: 1 + 0 * x, np.zeros((1, 1)), [0.0, stop], first_step=1.0, max_step=1.0,
            events=clock(1.0),
        )  # fmt: skip
        assert found.t_events[0][0].tolist() == [1.0]


def test_an_event_in_the_last_step_allowed_is_a_success() -> None:
    """The row needs no further trial and gets none: the message must not say that its trials are spent."""
    decay = ode.Event(lambda t, x: x[:, 0] - 0.5, terminal=True)
    for most in range(1, 40):
        found = ode.solve(
            lambda t, x: -x, np.ones((1, 1)), [0.0, 10.0], max_steps=most, events=decay, on_failure="return"
        )
        assert found.status == ("event" if found.t_events[0][0].size else "max_steps")
        assert found.row_status == (found.status,)
        if found.status == "event":
            break
    assert most > 2


@pytest.mark.parametrize("options", BATCHES)
def test_an_event_of_one_row_does_not_hide_the_failure_of_another(options: dict[str, Any]) -> None:
    """A terminal event in row 0, at 0.5; then row 1 turns nan: the solve failed."""

    def f(t: Any, x: Any) -> Any:
        return np.where(x > 3, math.nan, 1 + 0 * x)

    def half_in_row_0(t: Any, x: Any) -> Any:
        return np.where(x[:, 0] - np.reshape(t, (-1,)) < 0.5, x[:, 0] - 0.5, -1.0)

    found = ode.solve(
        f, np.array([[0.0], [1.0]]), [0.0, 9.0], on_failure="return",
        events=ode.Event(half_in_row_0, terminal=True),
        **options,
    )  # fmt: skip
    assert found.status == "nonfinite"
    assert found.row_status in (None, ("event", "nonfinite"))
    np.testing.assert_allclose(found.t_events[0][0], [0.5])
    assert found.t_events[0][1].size == 0


def test_scipys_functions_with_attributes_are_taken() -> None:
    def ground(t: Any, x: Any) -> Any:
        return x[:, 0]

    ground.terminal, ground.direction = True, -1.0  # type: ignore[attr-defined]
    found = ode.solve(spin, START, [0.0, 9.0], events=[ground, first])
    assert found.status == "event"
    assert found.t_events[0][0].size == found.t_events[1][0].size == 1


def test_states_of_any_shape_and_dtype() -> None:
    """The real part of a complex state of shape (2, 2) falls through 1/2 at pi/3."""
    x0 = np.ones((3, 2, 2), dtype=complex) * np.array([1, 1j, -1])[:, None, None]
    found = ode.solve(
        lambda t, x: 1j * x, x0, [0.0, 2.0], rtol=1e-9,
        events=ode.Event(lambda t, x: x[:, 1, 0].real - 0.5, terminal=True),
    )  # fmt: skip
    assert found.x_events[0][0].shape == (1, 2, 2)
    assert found.x_events[0][1].shape == (0, 2, 2)
    np.testing.assert_allclose(found.t_events[0][0], [math.pi / 3], atol=1e-7)
    assert found.row_status == ("event", "ok", "ok")


@pytest.mark.parametrize("options", [*BATCHES, {"method": ode.rk4, "substeps": 20}])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_library(xp: Any, options: dict[str, Any], dtype: str) -> None:
    x0 = xp.asarray([[1.0, 0.0], [0.5, 0.0], [-1.0, 0.0]], dtype)
    found = ode.solve(
        spin, x0, [0.0, 1.0, 2.0], events=ode.Event(first, direction=-1),
        **fitting(options, rtol=1e-5, atol=1e-6),
    )  # fmt: skip
    for row in (0, 1):
        np.testing.assert_allclose(found.t_events[0][row], [HALF], atol=1e-3)  # 100 tolerances
        np.testing.assert_allclose(xp.numpy(found.x_events[0][row])[0, 0], 0.0, atol=1e-5)
    assert found.t_events[0][2].size == 0
    assert xp.numpy(found.x_events[0][2]).shape == (0, 2)


def test_the_empty_batch_has_no_events() -> None:
    found = ode.solve(spin, np.ones((0, 2)), [0.0, 1.0], events=first)
    assert found.t_events == ((),)


@pytest.mark.parametrize(
    ("event", "error", "match"),
    [
        (3, TypeError, "event must be a callable"),
        (lambda x, t: x, TypeError, r"event\(t, x\)"),
        ([lambda t, x: x], ValueError, r"must return shape \(1,\), one number per row; .*ode.unbatched"),
        (lambda t, x: 0.0, ValueError, "one number per row; got float"),
    ],
)
def test_events_that_are_none_are_refused(event: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        ode.solve(spin, START, [0.0, 1.0], events=event)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"terminal": -1}, ValueError, "terminal must be True, False or a count"),
        ({"terminal": 0.5}, ValueError, "terminal must be True, False or a count"),
        ({"checks": 0}, ValueError, "checks must be an int of at least 1"),
        ({"checks": True}, ValueError, "checks must be an int of at least 1"),
        ({"direction": "up"}, TypeError, "direction must be a number; got str"),
        ({"direction": math.nan}, ValueError, "direction must be a number: positive, negative or 0; got nan"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        ode.Event(first, **options)


def test_an_exception_of_an_event_passes_through_with_its_place() -> None:
    def broken(t: Any, x: Any) -> Any:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        ode.solve(spin, START, [0.0, 1.0], events=broken)
    assert "raised by event(t, x) at t=" in caught.value.__notes__[0]


def gap(low: float, high: float) -> Any:
    """t - 1/2, but nan in between."""

    def event(t: Any, x: Any) -> Any:
        time = np.broadcast_to(np.ravel(t), (len(x),))
        return np.where((time > low) & (time < high), math.nan, time - 0.5)

    return event


MODES: list[dict[str, Any]] = [{}, {"batch": "shared"}, {"substeps": 40}, {"method": ode.rk4, "substeps": 7}]


@pytest.mark.parametrize("options", MODES, ids=repr)
@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("width", [0.2, 1e-3, 1e-9])
def test_a_crossing_cannot_hide_where_an_event_is_nan(
    width: float, terminal: bool, options: dict[str, Any]
) -> None:
    event = ode.Event(gap(0.5 - width / 3, 0.5 + width), terminal=terminal)
    times = np.linspace(0, 1, 11)
    found = ode.solve(
        lambda t, x: -x, np.ones((2, 1)), times, events=event, on_failure="return", dense=True,
        **fitting(options, rtol=1e-4, max_step=0.1),
    )  # fmt: skip
    assert found.status == "nonfinite"
    assert "event(t, x) is nan between t=0." in found.message
    assert found.t[-1] <= 0.5
    np.testing.assert_allclose(found.x[:, :, 0], np.exp(-found.t)[:, None] * np.ones(2), rtol=1e-3)
    assert [len(row) for row in found.t_events[0]] == [0, 0]  # type: ignore[index]


@pytest.mark.parametrize("options", MODES, ids=repr)
def test_the_edge_of_an_events_domain_ends_its_row_alone(options: dict[str, Any]) -> None:
    """sqrt(x - 1/2) reaches zero at t = ln 2 and is nan then; the second row does not get there."""
    x0 = np.array([[1.0], [5.0]])
    events = [lambda t, x: np.sqrt(x[:, 0] - 0.5), lambda t, x: x[:, 0] - 0.8]
    found = ode.solve(lambda t, x: -x, x0, [0.0, 0.25, 1.0], events=events, on_failure="return", **options)
    assert found.status == "nonfinite"
    assert found.row_status in (None, ("nonfinite", "ok"))
    assert "in row 0" in found.message
    np.testing.assert_allclose(found.t_events[1][0], math.log(1.25), rtol=1e-3)  # type: ignore[index]
    if found.row_status:
        np.testing.assert_allclose(found.x[:, 1, 0], 5 * np.exp(-np.array([0, 0.25, 1])), rtol=1e-3)
        assert np.isnan(found.x[2, 0])


def test_an_event_that_is_nan_at_the_start_or_everywhere() -> None:
    for event in (lambda t, x: math.nan * x[:, 0], lambda t, x: np.log(x[:, 0] - 1)):
        with pytest.raises(SolveError, match=r"event.* is nan between t=0 and") as caught:
            ode.solve(lambda t, x: 0 * x - 1, np.ones((1, 1)), [0.0, 1.0], events=event)
        assert caught.value.solution.t.tolist() == [0.0]


@pytest.mark.parametrize("options", MODES, ids=repr)
def test_a_terminal_event_before_the_gap_is_found(options: dict[str, Any]) -> None:
    """In one long step: the event at 0.5, nan from 0.55 on."""
    event = ode.Event(gap(0.55, 2.0), terminal=True, checks=40)
    found = ode.solve(lambda t, x: 0 * x + 1, np.zeros((1, 1)), [0.0, 1.0], events=event, **options)
    assert found.status == "event"
    np.testing.assert_allclose(found.t_events[0][0], [0.5], rtol=1e-12)  # type: ignore[index]


def test_a_state_that_is_nan_is_the_solvers_to_report() -> None:
    found = ode.solve(
        lambda t, x: np.where(t > 0.4, np.nan, x), np.ones((1, 1)), [0.0, 1.0], events=lambda t, x: x[:, 0],
        method=ode.euler, substeps=10, on_failure="return",
    )  # fmt: skip
    assert found.status == "nonfinite"
    assert "the state became nan" in found.message


@pytest.mark.parametrize("options", MODES, ids=repr)
def test_a_callback_sees_what_the_solution_does_at_a_terminal_event(options: dict[str, Any]) -> None:
    seen: list[tuple[Any, Any]] = []
    found = ode.solve(
        lambda t, x: 0 * x + 1, np.array([[0.0], [-0.25]]), [0.0, 1.0],
        events=ode.Event(lambda t, x: x[:, 0] - 0.3, terminal=True),
        callback=lambda t, x: seen.append((t, x.copy())), **fitting(options, rtol=1e-3, max_step=0.2),
    )  # fmt: skip
    assert found.status == "event"
    states = np.array([x[:, 0] for _, x in seen])
    assert states.max() <= 0.3 + 1e-12  # no state past the event, in this step or a later one
    last = seen[-1][0]
    np.testing.assert_allclose(last, [0.3, 0.55] if np.ndim(last) else 0.55, rtol=1e-12)
    ends = [x[0] for x in found.x_events[0]]  # type: ignore[index]
    np.testing.assert_array_equal(seen[-1][1], ends)


def test_the_callback_of_one_state_is_told_the_time_of_the_event() -> None:
    seen: list[tuple[Any, Any]] = []

    def ground(t: float, y: Any) -> Any:
        return y[0] - 0.5

    ground.terminal = True  # type: ignore[attr-defined]
    found = ode.solve(
        lambda t, y: [-1.0], [1.0], [0.0, 2.0], events=ground, callback=lambda t, y: seen.append((t, y))
    )
    assert found.status == "event"
    assert seen[-1][0] == found.t_events[0][-1]  # type: ignore[index]
    assert seen[-1][1] == found.x_events[0][-1]  # type: ignore[index]
