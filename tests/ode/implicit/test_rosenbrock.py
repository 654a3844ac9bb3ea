"""Rosenbrock methods: proofs, measured orders, stiff problems, derivatives that are given or found."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from diffmath import ode

METHODS = [ode.rosenbrock23, ode.rodas5p]
by_name = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
START = np.array([[0.5], [0.8]])


def riccati(t, x):
    """x' = -x^2 cos t: x = 1 / (1/x0 + sin t)."""
    return -(x**2) * np.cos(t)


EXACT = ode.WithJacobian(
    riccati, lambda t, x: (-2 * x * np.cos(t))[:, :, None], time_derivative=lambda t, x: x**2 * np.sin(t)
)


@by_name
@pytest.mark.parametrize("f", [riccati, EXACT], ids=["differences", "given"])
def test_measured_order(method, f):
    errors = []
    for n in [8, 16, 32, 64, 128] if method.order < 5 else [4, 8, 16, 32, 64]:
        solution = ode.solve(f, START, np.linspace(0, 2, 3), method=method, substeps=n)
        exact = np.stack([1 / (1 / START + np.sin(t)) for t in solution.t])
        errors.append(np.abs(solution.x - exact).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    # With differences the fifth order ends where their error begins, about 1e-11.
    last = orders[-1] if method.order < 5 or f is EXACT else orders[2]
    assert last == pytest.approx(method.order, abs=0.15)


@by_name
def test_a_perturbed_coefficient_is_refused(method):
    tableau = method.tableau
    b = [*tableau.b[:-1], tableau.b[-1] + Fraction(1, 10**9)]
    with pytest.raises(ValueError, match=rf"{method.name} claims order {method.order}"):
        replace(tableau, b=b)
    gamma = [list(row) for row in tableau.gamma]
    gamma[1][0] = gamma[1][0] * -1
    with pytest.raises(ValueError, match="fails: residual"):
        replace(tableau, gamma=gamma)
    with pytest.raises(ValueError, match=f"claims order {method.order + 1}"):
        replace(tableau, order=method.order + 1)
    assert tableau.report().startswith(f"{method.name}, order {method.order}")


@by_name
def test_one_step_of_linear_decay_is_damped(method):
    """R(z) tends to 0: both methods are L-stable; and R is the exponential to the order."""
    z = np.array([[-1e10], [-1e3], [-0.01]])
    f = ode.WithJacobian(lambda t, x: z * x, lambda t, x: z[:, :, None], time_derivative=lambda t, x: 0 * x)
    found = method.step(f, 0.0, np.ones((3, 1)), 1.0)
    assert abs(found[0, 0]) < 1e-4
    assert abs(found[1, 0]) < 0.02
    assert found[2, 0] == pytest.approx(np.exp(-0.01), abs=0.01 ** (method.order + 1))
    on_axis = np.array([[1j * y] for y in np.geomspace(1e-2, 1e4, 50)])
    g = ode.WithJacobian(lambda t, x: on_axis * x, lambda t, x: on_axis[:, :, None])
    assert np.abs(method.step(g, 0.0, np.ones((50, 1), dtype=complex), 1.0)).max() <= 1 + 1e-12


@by_name
def test_robertson(method):
    def robertson(t, x):
        a, b, c = x[:, 0], x[:, 1], x[:, 2]
        r1, r2, r3 = 0.04 * a, 1e4 * b * c, 3e7 * b * b
        return np.stack([-r1 + r2, r1 - r2 - r3, r3], axis=1)

    rtol = 1e-4 if method.order == 2 else 1e-6
    solution = ode.solve(robertson, np.array([[1.0, 0, 0]]), [0, 40.0], method=method, rtol=rtol, atol=1e-10)
    reference = [0.7158270688, 9.185534765e-6, 0.2841637457]  # Hairer & Wanner (1996), section IV.10
    np.testing.assert_allclose(solution.x[-1, 0], reference, rtol=20 * rtol)
    assert solution.stats["steps"][0] < 500


@by_name
def test_steps_do_not_grow_with_stiffness(method):
    steps = []
    for k in (1e2, 1e5, 1e8):
        f = ode.WithJacobian(
            lambda t, x, k=k: -k * (x - np.cos(t)) - np.sin(t),
            lambda t, x, k=k: np.full((1, 1, 1), -k),
            time_derivative=lambda t, x, k=k: 0 * x - k * np.sin(t) - np.cos(t),
        )
        solution = ode.solve(f, np.ones((1, 1)), [0, 3.0], method=method, rtol=1e-5, atol=1e-8)
        assert solution.x[-1, 0, 0] == pytest.approx(np.cos(3.0), abs=1e-4)
        steps.append(solution.stats["steps"][0])
    assert steps[2] <= 1.1 * steps[1] + 5 <= 2.5 * steps[0] + 20, steps


@by_name
def test_rows_are_alone(method):
    start = np.array([[2.0, 0.0], [0.1, 5.0], [-1.0, 0.3]])

    def f(t, x):
        return np.stack([x[:, 1], 50 * (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]], axis=1)

    together = ode.solve(f, start, [0, 1.0, 2.0], method=method, rtol=1e-5)
    for row in range(3):
        alone = ode.solve(f, start[row : row + 1], [0, 1.0, 2.0], method=method, rtol=1e-5)
        np.testing.assert_array_equal(together.x[:, row], alone.x[:, 0])


def test_every_library(xp):
    x0 = xp.asarray([[0.0], [2.0]])
    for method in METHODS:
        solution = ode.solve(lambda t, x: -50.0 * (x - 1.0), x0, [0.0, 0.1], method=method, rtol=1e-5)
        exact = 1 + np.array([[-1.0], [1.0]]) * np.exp(-5.0)
        np.testing.assert_allclose(xp.numpy(solution.x)[-1], exact, rtol=1e-4)
    single = ode.solve(
        lambda t, x: -50.0 * (x - 1.0), xp.asarray([[0.0]], "float32"), [0.0, 0.1], method=ode.rosenbrock23,
        rtol=1e-3, atol=1e-5,
    )  # fmt: skip
    assert xp.numpy(single.x).dtype == np.float32
    np.testing.assert_allclose(xp.numpy(single.x)[-1], 1 - np.exp(-5.0), rtol=1e-2)


def test_refusals():
    make = ode.RosenbrockTableau
    with pytest.raises(ValueError, match="one number on its diagonal"):
        make(name="m", alpha=[[], [1]], gamma=[["1/2"], [0, "1/3"]], b=[1, 0], order=1)
    with pytest.raises(ValueError, match="strictly lower triangular"):
        make(name="m", alpha=[[1]], gamma=[["1/2"]], b=[1], order=1)
    with pytest.raises(TypeError, match="exact"):
        make(name="m", alpha=[[]], gamma=[[0.5]], b=[1], order=1)
    with pytest.raises(ValueError, match="together, or neither"):
        make(name="m", alpha=[[]], gamma=[["1/2"]], b=[1], b_error=[1], order=1)
    with pytest.raises(TypeError, match=r"must be an ode\.RosenbrockTableau"):
        ode.Rosenbrock(ode.rk4.tableau)
    plain = ode.Rosenbrock(make(name="plain", alpha=[[]], gamma=[["1/2"]], b=[1], order=2))
    with pytest.raises(TypeError, match="plain has no error estimate"):
        plain.step_with_error(riccati, 0.0, START, 0.1)
    assert plain.step(riccati, 0.0, START, 0.0) == pytest.approx(START)
