"""The end of a solve: natural steps, the time each row reached, and saved states after a terminal event."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from diffmath import SolveError, ode, plot

RATES = np.array([[1.0], [30.0], [4.0]])
OPTIONS = [
    {},
    {"batch": "shared"},
    {"substeps": 64},
    {"method": ode.kvaerno5},
    {"method": "rk4", "substeps": 64},
]
named = pytest.mark.parametrize("options", OPTIONS, ids=str)


def decay(t: Any, x: Any) -> Any:
    return -RATES[: len(x)] * x


def below(level: float) -> ode.Event:
    return ode.Event(lambda t, x: x[:, 0] - level, terminal=True)


@named
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_natural_steps_are_those_of_steps(options: dict[str, Any], sign: float) -> None:
    def f(t: Any, x: Any) -> Any:
        return sign * decay(t, x)

    x0, times = np.ones((3, 2)), [1.0, 1.0 + 2 * sign]
    found = ode.solve(f, x0, times, save="steps", **options)
    taken = list(ode.steps(f, x0, times, **options))
    own = "substeps" not in options and "batch" not in options
    assert found.t.ndim == (2 if own else 1)
    assert found.x.shape == (len(found.t), 3, 2)
    np.testing.assert_array_equal(found.t_end, np.full(3, times[-1]))
    np.testing.assert_array_equal(found.x[0], x0)
    for row in range(3):
        steps = [step for step in taken if step.accepted[row]]
        t = found.t[:, row] if own else found.t
        np.testing.assert_array_equal(t[1 : len(steps) + 1], [step.t[row] for step in steps])
        np.testing.assert_array_equal(found.x[1 : len(steps) + 1, row], [step.x[row] for step in steps])
        assert np.all(t[len(steps) :] == times[-1])  # repeated
        assert np.all(found.x[len(steps) :, row] == steps[-1].x[row])
        assert len(steps) == np.broadcast_to(found.stats["steps"], 3)[row]
    if own:
        assert len(found.t) == 1 + found.stats["steps"].max()
    usual = ode.solve(f, x0, times, **options)
    np.testing.assert_array_equal(found.x[-1], usual.x[-1])
    for mine, kept in zip((found.t, found.x), usual.curve(), strict=True):
        np.testing.assert_array_equal(mine, kept)


def test_one_state_has_one_clock() -> None:
    found = ode.solve(lambda t, x: [x[1], -x[0]], [1.0, 0.0], (0.0, 5.0), save="steps")
    assert found.t.shape == (found.stats["steps"] + 1,)
    assert found.x.shape == (len(found.t), 2)
    assert found.t_end == 5.0
    np.testing.assert_allclose(found.x[:, 0], np.cos(found.t), atol=1e-5)
    usual = ode.solve(lambda t, x: [x[1], -x[0]], [1.0, 0.0], (0.0, 5.0))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(usual)).curve()[1], found.x)


def test_the_first_and_the_last_time_count() -> None:
    two, more = (ode.solve(decay, np.ones((3, 1)), times, save="steps") for times in ([0, 2], [0, 0.7, 1, 2]))
    np.testing.assert_array_equal(two.t, more.t)
    np.testing.assert_array_equal(two.x, more.x)
    assert more.curve is None
    fixed = ode.solve(decay, np.ones((3, 1)), [0.0, 1.0, 3.0], method=ode.rk4, substeps=2, save="steps")
    np.testing.assert_array_equal(fixed.t, [0.0, 0.5, 1.0, 2.0, 3.0])
    assert ode.solve(decay, np.ones((3, 1)), [1.0], save="steps").x.shape == (1, 3, 1)
    assert ode.solve(decay, np.ones((0, 1)), [0.0, 1.0], save="steps").x.shape == (1, 0, 1)
    with pytest.raises(ValueError, match="save must be 'auto', 'land', 'read' or 'steps'; got 'all'"):
        ode.solve(decay, np.ones((3, 1)), [0.0, 1.0], save="all")  # type: ignore[arg-type]


@named
@pytest.mark.parametrize("save", ["auto", "steps"])
def test_after_a_terminal_event_the_last_point_is_the_event(options: dict[str, Any], save: Any) -> None:
    """Rows end at ln(2) over their rates; rk4 in steps of 1/32 reads a cubic off a step of h rate = 1."""
    times = np.linspace(0.0, 2.0, 11) if save == "auto" else [0.0, 2.0]
    found = ode.solve(decay, np.ones((3, 1)), times, events=below(0.5), save=save, **options)
    ends = np.array([row[0] for row in (found.t_events or ())[0]])
    np.testing.assert_array_equal(found.t_end, ends)
    np.testing.assert_allclose(ends, math.log(2) / RATES[:, 0], rtol=5e-2 if "substeps" in options else 1e-3)
    for row in range(3):
        np.testing.assert_array_equal(found.x[-1, row], (found.x_events or ())[0][row][0])
        t = found.t if found.t.ndim == 1 else found.t[:, row]
        after = t >= ends[row]
        assert after.any()
        np.testing.assert_array_equal(found.x[after, row], np.full((after.sum(), 1), found.x[-1, row, 0]))
    last = found.t[-1] if save == "steps" and found.t.ndim == 2 else np.full(3, found.t[-1])
    np.testing.assert_array_equal(last, ends if last[0] != last[1] else np.full(3, ends.max()))
    if found.t.ndim == 1:
        assert np.all(np.diff(found.t) > 0)


@pytest.mark.parametrize("options", [{}, {"batch": "shared"}, {"substeps": 64}], ids=str)
def test_a_row_that_ends_leaves_the_others_their_times(options: dict[str, Any]) -> None:
    times = np.linspace(0.0, 2.0, 5)
    event = ode.Event(lambda t, x: x[:, 0] - 0.5 + (np.arange(len(x)) == 0), terminal=True)  # never in row 0
    found = ode.solve(decay, np.ones((3, 1)), times, events=event, **options)
    whole = ode.solve(decay, np.ones((3, 1)), times, **options)
    np.testing.assert_array_equal(found.t, times)
    # A shared clock takes longer steps when the fastest row has ended.
    atol = 1e-6 if "batch" in options else 0.0
    np.testing.assert_allclose(found.x[:, 0], whole.x[:, 0], rtol=0.0, atol=atol)
    np.testing.assert_allclose(found.x[1:, 1:, 0], 0.5, atol=1e-4)
    assert found.t_end[0] == 2.0
    np.testing.assert_allclose(found.t_end[1:], math.log(2) / RATES[1:, 0], rtol=1e-3)


def test_a_falling_ball_ends_on_the_ground() -> None:
    """As with solve_ivp: the last time and state are those of the event, after the save times before it."""
    ground = ode.Event(lambda t, x: x[0], terminal=True, direction=-1)
    exact = math.sqrt(2 * 10 / 9.81)
    for times in ([0.0, 5.0], [0.0, 1.0, 2.0, 5.0]):
        found = ode.solve(lambda t, x: [x[1], -9.81], [10.0, 0.0], times, events=ground)
        assert found.t[-1] == found.t_end == pytest.approx(exact)
        np.testing.assert_allclose(found.x[-1], [0.0, -9.81 * exact], atol=1e-9)
        assert found.t[:-1].tolist() == [time for time in times if time < exact]
    at_a_save_time = ode.Event(lambda t, x: t - 1.0, terminal=True)
    found = ode.solve(lambda t, x: [x[1], -9.81], [10.0, 0.0], [0.0, 1.0, 2.0], events=at_a_save_time)
    assert found.t.tolist() == [0.0, 1.0]  # no second time a few units in the last place later
    assert found.t_end == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("options", [{}, {"batch": "shared"}, {"substeps": 4}], ids=str)
def test_rows_that_fail_say_where(options: dict[str, Any]) -> None:
    """x' = x^2 blows up at 1/x0; with fixed steps the last save time before it is the end."""
    x0 = np.array([[1.0], [0.1]])
    with pytest.raises(SolveError) as caught:
        ode.solve(lambda t, x: x**2, x0, [0.0, 0.5, 20.0, 30.0], **options)
    found = caught.value.solution
    assert found.t_end.shape == (2,)
    assert np.isnan(found.x[-1, 0]).all() or len(found.t) == 2
    if not options:
        np.testing.assert_allclose(found.t_end, [1.0, 10.0], rtol=1e-6)
    elif "batch" in options:
        np.testing.assert_allclose(found.t_end, [1.0, 1.0], rtol=1e-6)
    else:
        assert np.all(found.t_end <= [20.0, 20.0])
    stopped = ode.solve(decay, np.ones((3, 1)), [0.0, 9.0], callback=lambda t, x: True, **options)
    assert stopped.status == "user_stop"
    assert np.all((stopped.t_end > 0) & (stopped.t_end < 9))


