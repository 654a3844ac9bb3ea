"""What `solve` and `steps` refuse at the edge, because it would have no effect or mean another problem."""

import numpy as np
import pytest
import scipy.sparse

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


@pytest.mark.parametrize(
    ("x0", "times", "options", "error", "words"),
    [
        (None, [0, 1], {}, TypeError, "x0 must be an array, a list of numbers or a number; got NoneType$"),
        ("abc", [0, 1], {}, TypeError, "a list of numbers or a number; got str$"),
        ([1.0, "a"], [0, 1], {}, TypeError, "a list of numbers or a number; got list"),
        (scipy.sparse.eye_array(2), [0, 1], {}, TypeError, r"got dia_array: give x0.toarray\(\)"),
        (float("nan"), [0, 1], {}, ValueError, "x0 must be finite; x0 is nan"),
        ([1.0], [-1e308, 1e308], {}, ValueError, r"times must span a finite range in float64; got -1e"),
        ([1.0], [0, 1], {"batch": "each"}, ValueError, "batch must be 'rows' or 'shared'; got 'each'"),
        ([1.0], [0, 1], {"min_step": 2.0}, ValueError, "min_step must be at most the time span, 1; got 2"),
        ([1.0], [0, 1], {"callback": lambda x, t: None}, TypeError, "a callback is called as callback"),
        ([1.0], [0, 1], {"callback": lambda t: None}, TypeError, "callback must take two arguments"),
        ([1.0], [0, 1], {"events": lambda x, t: x}, TypeError, r"an event is called as event\(t, x\)"),
    ],
)  # fmt: skip
def test_what_was_silent_or_answered_misleadingly(x0, times, options, error, words):
    with pytest.raises(error, match=words):
        ode.solve(decay, x0, times, **options)


@pytest.mark.parametrize(
    ("f", "x0", "words"),
    [
        (lambda t, x, *, k: x, [1.0], r"f must not require keyword arguments, .*: fix k with functools"),
        (lambda t, x: np.ma.array(-x), [1.0], r"f\(t, x\) must be a plain array; got MaskedArray"),
        (lambda t, x: [-1.0], np.ones((1, 1)), "an array for a batch of states.*got list: .*unbatched"),
        (lambda t, x: None, np.ones((1, 1)), "must be an array like the state, of numpy; got NoneType$"),
    ],
)  # fmt: skip
def test_what_f_is_and_returns(f, x0, words):
    with pytest.raises(TypeError, match=words):
        ode.solve(f, x0, [0.0, 1.0], batch="shared")


def test_a_list_as_time_span_is_answered_where_f_fails():
    """It cannot be refused: [0, 10] is a state, too. But f wants three numbers here, and gets two."""

    def f(t, y):
        return [y[1], y[2], -y[0]]

    with pytest.raises(IndexError) as caught:
        ode.solve(f, [0, 10], [1.0, 2.0, 3.0])
    assert any("the order is ode.solve(f, x0, times)" in note for note in caught.value.__notes__)


def test_more_steps_than_an_integer_of_the_machine_counts():
    assert ode.solve(decay, [1.0], [0.0, 1.0], max_steps=10**30).success


def test_attributes_of_events_as_solve_ivp_reads_them():
    def half(t, x):
        return x[0] - 0.5

    half.terminal, half.direction = 1.0, -1
    assert ode.solve(decay, [1.0], [0.0, 1.0], events=half).status == "event"
    half.direction = None
    with pytest.raises(TypeError, match="direction must be a number: positive, negative or 0; got None"):
        ode.solve(decay, [1.0], [0.0, 1.0], events=half)
    half.direction, half.terminal = 0, 1.5
    with pytest.raises(ValueError, match=r"terminal must be True, False or a count; got 1\.5"):
        ode.solve(decay, [1.0], [0.0, 1.0], events=half)
