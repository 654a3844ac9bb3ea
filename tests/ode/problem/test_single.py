"""Callables written for scipy's solve_ivp, as they are: one state, lists, events with attributes."""

import pickle
import re
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from diffmath import SolveError, ode
from diffmath._core.named import names_of
from diffmath.ode._explicit.named_methods import _has_step


def pendulum(t, y):
    return [y[1], -np.sin(y[0])]


def lowest(t, y):
    return y[0]


lowest.terminal, lowest.direction = 2, -1


def test_the_same_call_as_solve_ivp():
    times = np.linspace(0, 5, 11)
    found = ode.solve(pendulum, [1.0, 0.0], times, rtol=1e-9, atol=1e-12)
    reference = solve_ivp(pendulum, (0, 5), [1.0, 0.0], t_eval=times, rtol=1e-10, atol=1e-12)
    assert found.x.shape == (11, 2)
    np.testing.assert_allclose(found.x, reference.y.T, atol=1e-7)
    vector = ode.solve(pendulum, np.array([1, 0]), times, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(vector.x, found.x)


@pytest.mark.parametrize("method", [ode.rk4, ode.kvaerno5, ode.rodas5p, ode.dop853], ids=lambda m: m.name)
def test_with_other_methods(method):
    found = ode.solve(pendulum, [1.0, 0.0], [0.0, 1.0], method=method, substeps=50)
    reference = ode.solve(ode.unbatched(pendulum), np.array([[1.0, 0.0]]), [0.0, 1.0], rtol=1e-9)
    np.testing.assert_allclose(found.x[-1], reference.x[-1, 0], atol=1e-6)


def test_events_dense_output_and_callbacks_see_one_state():
    seen = []
    found = ode.solve(
        pendulum, [1.0, 0.0], [0.0, 50.0], events=lowest, dense=True, rtol=1e-8,
        callback=lambda t, y: seen.append((t, y.shape)),
    )  # fmt: skip
    reference = solve_ivp(pendulum, (0, 50), [1.0, 0.0], events=lowest, rtol=1e-10, atol=1e-12)
    assert found.status == "event"
    np.testing.assert_allclose(found.t_events[0], reference.t_events[0], atol=1e-6)
    assert found.x_events[0].shape == (2, 2)
    assert found.row_status is None
    assert found.message == "a terminal event ended the solve: see t_events and x_events"
    assert found.dense(1.0).shape == (2,)
    assert found.dense([0.5, 1.0]).shape == (2, 2)
    assert all(isinstance(t, float) and shape == (2,) for t, shape in seen)


def test_a_failure_keeps_its_states():
    with pytest.raises(SolveError) as caught:
        ode.solve(lambda t, y: y * y, [1.0], [0.0, 0.5, 2.0])
    assert caught.value.solution.x.shape[1:] == (1,)
    np.testing.assert_allclose(caught.value.solution.x[1], [2.0], rtol=1e-4)
    quiet = ode.solve(lambda t, y: y * y, [1.0], [0.0, 2.0], on_failure="return")
    assert not quiet.success


def test_unbatched_rows(xp):
    def f(t, y):
        return -t * y

    x0 = xp.asarray([[1.0, 2.0], [3.0, 4.0]])
    found = ode.solve(ode.unbatched(f), x0, [0.0, 1.0], rtol=1e-9)
    np.testing.assert_allclose(xp.numpy(found.x)[-1], np.array([[1, 2], [3, 4]]) * np.exp(-0.5), rtol=1e-6)
    single = ode.unbatched(lambda t, y: [float(y[0]), 0.0])(0.0, xp.asarray([[1.0, 2.0]], "float32"))
    assert xp.numpy(single).dtype == np.float32
    assert pickle.loads(pickle.dumps(ode.unbatched(pendulum)))(0.0, np.ones((1, 2))).shape == (1, 2)


def test_lists_of_the_librarys_own_numbers(xp):
    """NumPy cannot read a list of device scalars, which is what solve_ivp's functions return there."""

    def oscillator(t, y):
        return [y[1], -y[0]]

    x0 = xp.asarray([[1.0, 0.0], [0.0, 2.0]])
    found = ode.solve(ode.unbatched(oscillator), x0, [0.0, 1.0], rtol=1e-9, atol=1e-12)
    c, s = np.cos(1.0), np.sin(1.0)
    np.testing.assert_allclose(xp.numpy(found.x[-1, ...]), [[c, -s], [2 * s, 2 * c]], atol=1e-7)  # 100 rtol
    mixed = ode.unbatched(lambda t, y: [y[1], 0.5])(0.0, x0)
    np.testing.assert_array_equal(xp.numpy(mixed), [[0.0, 0.5], [2.0, 0.5]])


def test_an_empty_batch():
    assert ode.unbatched(pendulum)(0.0, np.ones((0, 2))).shape == (0, 2)
    assert ode.solve(ode.unbatched(pendulum), np.ones((0, 2)), [0.0, 1.0]).x.shape == (2, 0, 2)


def test_complex_states():
    found = ode.solve(lambda t, y: 1j * y, [1.0 + 0j], [0.0, 1.0], rtol=1e-9)
    np.testing.assert_allclose(found.x[-1], [np.exp(1j)], atol=1e-7)


class Lines:
    """Right-hand sides x' = A x of one state, for every class of methods; `Separable` has its own shape."""

    A = np.array([[-1.0, 2.0], [-2.0, -1.0]])

    def of(self, method):
        kind = type(method).__name__
        if kind == "AdditiveRungeKutta":
            return ode.Split(explicit=lambda t, x: -x, implicit=ode.WithJacobian(self.turn, self.turning))
        if kind == "ExponentialRungeKutta":
            return ode.Semilinear(-np.eye(2), self.turn)
        if kind == "LinearExact":
            return ode.Linear(self.A)
        return ode.WithJacobian(lambda t, x: self.A @ x, lambda t, x: self.A, time_derivative=self.still)

    def turn(self, t, x):
        assert x.shape == (2,)
        return [2 * x[1], -2 * x[0]]

    def turning(self, t, x):
        return [[0.0, 2.0], [-2.0, 0.0]]

    def still(self, t, x):
        return [0.0, 0.0]


METHODS = [getattr(ode, name) for name in names_of("diffmath.ode", _has_step)]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_every_method_takes_a_vector_as_solve_and_steps_do(method):
    if type(method).__name__ == "Splitting":
        f, x0 = (
            ode.Separable(velocity=lambda t, p: p, force=lambda t, q: -q),
            np.array([[1.0, 0.0], [0.0, 1.0]]),
        )
        batch = f
    else:
        f, x0 = Lines().of(method), np.array([1.0, 0.5])
        batch = ode.Linear(Lines.A)
    times = [0.0, 0.5, 1.0]
    found = ode.solve(f, x0, times, method=method, substeps=40, dense=True)
    assert found.x.shape == (3, *x0.shape)
    last = list(ode.steps(f, x0, times, method=method, substeps=40))[-1]
    assert isinstance(last.t, float)
    np.testing.assert_array_equal(last.x, found.x[-1])
    assert last.at(0.5).shape == x0.shape
    assert last.at([0.5, 0.75]).shape == (2, *x0.shape)
    np.testing.assert_allclose(last.at(1.0), last.x, atol=1e-12)
    wanted = ode.solve(batch, x0[None], times, rtol=1e-10, atol=1e-12).x[:, 0]
    np.testing.assert_allclose(found.x, wanted, atol=0.05 if method.order == 1 else 2e-3)


@pytest.mark.parametrize("x0", [1, 1.0, np.float32(1), np.array(1.0), 1 + 0j], ids=repr)
@pytest.mark.parametrize("method", ["dopri5", "kvaerno5", "rosenbrock23", "rk4"])
def test_a_number_is_a_state(x0, method):
    seen, kinds = [], (float, complex, np.floating, np.complexfloating)

    def f(t, x):
        assert isinstance(x, kinds)
        return -x

    options = {"substeps": 20} if method == "rk4" else {"rtol": 1e-6}
    found = ode.solve(
        f, x0, [0.0, 0.5, 1.0], method=method, dense=True, events=lambda t, x: abs(x) - 0.5,
        callback=lambda t, x: seen.append(np.shape(x)), **options,
    )  # fmt: skip
    assert found.x.shape == (3,)
    np.testing.assert_allclose(found.x, np.exp(-np.array([0.0, 0.5, 1.0])), rtol=3e-5)
    np.testing.assert_allclose(found.t_events[0], [np.log(2)], rtol=3e-5)
    assert found.x_events[0].shape == (1,)
    assert found.dense(0.25).shape == ()
    assert found.dense([0.25, 0.5]).shape == (2,)
    assert set(seen) == {()}
    assert found.x.dtype == np.result_type(x0, np.float32 if isinstance(x0, np.float32) else np.float64)
    step = next(ode.steps(f, x0, [0.0, 1.0]))
    assert np.shape(step.x) == ()
    assert step.at([0.0, 1.0]).shape == (2,)


def test_a_number_on_every_library(xp):
    found = ode.solve(lambda t, x: -2.0 * x, xp.asarray(np.array(3.0)), [0.0, 1.0], rtol=1e-8)
    np.testing.assert_allclose(xp.numpy(found.x), [3.0, 3.0 * np.exp(-2.0)], rtol=1e-6)


def test_parts_of_numbers():
    jacobian = ode.WithJacobian(lambda t, x: -x * x, lambda t, x: -2 * x, time_derivative=lambda t, x: 0.0)
    for method in (ode.radau5, ode.rodas5p):
        found = ode.solve(jacobian, 1.0, [0.0, 1.0], method=method, rtol=1e-8)
        np.testing.assert_allclose(found.x[-1], 0.5, rtol=1e-6)
    spring = ode.Separable(velocity=lambda t, p: p, force=lambda t, q: -q)
    found = ode.solve(spring, [1.0, 0.0], [0.0, np.pi], method=ode.yoshida6, substeps=100)
    np.testing.assert_allclose(found.x[-1], [-1.0, 0.0], atol=1e-7)
    np.testing.assert_array_equal(spring(0.0, np.array([1.0, 2.0])), [2.0, -1.0])


def test_a_list_of_scalars_of_a_library(xp):
    def f(t, y):
        return [y[1], -y[0]]

    found = ode.solve(f, xp.asarray(np.array([1.0, 0.0])), [0.0, 1.0], rtol=1e-9)
    np.testing.assert_allclose(xp.numpy(found.x)[-1], [np.cos(1), -np.sin(1)], atol=1e-7)


def test_a_dataclass_of_ones_own_is_a_function_like_any_other():
    @dataclass
    class Decay:
        rate: float

        def __call__(self, t, x):
            return -self.rate * x

    found = ode.solve(Decay(2.0), [1.0], [0.0, 1.0], rtol=1e-8)
    np.testing.assert_allclose(found.x[-1], [np.exp(-2)], rtol=1e-6)
    split = ode.Split(explicit=Decay(1.0), implicit=Decay(1.0))
    found = ode.solve(split, np.ones((1, 1)), [0.0, 1.0], method=ode.kencarp4, rtol=1e-8)
    np.testing.assert_allclose(found.x[-1], [[np.exp(-2)]], rtol=1e-6)


@pytest.mark.parametrize(
    ("f", "x0", "options", "error", "message"),
    [
        (lambda t, y: [1j * y[0]], [1.0], {}, TypeError, r"like the state, float64; .*list of complex128"),
        (lambda t, y: None, [1.0], {}, TypeError, "float64; got None"),
        (lambda t, y: [1.0, [2.0, 3.0]], [1.0, 0.0], {}, TypeError, "got list of object"),
        (lambda t, y: [y[0]] * 3, [1, 0], {}, ValueError, r"^f\(t, x\) must return shape \(2,\); .* \(3,\)"),
        (lambda t, y: [y, y], 1.0, {}, ValueError, r"^f\(t, x\) must return a number; got shape \(2,\)"),
        (pendulum, [np.nan, 0.0], {}, ValueError, r"x0 must be finite; x0\[0\] is nan"),
        (pendulum, [1.0, 0.0], {"callback": 3}, TypeError, "callback must be a callable"),
        (pendulum, [1.0, 0.0], {"events": lambda t, y: y}, ValueError,
         r"^event\(t, x\) must return a number; got shape \(2,\)"),
        (pendulum, [1.0, 0.0], {"method": "kencarp4"}, TypeError, "as an ode.Split, .*; got function: write"),
        (pendulum, [1.0, 0.0], {"method": "leapfrog"}, TypeError, "ode.Separable.*got function"),
        (ode.WithJacobian(pendulum, lambda t, y: y), [1.0, 0.0], {"method": "radau5"}, ValueError,
         r"^jacobian\(t, x\) must return shape \(2, 2\); got shape \(2,\)"),
        (ode.WithJacobian(pendulum, lambda t, y: [[5.0, 1.0], [1.0, 1.0]]), [1.0, 0.0], {"method": "rodas5p"},
         ValueError, r"component 0 of f changes by"),
        (ode.Split(pendulum, lambda t, y: y[:1]), [1.0, 0.0], {"method": "kencarp4"}, ValueError,
         r"^implicit\(t, x\) must return shape \(2,\); got shape \(1,\)"),
        (ode.Separable(lambda t, p: p, lambda t, q: q), [1.0, 0.0, 0.0], {"method": "leapfrog"}, ValueError,
         r"x0, if one state of a Separable, has shape \(2, n\), or \(2,\)"),
    ],
)  # fmt: skip
def test_messages_speak_of_the_users_own_shapes(f, x0, options, error, message):
    with pytest.raises(error, match=message) as caught:
        ode.solve(f, x0, [0.0, 1.0], **options)
    assert not re.search(r"batch|\brow|_Unbatched|Unbatched", str(caught.value))


def test_endings_of_one_state_do_not_speak_of_rows():
    for f, options in (
        (lambda t, y: y * y, {}),
        (lambda t, y: y * np.nan, {}),
        (lambda t, y: -1e9 * y, {"max_steps": 20}),
        (lambda t, y: y * y * 1e30, {"substeps": 20}),
    ):
        found = ode.solve(f, [1.0], [0.0, 2.0], on_failure="return", **options)
        assert not found.success
        assert not re.search(r"\brow", found.message)


def test_swapped_arguments():
    with pytest.raises(TypeError, match=r"f is called as f\(t, x\)"):
        ode.unbatched(lambda x, t: x)
