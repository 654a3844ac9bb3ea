"""What `solve` and `steps` refuse at the edge, because it would have no effect or mean another problem."""

import numpy as np
import pytest

from diffmath import ode

EVERY = {"rtol": 1e-9, "atol": 1e-9, "controller": ode.IController(), "first_step": 0.1, "max_step": 0.1,
         "min_step": 1e-9}  # fmt: skip


def decay(t, x):
    return -x


@pytest.fixture(params=["solve", "steps"])
def run(request):
    if request.param == "solve":
        return ode.solve
    return lambda *arguments, **options: list(ode.steps(*arguments, **options))


@pytest.mark.parametrize("name", EVERY)
def test_fixed_steps_refuse_what_they_cannot_honour(run, name):
    option = {name: EVERY[name]}
    with pytest.raises(ValueError, match=rf"^rk4 takes fixed steps, on which {name} would .*give substeps"):
        run(decay, np.ones((1, 1)), [0.0, 10.0], method=ode.rk4, **option)
    with pytest.raises(ValueError, match=rf"^substeps=20 makes the steps fixed, on which {name} would"):
        run(decay, np.ones((1, 1)), [0.0, 10.0], substeps=20, **option)
    run(decay, np.ones((1, 1)), [0.0, 1.0], **option)


def test_the_values_that_are_the_defaults_are_refused_too():
    with pytest.raises(ValueError, match="on which rtol and min_step would have no effect"):
        ode.solve(decay, [1.0], [0.0, 1.0], method=ode.rk4, rtol=1e-6, min_step=0.0)


def test_exact_steps_and_methods_of_ones_own_are_fixed_too():
    class Mine:
        order = 1

        def step(self, f, t, x, dt):
            return x + dt * f(t, x)

    with pytest.raises(ValueError, match="Mine takes fixed steps"):
        ode.solve(decay, np.ones((1, 1)), [0.0, 1.0], method=Mine(), rtol=1e-3)
    with pytest.raises(ValueError, match="exact takes fixed steps, on which atol would"):
        ode.solve(ode.Linear(np.eye(1)), np.ones((1, 1)), [0.0, 1.0], method=ode.exact, atol=1e-3)


def test_fixed_steps_honour_max_steps_and_land_on_save_times(run):
    x0, times = np.ones((1, 1)), np.linspace(0.0, 1.0, 11)
    with pytest.raises(ValueError, match="ask for 30 fixed steps, but max_steps is 29"):
        run(decay, x0, times, substeps=3, max_steps=29)
    run(decay, x0, times, substeps=3, max_steps=30)
    run(decay, x0, np.linspace(0.0, 1.0, 11_000), method=ode.euler)  # the default is no bound
    with pytest.raises(ValueError, match="save='read' is for adaptive steps"):
        ode.solve(decay, x0, times, substeps=3, save="read")
    assert len(ode.solve(decay, x0, times, substeps=3, save="land").t) == 11


@pytest.mark.parametrize("span", [(0, 10), (0.0, 10.0), (np.float64(0), np.float64(10))])
def test_the_order_of_solve_ivp_is_refused(run, span):
    def rotate(t, y):
        return [y[1], -y[0]]

    with pytest.raises(TypeError, match=r"got the tuple .*ode.solve\(f, x0, times\).*solve_ivp\(f, t_span"):
        run(rotate, span, [1, 0])


def test_a_first_step_beyond_the_span_is_refused(run):
    for times in ([0.0, 0.5], [0.0, -0.5]):
        with pytest.raises(ValueError, match=r"first_step must be at most the time span, 0\.5; got 0\.6"):
            run(decay, np.ones((1, 1)), times, first_step=0.6)
        run(decay, np.ones((1, 1)), times, first_step=0.5)
    run(decay, np.ones((1, 1)), [0.0], first_step=0.6)  # no span, no step


@pytest.mark.parametrize("times", [[0.0, np.inf], [0.0, -np.inf]])
def test_an_infinite_end_is_answered_with_what_to_do(run, times):
    words = (
        r"times\[1\] is -?inf: give a finite end .* terminal event \(ode.Event\), or iterate over ode.steps"
    )
    with pytest.raises(ValueError, match=words):
        run(decay, np.ones((1, 1)), times)


def test_events_of_solve_ivp_with_terminal_none():
    def half(t, x):
        return x[:, 0] - 0.5

    half.terminal = None
    for event in (half, ode.Event(half, terminal=None)):
        found = ode.solve(decay, np.ones((1, 1)), [0.0, 1.0], events=event)
        assert found.status == "ok"
        np.testing.assert_allclose(found.t_events[0][0], [np.log(2)], rtol=1e-5)
    found = ode.solve(decay, np.ones((1, 1)), [0.0, 1.0], events=ode.Event(half, terminal=np.int64(1)))
    assert found.status == "event"
