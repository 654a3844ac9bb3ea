"""Callables written for scipy's solve_ivp, as they are: one state, lists, events with attributes."""

import pickle

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from diffmath import SolveError, ode


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
    np.testing.assert_allclose(found.t_events[0][0], reference.t_events[0], atol=1e-6)
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


def test_refusals():
    with pytest.raises(TypeError, match="numbers like the state, float64; got list of complex128"):
        ode.solve(lambda t, y: [1j * y[0]], [1.0], [0.0, 1.0])
    with pytest.raises(TypeError, match="got NoneType of object"):
        ode.solve(lambda t, y: None, [1.0], [0.0, 1.0])
    with pytest.raises(ValueError, match=r"f\(t, x\) must return shape"):
        ode.solve(lambda t, y: [y[0], y[0]], [1.0], [0.0, 1.0])
    with pytest.raises(TypeError, match=r"whose parts take batches.*x0\[None, :\]"):
        ode.solve(ode.Split(pendulum, pendulum), [1.0, 0.0], [0.0, 1.0], method=ode.kencarp4)
    with pytest.raises(ValueError, match="x0 must be finite"):
        ode.solve(pendulum, [np.nan, 0.0], [0.0, 1.0])
    with pytest.raises(TypeError, match=r"f is called as f\(t, x\)"):
        ode.unbatched(lambda x, t: x)
    with pytest.raises(TypeError, match="callback must be a callable"):
        ode.solve(pendulum, [1.0, 0.0], [0.0, 1.0], callback=3)
