"""Events, callbacks and rows that cannot start, in `sde.solve`."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath import SolveError, ode, random, sde

KEY = random.key(11)
WIENER = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 1.0, noise="additive")


def level(a):
    return ode.Event(lambda t, x: x[:, 0] - a, terminal=True)


def solve(x0, times, model=WIENER, **options):
    return sde.solve(model, x0, times, **{"method": "euler_maruyama", "key": KEY} | options)


def test_rows_stop_at_the_first_step_beyond_and_stay(xp):
    """Against the same paths without events, row by row; other rows do not see it."""
    rows, times, substeps = 40, np.linspace(0, 1, 5), 8
    plain = solve(np.zeros((rows, 1)), np.linspace(0, 1, 33))
    found = solve(xp.asarray(np.zeros((rows, 1))), times, substeps=substeps, events=level(0.5))
    x, stopped = xp.numpy(found.x), 0
    for row in range(rows):
        beyond = np.flatnonzero(plain.x[:, row, 0] >= 0.5)
        end = beyond[0] if beyond.size else 32
        stopped += bool(beyond.size)
        assert found.t_end[row] == plain.t[end]
        assert found.row_status[row] == ("event" if beyond.size else "ok")
        kept = plain.x[np.minimum(np.arange(5) * substeps, end), row, 0]
        np.testing.assert_allclose(x[:, row, 0], kept, rtol=1e-12)
        np.testing.assert_array_equal(found.t_events[0][row], plain.t[beyond[:1]])
        np.testing.assert_allclose(
            xp.numpy(found.x_events[0][row])[:, 0], plain.x[beyond[:1], row, 0], rtol=1e-12
        )
    assert 0 < stopped < rows
    assert found.success
    assert found.status == "event"
    assert "a terminal event ended" in found.message


def test_the_last_time_is_that_of_the_last_event():
    found = solve(
        np.zeros((3, 1)),
        [0.0, 50.0, 100.0],
        substeps=1000,
        events=ode.Event(lambda t, x: abs(x[:, 0]) - 0.3, True),
    )
    assert found.t[-1] == found.t_end.max() < 50
    assert len(found.t) == len(found.x) == 2
    for row in range(3):
        np.testing.assert_array_equal(found.x[-1, row], found.x_events[0][row][0])
    on_time = solve(np.zeros((3, 1)), [0.0, 1.0, 2.0], events=lambda t, x: 0 * x[:, 0] + t - 1)
    assert on_time.t.tolist() == [0.0, 1.0, 2.0]  # not terminal
    timed = ode.Event(lambda t, x: 0 * x[:, 0] + t - 1, terminal=True)
    assert solve(np.zeros((3, 1)), [0.0, 1.0, 2.0], events=timed).t.tolist() == [0.0, 1.0]


def test_directions_counts_and_several_events():
    """x = t - 1 without noise, and back: the zero at t = 1 counts up, at t = 3 down."""
    model = sde.SDE(lambda t, x: 0 * x + (1.0 if t < 2 else -1.0), lambda t, x: 0.0, noise="additive")
    times = np.linspace(0, 4, 9)
    for direction, expected in ((0, [1.0, 3.0]), (1, [1.0]), (-1, [3.0])):
        found = solve(
            np.full((1, 1), -1.0), times, model, events=ode.Event(lambda t, x: x[:, 0], False, direction)
        )
        np.testing.assert_array_equal(found.t_events[0][0], expected)
        assert found.status == "ok"
    second = ode.Event(lambda t, x: x[:, 0], terminal=2)
    found = solve(np.full((1, 1), -1.0), times, model, events=[second, lambda t, x: x[:, 0] - 0.5])
    assert found.t_end.tolist() == [3.0]
    assert [t[0].tolist() for t in found.t_events] == [[1.0, 3.0], [1.5, 2.5]]
    started = solve(np.zeros((1, 1)), [0.0, 1.0], model, events=level(0.0))
    assert started.status == "ok"  # at zero from the start: no event there


def test_hitting_times_are_late_by_the_known_correction():
    """Steps of h stop a Brownian motion as a level 0.5826 sqrt(h) further away does, to o(sqrt(h)).

    P(max <= a) = erf(a / sqrt(2)): 5 standard deviations of 20,000 rows, false-positive rate 6e-7.
    """
    from scipy.special import erf

    rows, a, steps = 20_000, 1.0, 64
    found = solve(np.zeros((rows, 1)), [0.0, 1.0], substeps=steps, events=level(a))
    survived = np.mean([status == "ok" for status in found.row_status])
    corrected = erf((a + 0.5826 / np.sqrt(steps)) / np.sqrt(2))
    assert abs(survived - corrected) < 5 * np.sqrt(0.25 / rows)
    assert survived - erf(a / np.sqrt(2)) > 5 * np.sqrt(0.25 / rows)  # the bias that is documented


def test_a_callback_sees_every_step_and_may_stop():
    seen = []

    def callback(t, x):
        seen.append((t, x.shape))
        return t >= 0.5

    found = solve(np.zeros((3, 2, 2)), [0.0, 0.5, 1.0], substeps=2, callback=callback)
    assert seen == [(0.25, (3, 2, 2)), (0.5, (3, 2, 2))]
    assert found.status == "user_stop"
    assert found.t.tolist() == [0.0, 0.5]
    assert found.t_end.tolist() == [0.5] * 3
    everything = solve(np.zeros((3, 1)), [0.0, 0.5, 1.0], callback=lambda t, x: None)
    np.testing.assert_array_equal(everything.x, solve(np.zeros((3, 1)), [0.0, 0.5, 1.0]).x)
    assert everything.status == "ok"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("method", ["euler_maruyama", "sra1", "implicit_euler_maruyama"])
def test_a_row_that_cannot_start_ends_alone(xp, bad, method):
    x0 = np.linspace(0.5, 1.0, 8).reshape(4, 2)
    model = sde.SDE(lambda t, x: -x, lambda t, x: 0.5, noise="additive")
    whole = solve(xp.asarray(x0), [0.0, 0.5, 1.0], model, method=method)
    x0[2, 1] = bad
    with pytest.raises(SolveError, match="x0 is nan or inf in row 2, which cannot be solved") as caught:
        solve(xp.asarray(x0), [0.0, 0.5, 1.0], model, method=method)
    found = caught.value.solution
    assert found.row_status == ("ok", "ok", "nonfinite", "ok")
    assert found.t_end.tolist() == [1.0, 1.0, 0.0, 1.0]
    good = [0, 1, 3]
    np.testing.assert_allclose(xp.numpy(found.x)[:, good], xp.numpy(whole.x)[:, good], rtol=1e-12)
    assert np.isnan(xp.numpy(found.x)[:, 2]).all()
    with pytest.raises(ValueError, match="x0 must be finite"):
        solve(xp.asarray(np.full((2, 2), bad)), [0.0, 1.0], model)


def test_what_is_no_event_is_refused():
    x0 = np.zeros((3, 2))
    with pytest.raises(
        ValueError, match=r"event\(t, x\) must return shape \(3,\), one number per row; got \(3, 2\)"
    ):
        solve(x0, [0.0, 1.0], events=lambda t, x: x)
    with pytest.raises(TypeError, match="event is called as event"):
        solve(x0, [0.0, 1.0], events=lambda x, t: x[:, 0])
    with pytest.raises(TypeError, match="callback must be a callable"):
        solve(x0, [0.0, 1.0], callback=3)
    unknown = ode.Event(lambda t, x: np.where(x[:, 0] > 0, np.nan, -1.0), terminal=True)
    found = solve(x0, [0.0, 1.0], events=unknown, on_failure="return")
    lost = found.x[-1, :, 0] > 0
    assert 0 < lost.sum() < 3
    assert [s == "nonfinite" for s in found.row_status] == lost.tolist()
    assert r"event(t, x) is nan at t=1" in found.message


def test_the_user_gets_copies_conditions_and_parameters():
    x0, plain = np.zeros((3, 1)), solve(np.zeros((3, 1)), [0.0, 0.5, 1.0]).x

    def spoil(t, x):
        x[...] = 0.0
        return x[:, 0] - 1.0

    found = solve(x0, [0.0, 0.5, 1.0], events=spoil, callback=lambda t, x: x.__setitem__(..., 0.0))
    np.testing.assert_array_equal(found.x, plain)
    with pytest.raises(TypeError, match="callback must return a truth value, or None to go on; got ndarray"):
        solve(x0, [0.0, 1.0], callback=lambda t, x: x > 0)
    with pytest.raises(TypeError, match="must return real numbers; got dtype complex128"):
        solve(x0, [0.0, 1.0], events=lambda t, x: 1j * x[:, 0])
    times = np.linspace(0, 1, 33)
    above = ode.Event(lambda t, x, a, shift: x[:, 0] + shift > a[:, 0], terminal=True)
    model = sde.SDE(lambda t, x, a, shift: 0 * x, lambda t, x, a, shift: 1.0, noise="additive")
    levels = np.array([[0.3], [0.4], [9.0]])
    found = solve(x0, times, model, events=above, parameters=levels, args=(0.1,))
    expected = solve(x0, times, events=ode.Event(lambda t, x: x[:, 0] + 0.1 - levels[:, 0], terminal=True))
    np.testing.assert_array_equal(found.x, expected.x)
    assert found.row_status[2] == "ok"


def test_rows_that_ended_may_not_fail_the_others():
    """A row that would explode after its event is not looked at again."""
    model = sde.SDE(lambda t, x: x**3, lambda t, x: 0.0, noise="additive")
    x0 = np.array([[1.0], [0.01]])
    with pytest.raises(SolveError, match=r"not finite"):
        solve(x0, np.linspace(0, 20, 201), model)
    found = solve(x0, np.linspace(0, 20, 201), model, events=level(5.0))
    assert found.row_status == ("event", "ok")
    assert 5 <= found.x[-1, 0, 0] < 100
