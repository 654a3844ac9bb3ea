"""Jacobians: given, constant, differenced and coloured; what does not fit is refused by name."""

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from diffmath import ode, symbolic
from diffmath._newton.jacobian import colour_columns, jacobian, time_derivative

ROOT = 1.5e-8  # of the machine epsilon: what a forward difference resolves


def chain(t, x):
    """Every component meets its neighbours: a tridiagonal Jacobian."""
    left = np.concatenate([0 * x[:, :1], x[:, :-1]], axis=1)
    right = np.concatenate([x[:, 1:], 0 * x[:, :1]], axis=1)
    return np.sin(x) * left + right**2 - t * x


def chain_jacobian(t, x):
    n = x.shape[1]
    result = np.zeros((len(x), n, n))
    left = np.concatenate([0 * x[:, :1], x[:, :-1]], axis=1)
    for i in range(n):
        result[:, i, i] = np.cos(x[:, i]) * left[:, i] - t
        if i > 0:
            result[:, i, i - 1] = np.sin(x[:, i])
        if i < n - 1:
            result[:, i, i + 1] = 2 * x[:, i + 1]
    return result


@pytest.mark.parametrize("coloured", [False, True])
def test_differences(coloured):
    x = np.random.default_rng(0).standard_normal((3, 7))
    pattern = np.abs(np.subtract.outer(np.arange(7), np.arange(7))) <= 1
    calls = []

    def f(t, x):
        calls.append(t)
        return chain(t, x)

    model = ode.WithJacobian(f, sparsity=pattern if coloured else None)
    found = jacobian(model, 0.5, x, 0.1)
    np.testing.assert_allclose(found, chain_jacobian(0.5, x), atol=20 * ROOT)
    assert len(calls) == 1 + (3 if coloured else 7)  # tridiagonal: three colours


def test_a_row_does_not_depend_on_others():
    x = np.random.default_rng(1).standard_normal((4, 5))
    x[2] *= 1e6
    whole = jacobian(chain, 0.5, x, 0.1)
    for i in range(4):
        np.testing.assert_array_equal(whole[i], jacobian(chain, 0.5, x[i : i + 1], 0.1)[0])


@given(data=st.data(), n=st.integers(1, 8))
def test_columns_of_a_colour_share_no_row(data, n):
    bits = data.draw(st.lists(st.booleans(), min_size=n * n, max_size=n * n))
    pattern = np.array(bits).reshape(n, n)
    colours = colour_columns(pattern)
    for colour in range(colours.max() + 1):
        assert pattern[:, colours == colour].sum(axis=1).max() <= 1


def test_given_by_sympy(xp):
    x, y, t = sympy.symbols("x y t")
    rhs = sympy.Matrix([y, 5 * (1 - x**2) * y - x * sympy.cos(t)])
    f = ode.WithJacobian(
        symbolic.lower(list(rhs), (x, y), t), symbolic.lower(rhs.jacobian((x, y)), (x, y), t)
    )
    state = xp.asarray([[2.0, 1.0], [0.5, -1.0]])
    found = xp.numpy(jacobian(f, 0.0, state, 0.1))
    np.testing.assert_allclose(found[0], [[0, 1], [-21, -15]], rtol=1e-14)
    solution = ode.solve(f, state, [0.0, 1.0], method=ode.kvaerno3, rtol=1e-4, batch="shared")
    plain = ode.solve(f, state, [0.0, 1.0], rtol=1e-8, atol=1e-10, batch="shared")
    np.testing.assert_allclose(xp.numpy(solution.x)[-1], xp.numpy(plain.x)[-1], atol=2e-3)


def test_time_derivative():
    def f(t, x):
        return np.sin(t) * x

    x = np.array([[2.0], [3.0]])
    np.testing.assert_allclose(time_derivative(f, 0.3, x, 0.1, f(0.3, x)), np.cos(0.3) * x, rtol=1e-6)
    times = np.array([[0.3], [0.7]])
    found = time_derivative(f, times, x, 0.1 + 0 * times, f(times, x))
    np.testing.assert_allclose(found, np.cos(times) * x, rtol=1e-6)
    given = ode.WithJacobian(f, time_derivative=lambda t, x: np.cos(t) * x)
    np.testing.assert_array_equal(time_derivative(given, 0.3, x, 0.1, f(0.3, x)), np.cos(0.3) * x)


def test_degenerate_sizes():
    assert jacobian(lambda t, x: x, 0.0, np.zeros((0, 3)), 0.1).shape == (0, 3, 3)
    assert jacobian(lambda t, x: x, 0.0, np.zeros((2, 0)), 0.1).shape == (2, 0, 0)
    np.testing.assert_allclose(jacobian(lambda t, x: 3 * x, 0.0, np.zeros((1, 2)), 0.0)[0], 3 * np.eye(2))


def test_a_complex_state_is_perturbed_along_the_real_axis():
    x = np.array([[1.0 + 2.0j]])
    np.testing.assert_allclose(jacobian(lambda t, x: x**2, 0.0, x, 0.1), [[[2.0 + 4.0j]]], rtol=1e-7)


def test_refusals():
    x = np.ones((2, 3))
    wrong = ode.WithJacobian(chain, lambda t, x: np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"jacobian\(t, x\).*\(2, 3, 3\)"):
        jacobian(wrong, 0.0, x, 0.1)
    single = ode.WithJacobian(chain, lambda t, x: np.ones((2, 3, 3), dtype=np.float32))
    with pytest.raises(TypeError, match="must return the dtype of the state"):
        jacobian(single, 0.0, x, 0.1)
    with pytest.raises(ValueError, match=r"sparsity must have shape \(3, 3\)"):
        jacobian(ode.WithJacobian(chain, sparsity=np.eye(2)), 0.0, x, 0.1)
    with pytest.raises(ValueError, match="sparsity must be square"):
        ode.WithJacobian(chain, sparsity=np.ones((2, 3)))
    with pytest.raises(TypeError, match="time_derivative"):
        ode.WithJacobian(chain, time_derivative=lambda x, t: x)
