"""The step-at-a-time interface: the same steps as solve, under the caller's control."""

import itertools

import numpy as np
import pytest

from diffmath import SolveError, ode


def f(t, x):
    return np.stack([x[:, 1], -x[:, 0] + np.sin(t[:, 0] if np.ndim(t) else t)], axis=1)


X0 = np.array([[1.0, 0.0], [0.3, -2.0], [5.0, 5.0]])


@pytest.mark.parametrize("batch", ["rows", "shared"])
@pytest.mark.parametrize("method", [ode.dopri5, ode.kvaerno3, ode.dop853], ids=lambda m: m.name)
def test_the_steps_are_those_of_solve(method, batch):
    taken = list(ode.steps(f, X0, [0.0, 3.0], method=method, batch=batch))
    solution = ode.solve(f, X0, [0.0, 3.0], method=method, batch=batch)
    np.testing.assert_array_equal(taken[-1].x, solution.x[-1])
    counts = np.sum([step.accepted for step in taken], axis=0)
    np.testing.assert_array_equal(counts, np.broadcast_to(solution.stats["steps"], 3))
    for before, after in itertools.pairwise(taken):
        np.testing.assert_array_equal(before.x, after.x0)
        np.testing.assert_array_equal(before.t, after.t0)
        np.testing.assert_array_equal(after.accepted, after.t > after.t0)


def test_fixed_steps_land_on_the_times():
    taken = list(ode.steps(f, X0, [0.0, 1.0, 3.0], method=ode.rk4, substeps=4))
    np.testing.assert_allclose([step.t[0] for step in taken], [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0])
    solution = ode.solve(f, X0, [0.0, 1.0, 3.0], method=ode.rk4, substeps=4)
    np.testing.assert_array_equal(taken[-1].x, solution.x[-1])


def test_inside_a_step():
    for step in ode.steps(lambda t, x: -x, X0, [0.0, 2.0], rtol=1e-8):
        rows = np.flatnonzero(step.accepted)
        middle = step.at(rows, np.full(len(rows), 0.5))
        t = step.t0[rows] + 0.5 * (step.t - step.t0)[rows]
        np.testing.assert_allclose(middle, X0[rows] * np.exp(-t)[:, None], rtol=1e-6)
    assert "Step(" in repr(step)


def test_steps_are_taken_when_asked_for():
    calls = []

    def g(t, x):
        calls.append(1)
        return -x

    steps = ode.steps(g, X0, [0.0, 1000.0])
    assert not calls
    next(steps)
    assert len(calls) < 20


def test_the_callers_floating_point_settings_are_kept():
    with np.errstate(all="raise"):
        for _ in itertools.islice(ode.steps(f, X0, [0.0, 3.0]), 3):
            with pytest.raises(FloatingPointError):
                np.float64(1.0) / np.float64(0.0)


def test_a_failure_is_raised_after_the_last_step():
    taken = []
    steps = ode.steps(lambda t, x: x**2, np.ones((1, 1)), [0.0, 2.0])
    with pytest.raises(SolveError, match="t=1") as caught:
        taken.extend(step for step in steps)
    assert taken[-1].t[0] == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_array_equal(caught.value.solution.x[-1], taken[-1].x)
    quiet = list(ode.steps(lambda t, x: x**2, np.ones((1, 1)), [0.0, 2.0], on_failure="return"))
    assert len(quiet) == len(taken)
    with pytest.raises(SolveError, match="initial time"):
        list(ode.steps(lambda t, x: x / 0.0 * np.nan, np.ones((1, 1)), [0.0, 2.0]))


def test_no_steps():
    assert list(ode.steps(f, X0, [1.0])) == []
    assert list(ode.steps(f, np.ones((0, 2)), [0.0, 1.0])) == []


def test_every_library(xp):
    x0 = xp.asarray(X0)
    *_, last = ode.steps(lambda t, x: -x, x0, [0.0, 1.0], rtol=1e-8)
    np.testing.assert_allclose(xp.numpy(last.x), X0 * np.exp(-1), rtol=1e-6)


def test_arguments_are_refused_before_the_first_step():
    with pytest.raises(ValueError, match="rtol"):
        ode.steps(f, X0, [0.0, 1.0], rtol=-1.0)
    with pytest.raises(ValueError, match="method must be an object"):
        ode.steps(f, X0, [0.0, 1.0], method="BDF")
    with pytest.raises(ValueError, match="on_failure"):
        ode.steps(f, X0, [0.0, 1.0], on_failure="ignore")
    with pytest.raises(TypeError, match=r"f is called as f\(t, x\)"):
        ode.steps(lambda x, t: x, X0, [0.0, 1.0])
