"""A user's own method: a step and its order, or a state, an estimate and parts by the interface."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from diffmath import ode, random, sde

KEY = random.key(21)
OU = sde.SDE(lambda t, x: -x, lambda t, x: 0.2 + 0.3 * x, noise="diagonal")
MOTION = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")


class Plain:
    order = 0.5

    def step(self, model, t, x, dt, dW):
        return sde.euler_maruyama_step(model, t, x, dt, dW)


class Tried:
    """The same by `attempt`, without a state."""

    orders = dict(sde.euler_maruyama.orders)

    def attempt(self, model, state, t, x, dt, noise, *, estimate=True):
        assert state is None
        return sde.Trial(sde.euler_maruyama_step(model, t, x, dt, noise))


@dataclass
class Walk:
    start: Any
    path: Any
    name: str = "walk"
    unknown: Any = None


class Walker:
    """Brownian motion by its state alone: where a row began, and the sum of the increments it accepted."""

    orders, has_estimate = {"additive": (1.0, 1.0)}, True

    def init(self, model, t, x):
        return Walk(x, 0.0 * x)

    def attempt(self, model, state, t, x, dt, dW, *, estimate=True):
        path = state.path + dW
        large = (abs(dW) > np.sqrt(abs(dt))) & (abs(dt) > 2.0**-5)  # rejects about a third of the steps
        error = np.where(large, 2.0, 0.0) if estimate else None
        return sde.Trial(state.start + path, error, Walk(state.start, path))


def x0_of(rows, width=1):
    return np.linspace(0.5, 1.5, rows * width).reshape(rows, width)


@pytest.mark.parametrize("mine", [Plain(), Tried(), sde.Method("mine", Tried(), Tried.orders)])
def test_a_method_of_your_own_works_in_every_call(mine):
    """Each call gives what it gives for `euler_maruyama`, to the last bit."""
    x0, times = x0_of(5), np.linspace(0, 1, 5)
    path = sde.BrownianPath(KEY, (5, 1), 0.0, 1.0, like=x0)
    event = ode.Event(lambda t, x: x[:, 0] - 0.6, terminal=True)

    def calls(method):
        walk = sde.solve(OU, x0, times, method=method, path=path)
        yield walk.x
        yield sde.interpolate(OU, walk, [0.1, 0.7], method=method, path=path)
        yield sde.solve(OU, x0, times, method=method, key=KEY, substeps=4, events=event).x
        yield from sde.coupled(OU, x0, t_span=(0, 1), steps=4, method=method, key=KEY)
        yield sde.ensemble(OU, x0, t_span=(0, 1), steps=8, method=method, key=KEY, chunk=2)
        yield sde.solve_adaptive(MOTION, x0, times, method=method, key=KEY, rtol=1e-2, atol=1e-2).x

    for found, expected in zip(calls(mine), calls(sde.euler_maruyama), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_attributes_of_an_object_are_those_of_a_method():
    class Mine(Plain):
        name, evaluations, calculi = "mine", 3, ("ito",)
        increments = staticmethod(sde.levy_increments("H"))

        def step(self, model, t, x, dt, noise):
            assert noise.H is not None
            return x + noise.W

    assert sde.solve(MOTION, x0_of(2), [0, 1], method=Mine(), key=KEY, substeps=4).stats["evaluations"] == 12
    model = sde.SDE(OU.drift, OU.diffusion, calculus="stratonovich")
    with pytest.raises(ValueError, match=r"mine solves SDEs in the calculus \('ito',\)"):
        sde.solve(model, x0_of(2), [0, 1], method=Mine(), key=KEY)


@pytest.mark.parametrize("backwards", [False, True])
def test_rows_keep_their_own_state_when_they_reject_a_step(backwards):
    """The state of a row sums the increments of its accepted steps alone: this is W at the last time."""
    x0 = x0_of(400)
    times = [1.0, 0.25, 0.0] if backwards else [0.0, 0.25, 1.0]
    path = sde.BrownianPath(KEY, (400, 1), 0.0, 1.0, like=x0)
    found = sde.solve_adaptive(
        MOTION, x0, times, method=Walker(), path=path, rtol=0.0, atol=1.0, first_step=0.75
    )
    assert (found.stats["rejected"] > 0).mean() > 0.3
    assert len(set(found.stats["steps"])) > 4
    expected = [x0, x0 + path(times[0], times[1]), x0 + path(times[0], times[2])]
    np.testing.assert_allclose(found.x, expected, atol=1e-14)


def test_half_steps_pass_the_state_on():
    """Without an estimate a step is compared with two halves; the second one has the state of the first."""

    class Halved(Walker):
        has_estimate = False

        def attempt(self, model, state, t, x, dt, dW, *, estimate=True):
            trial = super().attempt(model, state, t, x, dt, dW, estimate=False)
            return sde.Trial(trial.x + dt**2, state=trial.state)

    x0 = x0_of(20)
    found = sde.solve_adaptive(MOTION, x0, [0, 1], method=Halved(), key=KEY, rtol=0.0, atol=1e-3)
    fixed = sde.solve(MOTION, x0, [0, 1], method="euler_maruyama", key=KEY, substeps=8)
    np.testing.assert_allclose(found.x[-1], fixed.x[-1], atol=1e-3)


def test_rows_that_have_ended_keep_their_state():
    seen = []

    class Counting(Walker):
        def attempt(self, model, state, t, x, dt, dW, *, estimate=True):
            seen.append(state.path.copy())
            return super().attempt(model, state, t, x, dt, dW, estimate=estimate)

    event = ode.Event(lambda t, x: abs(x[:, 0]) - 0.5, terminal=True)
    x0 = np.array([[0.0], [-50.0]])
    found = sde.solve(MOTION, x0, [0, 1], method=Counting(), key=KEY, substeps=64, events=event)
    ended = round(found.t_end[0] * 64)
    assert 0 < ended < 63
    kept = np.array(seen)[:, :, 0]
    assert kept[ended - 1, 0] != kept[ended, 0]
    assert np.all(kept[ended:, 0] == kept[ended, 0])
    assert np.all(np.diff(kept[:, 1]) != 0)


def test_a_state_can_be_pickled_and_resumes():
    mine, x, dW = sde.Method("walker", Walker(), Walker.orders), x0_of(3), np.full((3, 1), 0.1)
    assert pickle.loads(pickle.dumps(mine)).name == "walker"
    once = mine.attempt(MOTION, mine.init(MOTION, 0.0, x), 0.0, x, 0.1, dW)
    again = pickle.loads(pickle.dumps(once.state))
    twice = [mine.attempt(MOTION, state, 0.1, once.x, 0.1, dW).x for state in (once.state, again)]
    np.testing.assert_array_equal(*twice)
    np.testing.assert_allclose(twice[0], x + 0.2, rtol=1e-15)


def test_its_own_state_inside_a_step():
    """`dense` uses the evaluations of the whole step again: the same bits with fewer calls."""
    calls = []

    class Dense(Tried):
        def attempt(self, model, state, t, x, dt, dW, *, estimate=True):
            f, g = model.drift(t, x), model.diffusion(t, x)

            def at(part, noise):
                return x + part * f + g * noise

            return sde.Trial(at(dt, dW), dense=lambda: at)

    def drift(t, x):
        calls.append(t)
        return -x

    model = sde.SDE(drift, OU.diffusion, noise="diagonal")
    x0 = x0_of(4)
    path = sde.BrownianPath(KEY, (4, 1), 0.0, 1.0, like=x0)
    solution = sde.solve(model, x0, [0, 0.5, 1], method="euler_maruyama", path=path)
    found, counts = [], []
    for method in (Dense(), Tried()):
        calls.clear()
        found.append(sde.interpolate(model, solution, [0.2, 0.6, 0.9], method=method, path=path))
        counts.append(len(calls))
    np.testing.assert_array_equal(*found)
    assert counts[1] - counts[0] == 3


def test_every_array_library(xp):
    class Remembers:
        orders = {"additive": (1.0, 1.0)}

        def init(self, model, t, x):
            return model.drift(t, x)

        def attempt(self, model, state, t, x, dt, dW, *, estimate=True):
            x_new = x + dt * state + model.diffusion(t, x) * dW
            return sde.Trial(x_new, state=model.drift(t + dt, x_new))

    model = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")
    x0 = x0_of(4)
    event = ode.Event(lambda t, x: x[:, 0] - 0.9, terminal=True)
    for options in ({}, {"events": event}):
        found, expected = (
            sde.solve(model, start, [0, 1], method=method, key=KEY, substeps=8, **options).x
            for start, method in ((xp.asarray(x0), Remembers()), (x0, sde.euler_maruyama))
        )
        np.testing.assert_allclose(xp.numpy(found), expected, rtol=1e-12)
    adaptive = sde.solve_adaptive(model, xp.asarray(x0), [0, 1], method=Remembers(), key=KEY, rtol=1e-2)
    np.testing.assert_allclose(
        xp.numpy(adaptive.x),
        sde.solve_adaptive(model, x0, [0, 1], method="euler_maruyama", key=KEY, rtol=1e-2).x,
        rtol=1e-12,
    )


def having(trial, state=None):
    """A method with an estimate whose trial, given x, and first state are these."""

    class Mine:
        orders, has_estimate = {"additive": (1.0, 1.0)}, True

        def init(self, model, t, x):
            return state

        def attempt(self, model, state, t, x, dt, noise, *, estimate=True):
            return trial(x)

    return Mine()


@pytest.mark.parametrize(
    ("mine", "error", "match"),
    [
        (having(lambda x: x), TypeError, r"attempt\(.*\) must return an sde.Trial; got ndarray"),
        (having(lambda x: ode.Trial(x)), TypeError, "must return an sde.Trial; got Trial"),
        (having(lambda x: sde.Trial(x)), TypeError, "must estimate the error .* has_estimate; got None"),
        (having(lambda x: sde.Trial(x[:1], x)), ValueError, r"must return shape \(2, 1\)"),
        (having(lambda x: sde.Trial(x, x[:1])), ValueError, r"the error must return shape \(2, 1\)"),
        (having(lambda x: sde.Trial(x, x, x[:1])), ValueError, r"one entry per row, shape \(2, ...\)"),
        (having(lambda x: sde.Trial(x, x), np.ones(3)), ValueError, r"init\(model, t, x\): an array of the"),
        (Walker, TypeError, "method is an object, not a class; got Walker"),
        (object(), TypeError, "or an object with step .or attempt. and orders .or order.; got object"),
        (type("A", (), {"order": "high", "step": print})(), ValueError, "orders.'additive'. must be"),
        (type("A", (Walker,), {"has_estimate": 1})(), TypeError, "has_estimate must be True or False"),
    ],
)
def test_what_is_no_method_is_refused(mine, error, match):
    with pytest.raises(error, match=match):
        sde.solve_adaptive(MOTION, x0_of(2), [0, 1], method=mine, key=KEY)


def test_more_refusals():
    with pytest.raises(TypeError, match="step is an object, not a class; got Walker"):
        sde.Method("mine", Walker, Walker.orders)
    x0 = x0_of(2)
    path = sde.BrownianPath(KEY, (2, 1), 0.0, 1.0, like=x0)
    solution = sde.solve(MOTION, x0, [0, 1], method="euler_maruyama", path=path)
    for dense, error, match in (
        (lambda: 3, TypeError, "dense.. of a trial must return a callable .* got int"),
        (lambda: lambda dt, noise: x0[:1], ValueError, r"dense\(\)\(dt, noise\) must return shape \(2, 1\)"),
    ):
        mine = having(lambda x, dense=dense: sde.Trial(x, x, dense=dense))
        with pytest.raises(error, match=match):
            sde.interpolate(MOTION, solution, [0.5], method=mine, path=path)


def test_numbers_that_differ_by_row_are_refused():
    """The last step of a row, say: in adaptive steps a number cannot serve rows that took different ones."""

    class Dated(Walker):
        def attempt(self, model, state, t, x, dt, dW, *, estimate=True):
            trial = super().attempt(model, state, t, x, dt, dW, estimate=estimate)
            return sde.Trial(trial.x, trial.error, Walk(state.start, trial.state.path, name=f"{dt:g}"))

    options = {"method": Dated(), "key": KEY}
    assert sde.solve(MOTION, x0_of(9), [0, 1], substeps=4, **options).status == "ok"
    with pytest.raises(ValueError, match=r"arrays with one entry per row.* got the numbers"):
        sde.solve_adaptive(MOTION, x0_of(50), [0, 1], rtol=0.0, atol=1.0, first_step=1.0, **options)
