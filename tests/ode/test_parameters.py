"""`parameters=`, one per row, and `args=`, constants: in f, in its parts, and in events."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from diffmath import ode

RATES = np.array([[1.0], [2.0], [3.0]])
X0, TIMES = np.ones((3, 1)), [0.0, 0.5, 1.0]


@pytest.fixture(params=[ode.solve, ode.steps], ids=["solve", "steps"])
def run(request):
    def final(*arguments, **options):
        found = request.param(*arguments, **options)
        return found.x[-1] if request.param is ode.solve else list(found)[-1].x

    return final


@pytest.mark.parametrize("options", [{}, {"batch": "shared"}, {"substeps": 50}])
def test_args_and_parameters_of_a_batch(run, options):
    decay = np.exp(-RATES)
    by_array = run(lambda t, x, rates: -rates * x, X0, TIMES, parameters=RATES, **options)
    by_name = run(lambda t, x, p: -p["rate"] * x, X0, TIMES, parameters={"rate": RATES}, **options)
    both = run(lambda t, x, p, a, b: (a - b) * p * x, X0, TIMES, parameters=RATES, args=(2, 3), **options)
    args = run(lambda t, x, scale, rates: scale * rates * x, X0, TIMES, args=(-1.0, RATES), **options)
    for found in (by_array, by_name, both, args):
        np.testing.assert_allclose(found, decay, rtol=1e-5)


def test_args_as_solve_ivp_has_them():
    def f(t, y, a, b):
        return [a * y[1], -b * y[0]]

    def zero(t, y, a, b):
        return y[0] - 0.1 * a

    ours = ode.solve(f, [1.0, 0.0], [0.0, 5.0], args=(1.0, 2.0), events=zero, rtol=1e-9, atol=1e-12)
    theirs = solve_ivp(f, (0, 5), [1.0, 0.0], args=(1.0, 2.0), events=zero, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ours.x[-1], theirs.y[:, -1], atol=1e-7)
    np.testing.assert_allclose(ours.t_events[0], theirs.t_events[0], atol=1e-7)


def test_one_state_has_its_parameters_as_they_are():
    found = ode.solve(
        lambda t, x, p, c: [-p["rate"] * x[0] + c],
        [1.0],
        TIMES,
        parameters={"rate": 2.0},
        args=(0.0,),
        rtol=1e-8,
    )
    np.testing.assert_allclose(found.x[-1], [np.exp(-2)], rtol=1e-6)


def test_events_get_them_too():
    def f(t, x, rates, scale):
        return -rates * x * scale

    def half(t, x, rates, scale):
        assert rates.shape == (3, 1)
        return (x - 0.5 * scale)[:, 0]

    for event in (half, ode.Event(half)):
        found = ode.solve(f, X0, [0.0, 1.0], parameters=RATES, args=(1.0,), events=event, rtol=1e-9)
        np.testing.assert_allclose([t[0] for t in found.t_events[0]], np.log(2) / RATES[:, 0], rtol=1e-5)


def test_an_unbatched_function_gets_those_of_its_row():
    seen = []

    def f(t, y, p, scale):
        seen.append((y.shape, p["rate"].shape))
        return [-p["rate"][0] * scale * y[0]]

    found = ode.solve(ode.unbatched(f), X0, [0.0, 1.0], parameters={"rate": RATES}, args=(1.0,), rtol=1e-8)
    np.testing.assert_allclose(found.x[-1], np.exp(-RATES), rtol=1e-6)
    assert set(seen) == {((1,), (1,))}


@pytest.mark.parametrize("x0", [X0, [1.0]], ids=["batch", "one"])
@pytest.mark.parametrize("method", ["radau5", "rodas5p", "kencarp4", "etdrk4", "leapfrog"])
def test_every_part_of_a_structure_gets_them(method, x0):
    one = isinstance(x0, list)
    rates = RATES[0] if one else RATES
    minus = lambda t, x, p, c: -p * c * x  # noqa: E731
    matrix = lambda t, x, p, c: -p[..., None] * c  # noqa: E731
    f = {
        "radau5": ode.WithJacobian(minus, matrix),
        "rodas5p": ode.WithJacobian(minus, matrix, None, lambda t, x, p, c: 0 * x * c),
        "kencarp4": ode.Split(lambda t, x, p, c: 0 * p * x, ode.WithJacobian(minus, matrix)),
        "etdrk4": ode.Semilinear(np.zeros(1), minus),
        "leapfrog": ode.Separable(lambda t, v, p, c: c * v, lambda t, q, p, c: -p * q),
    }[method]
    state = np.asarray(x0)
    if method == "leapfrog":
        state = np.stack([state, 0 * state], axis=0 if one else 1)
    found = ode.solve(f, state, TIMES, method=method, substeps=100, parameters=rates, args=(1.0,))
    if method == "leapfrog":
        q = found.x[-1][0] if one else found.x[-1][:, 0]
        np.testing.assert_allclose(q, np.cos(np.sqrt(rates)), rtol=1e-4)
    else:
        np.testing.assert_allclose(found.x[-1], np.exp(-rates), rtol=1e-5)


@pytest.mark.parametrize(
    ("f", "options", "error", "words"),
    [
        (lambda t, x: x, {"args": (1.0,)}, TypeError, r"f must take 3 arguments, .* is \(t, x\)"),
        (lambda t, x, a: x, {}, TypeError, r"its signature is \(t, x, a\): .* args= or parameters="),
        (lambda x, t, a: x, {"args": (1,)}, TypeError, r"^f is called as f\(t, x\), but .* \(x, t\)"),
        (lambda t, x, a: x, {"args": 1.0}, TypeError, r"args must be a tuple .*got float: write"),
        (lambda t, x, p: x, {"parameters": np.ones(2)}, ValueError, r"parameters must have .* 3 rows of x0"),
        (lambda t, x, p: x, {"parameters": {"k": np.ones(4)}}, ValueError, r"parameters\['k'\] .*\(4,\)"),
        (lambda t, x, p: x, {"parameters": 2.0}, TypeError, "got a number: give constants in args="),
        (lambda t, x, a: x, {"args": (1,), "events": lambda t, x: x[:, 0]}, TypeError, "event must take 3"),
        (ode.Linear(-np.eye(1)), {"args": (1,)}, TypeError, "Linear, which takes no parameters= or args="),
        (ode.WithJacobian(lambda t, x: x, lambda t, x, a: x), {}, TypeError, r"jacobian must take two arg"),
        (ode.Split(lambda t, x, a: x, lambda t, x: x), {"args": (1,)}, TypeError, "implicit must take 3 arg"),
        (ode.unbatched(lambda t, x, a: x), {}, TypeError, "f must take two arguments"),
    ],
)  # fmt: skip
def test_refusals_before_the_first_call(f, options, error, words):
    with pytest.raises(error, match=words):
        ode.solve(f, X0, TIMES, **options)


def test_on_every_library(xp):
    rates = {"rate": xp.asarray(RATES)}
    found = ode.solve(lambda t, x, p: -p["rate"] * x, xp.asarray(X0), TIMES, parameters=rates, rtol=1e-8)
    np.testing.assert_allclose(xp.numpy(found.x)[-1], np.exp(-RATES), rtol=1e-6)