def test_plots_are_curves_and_end_where_rows_do() -> None:
    default = ode.solve(decay, np.ones((3, 1)), [0.0, 2.0])
    lines = plot.solution(default).lines
    for row, line in enumerate(lines):
        t, x = line.get_data()
        assert len(t) > 8
        assert t[-1] == 2.0
        np.testing.assert_allclose(x, np.exp(-RATES[row] * t), atol=1e-4)
    steps = plot.solution(ode.solve(decay, np.ones((3, 1)), [0.0, 2.0], save="steps")).lines
    for one, other in zip(lines, steps, strict=True):
        np.testing.assert_array_equal(one.get_data(), other.get_data())
    dense = ode.solve(decay, np.ones((3, 1)), [0.0, 2.0], dense=True)
    assert [len(line.get_xdata()) for line in plot.solution(dense).lines] == [400] * 3
    for times in ([0.0, 2.0], np.linspace(0.0, 2.0, 9)):
        ended = ode.solve(decay, np.ones((3, 1)), times, events=below(0.5))
        for row, line in enumerate(plot.solution(ended).lines):
            t, x = line.get_data()
            assert (t[-1], x[-1]) == (ended.t_end[row], ended.x[-1, row, 0])
            assert np.all(np.diff(t) > 0)


def test_long_solves_keep_no_curve() -> None:
    """A million numbers: 100,000 a step leave room for nine steps."""
    x0 = np.ones((100_000, 1))
    kept = ode.solve(lambda t, x: -x, x0, [0.0, 1.0], method=ode.euler, substeps=9)
    assert kept.curve()[1].shape == (10, 100_000, 1)
    assert ode.solve(lambda t, x: -x, x0, [0.0, 1.0], method=ode.euler, substeps=10).curve is None


def test_reports_of_times_per_row() -> None:
    found = ode.solve(decay, np.ones((3, 1)), [0.0, 2.0], save="steps", events=below(0.5))
    assert f"t: 0 -> {found.t_end.max():g} ({len(found.t)} times)" in repr(found)
    assert f"0 to {found.t_end.max():g}" in found._repr_html_()


def test_every_library(xp: Any) -> None:
    x0 = xp.asarray(np.ones((2, 1)))
    found = ode.solve(lambda t, x: -x, x0, [0.0, 1.0], save="steps", rtol=1e-3)
    np.testing.assert_allclose(xp.numpy(found.x)[:, :, 0], np.exp(-found.t), atol=1e-3)
    event = ode.Event(lambda t, x: x[:, 0] - 0.5, terminal=True)
    ended = ode.solve(lambda t, x: -x, x0, [0.0, 0.1, 1.0], events=event)
    np.testing.assert_allclose(ended.t, [0.0, 0.1, math.log(2)], atol=1e-5)
    np.testing.assert_allclose(xp.numpy(ended.x)[-1], 0.5, atol=1e-6)
