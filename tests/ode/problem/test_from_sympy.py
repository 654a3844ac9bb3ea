"""Right-hand sides from SymPy: derivatives against closed forms, and refusals."""

import pickle

import numpy as np
import pytest
import sympy

from diffmath import ode

x, y, t = sympy.symbols("x y t")
RHS = [y * sympy.sin(t), sympy.exp(-x) + t**2]


def test_derivatives(xp):
    f = ode.from_sympy(RHS, (x, y), t)
    state, at = np.array([[0.5, 2.0], [-1.0, 3.0]]), 0.3
    array = xp.asarray(state)
    zero = np.zeros(2)
    expected = np.stack([[zero, zero + np.sin(at)], [-np.exp(-state[:, 0]), zero]]).transpose(2, 0, 1)
    np.testing.assert_allclose(xp.numpy(f.jacobian(at, array)), expected, rtol=1e-14)
    in_time = np.stack([state[:, 1] * np.cos(at), zero + 2 * at], axis=1)
    np.testing.assert_allclose(xp.numpy(f.time_derivative(at, array)), in_time, rtol=1e-14)
    slope = np.stack([state[:, 1] * np.sin(at), np.exp(-state[:, 0]) + at**2], axis=1)
    np.testing.assert_allclose(xp.numpy(f(at, array)), slope, rtol=1e-14)
    np.testing.assert_array_equal(f.sparsity, [[False, True], [True, False]])
    assert pickle.loads(pickle.dumps(f.jacobian))(at, state)[0, 0, 1] == pytest.approx(np.sin(at))


@pytest.mark.parametrize("method", [ode.kvaerno3, ode.radau5, ode.rodas5p], ids=lambda m: m.name)
def test_every_row_by_its_own_clock(method):
    f = ode.from_sympy([-1000 * (x - sympy.cos(t)) - sympy.sin(t)], [x], t)
    solution = ode.solve(f, np.array([[1.0], [0.0]]), [0.0, 1.0], method=method)
    np.testing.assert_allclose(solution.x[-1], np.cos(1.0), rtol=1e-4)


def test_kinks_have_the_derivatives_of_their_sides():
    f = ode.from_sympy([sympy.Abs(x) + sympy.Max(x, 0)], [x], t)
    np.testing.assert_array_equal(f.jacobian(0.0, np.array([[2.0], [-2.0]])).ravel(), [2.0, -1.0])


def test_refusals():
    with pytest.raises(ValueError, match="one formula per variable, 2; got 1"):
        ode.from_sympy([x], (x, y), t)
    with pytest.raises(TypeError, match="rhs must be a sequence of formulas"):
        ode.from_sympy(x, (x,), t)
    with pytest.raises(ValueError, match="every symbol must be the time or a state"):
        ode.from_sympy([x * sympy.Symbol("k")], (x,), t)
    with pytest.raises(TypeError, match="state must be a sequence of symbols"):
        ode.from_sympy([x], x, t)
