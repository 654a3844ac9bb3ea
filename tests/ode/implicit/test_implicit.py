"""Implicit Runge-Kutta methods: measured orders, stiff problems against references, failures that say so."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from diffmath import SolveError, ode

METHODS = [ode.implicit_euler, ode.trapezoid, ode.sdirk2, ode.kvaerno3, ode.kvaerno5, ode.radau5]
STIFF = [ode.sdirk2, ode.kvaerno3, ode.kvaerno5, ode.radau5]


def by_name(methods):
    return pytest.mark.parametrize("method", methods, ids=lambda m: m.name)


START = np.array([[0.5], [0.8]])


def riccati(t, x):
    """x' = -x^2 cos t: x = 1 / (1/x0 + sin t)."""
    return -(x**2) * np.cos(t)


def riccati_exact(t):
    return 1 / (1 / START + np.sin(t))


@by_name(METHODS)
def test_measured_order(method):
    # Tight Newton: what it leaves over must be below the error of the finest run.
    tight = replace(method, newton=ode.Newton(tolerance=1e-14))
    first = {1: 16, 2: 8, 3: 16, 5: 4}[method.order]
    errors = []
    for halving in range(5):
        solution = ode.solve(riccati, START, np.linspace(0, 2, 5), method=tight, substeps=first * 2**halving)
        exact = np.stack([riccati_exact(t) for t in solution.t])
        errors.append(np.abs(solution.x - exact).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    if method.order == 5:  # round-off spoils the last halving
        orders = orders[:-1]
    assert orders[-1] == pytest.approx(method.order, abs=0.15)


def robertson(t, x):
    a, b, c = x[:, 0], x[:, 1], x[:, 2]
    r1, r2, r3 = 0.04 * a, 1e4 * b * c, 3e7 * b * b
    return np.stack([-r1 + r2, r1 - r2 - r3, r3], axis=1)


@by_name(STIFF)
def test_robertson(method):
    rtol = 1e-4 if method.order == 2 else 1e-6
    solution = ode.solve(robertson, np.array([[1.0, 0, 0]]), [0, 40.0], method=method, rtol=rtol, atol=1e-10)
    # Hairer & Wanner (1996), section IV.10 (ROBER at t = 40).
    reference = [0.7158270688, 9.185534765e-6, 0.2841637457]
    np.testing.assert_allclose(solution.x[-1, 0], reference, rtol=10 * rtol)
    assert solution.x[-1, 0].sum() == pytest.approx(1, abs=1e-13)  # mass, through Newton and differences
    assert solution.stats["steps"][0] < 900


def van_der_pol(mu):
    return lambda t, x: np.stack([x[:, 1], mu * (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]], axis=1)


def test_van_der_pol_against_scipy():
    start = np.array([[2.0, 0.0], [-2.0, 0.0], [0.5, 1.0]])
    f = van_der_pol(300.0)
    solution = ode.solve(f, start, [0, 300.0], method=ode.radau5, rtol=1e-6, atol=1e-9)
    for row, x0 in enumerate(start):
        reference = solve_ivp(
            lambda t, x: f(t, x[None])[0], (0, 300.0), x0, method="Radau", rtol=1e-8, atol=1e-11
        )
        # The fast jump shifts in time with the error; away from it the solution is as good as rtol.
        np.testing.assert_allclose(solution.x[-1, row], reference.y[:, -1], rtol=2e-4)


@by_name(STIFF)
def test_steps_do_not_grow_with_stiffness(method):
    """Prothero & Robinson: x' = -k (x - cos t) - sin t, solution cos t for any k."""
    steps = []
    for k in (1e2, 1e5, 1e8):
        f = ode.WithJacobian(
            lambda t, x, k=k: -k * (x - np.cos(t)) - np.sin(t), lambda t, x, k=k: np.full((1, 1, 1), -k)
        )
        solution = ode.solve(f, np.ones((1, 1)), [0, 3.0], method=method, rtol=1e-5, atol=1e-8)
        assert solution.x[-1, 0, 0] == pytest.approx(np.cos(3.0), abs=1e-4)
        steps.append(solution.stats["steps"][0])
    assert steps[2] <= 1.5 * steps[0] + 20, steps


@by_name([ode.kvaerno3, ode.radau5])
def test_rows_are_alone(method):
    start = np.array([[2.0, 0.0], [0.1, 5.0], [-1.0, 0.3]])
    f = van_der_pol(50.0)
    together = ode.solve(f, start, [0, 1.0, 2.0], method=method, rtol=1e-5)
    for row in range(3):
        alone = ode.solve(f, start[row : row + 1], [0, 1.0, 2.0], method=method, rtol=1e-5)
        np.testing.assert_array_equal(together.x[:, row], alone.x[:, 0])
        assert together.stats["steps"][row] == alone.stats["steps"][0]


def test_a_row_that_fails_leaves_the_others():
    def f(t, x):  # the second row runs into infinity at t = 1
        return np.array([[0.0], [1.0]]) * x**2 - np.array([[1.0], [0.0]]) * x

    solution = ode.solve(f, np.ones((2, 1)), [0.0, 0.5, 2.0], method=ode.kvaerno3, on_failure="return")
    assert solution.row_status[0] == "ok"
    assert solution.row_status[1] == "blow_up"
    assert solution.x[-1, 0, 0] == pytest.approx(np.exp(-2.0), rel=1e-5)
    assert solution.x[1, 1, 0] == pytest.approx(2.0, rel=1e-5)
    assert np.isnan(solution.x[-1, 1, 0])


def test_fixed_steps_tell_that_the_equations_may_have_no_solution():
    # x1 = 1 + 10 (1 + x1^2) has no real root: no Newton iteration finds one.
    with pytest.raises(SolveError, match="equations of an implicit one to be solved"):
        ode.solve(lambda t, x: 1 + x**2, np.ones((1, 1)), [0, 10.0], method=ode.implicit_euler, substeps=1)


@by_name(METHODS)
def test_linear_decay_is_the_stability_function(method):
    """One step of x' = z x from 1 is R(z), on every row with its own z, complex ones too."""
    z = np.array([[-0.1 + 0.0j], [-3.0 + 2.0j], [0.2 - 1.0j]])
    p, q = method.tableau.stability_function()
    found = method.step(lambda t, x: z * x, 0.0, np.ones((3, 1), dtype=complex), 1.0)
    expected = np.polyval([float(c) for c in reversed(p)], z) / np.polyval([float(c) for c in reversed(q)], z)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@given(seed=st.integers(0, 10_000), dim=st.integers(1, 4), backwards=st.booleans())
def test_linear_systems_of_any_size(seed, dim, backwards):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((dim, dim)) - 2 * np.eye(dim)
    x0 = rng.standard_normal((2, dim))
    span = [0.0, -0.5] if backwards else [0.0, 0.5]
    f = ode.Linear(matrix)
    stiffly = ode.solve(f, x0, span, method=ode.kvaerno5, rtol=1e-8, atol=1e-10).x[-1]
    plainly = ode.solve(f, x0, span, method=ode.dop853, rtol=1e-10, atol=1e-12).x[-1]
    np.testing.assert_allclose(stiffly, plainly, rtol=1e-5, atol=1e-7)


def test_every_library(xp):
    def f(t, x):
        return -50.0 * (x - 1.0) + 0.0 * x

    x0 = xp.asarray([[0.0], [2.0]])
    for method in (ode.sdirk2, ode.kvaerno3, ode.radau5):
        solution = ode.solve(f, x0, [0.0, 0.1], method=method, rtol=1e-4, atol=1e-6)
        exact = 1 + np.array([[-1.0], [1.0]]) * np.exp(-5.0)
        np.testing.assert_allclose(xp.numpy(solution.x)[-1], exact, rtol=1e-3)


def test_single_precision(xp):
    x0 = xp.asarray([[0.0], [2.0]], "float32")
    solution = ode.solve(lambda t, x: -50.0 * (x - 1.0), x0, [0.0, 0.1], method=ode.kvaerno3, rtol=1e-3)
    assert solution.x.dtype == x0.dtype
    np.testing.assert_allclose(xp.numpy(solution.x)[-1, 0], 1 - np.exp(-5.0), rtol=5e-3)


def test_states_of_any_shape():
    x0 = np.ones((2, 2, 3))
    solution = ode.solve(lambda t, x: -x, x0, [0.0, 1.0], method=ode.kvaerno3)
    np.testing.assert_allclose(solution.x[-1], np.exp(-1) * x0, rtol=1e-5)
    assert ode.solve(lambda t, x: -x, np.ones((0, 3)), [0.0, 1.0], method=ode.radau5).x.shape == (2, 0, 3)


def test_a_singular_iteration_matrix_costs_one_row_its_step():
    # I - h J is singular in the first row at h = 1.
    rates = np.array([[1.0], [-1.0]])
    found = ode.implicit_euler.step(lambda t, x: rates * x, 0.0, np.ones((2, 1)), 1.0)
    assert np.isnan(found[0, 0])
    assert found[1, 0] == pytest.approx(0.5, rel=1e-7)


def test_newton_options():
    loose = replace(ode.implicit_euler, newton=ode.Newton(max_iterations=1))
    with pytest.raises(SolveError, match="substeps"):
        ode.solve(riccati, START, [0.0, 2.0], method=loose, substeps=2)
    with pytest.raises(ValueError, match=r"tolerance must lie in \(0, 1\)"):
        ode.Newton(tolerance=2.0)
    with pytest.raises(ValueError, match="max_iterations"):
        ode.Newton(max_iterations=0)
    with pytest.raises(TypeError, match=r"newton must be an ode\.Newton"):
        replace(ode.radau5, newton=12)
    with pytest.raises(TypeError, match=r"tableau must be an ode\.ImplicitTableau"):
        ode.ImplicitRungeKutta(ode.rk4.tableau)


def test_a_method_without_an_estimate_takes_fixed_steps():
    gauss = ode.ImplicitRungeKutta(ode.ImplicitTableau(name="gauss1", a=[["1/2"]], b=[1], order=2))
    with pytest.raises(TypeError, match="gauss1 has no error estimate"):
        gauss.step_with_error(riccati, 0.0, START, 0.1)
    coarse, fine = (
        np.abs(ode.solve(riccati, START, [0, 2.0], method=gauss, substeps=n).x[-1] - riccati_exact(2.0)).max()
        for n in (64, 128)
    )
    assert np.log2(coarse / fine) == pytest.approx(2, abs=0.15)


def test_given_jacobians_save_evaluations():
    def jac(t, x):
        y, v = x[:, 0], x[:, 1]
        rows = [0 * y, 1 + 0 * y, -2 * 100 * y * v - 1, 100 * (1 - y**2)]
        return np.stack(rows, axis=1).reshape(-1, 2, 2)

    x0 = np.array([[2.0, 0.0]])
    f = van_der_pol(100.0)
    given = ode.solve(ode.WithJacobian(f, jac), x0, [0, 200.0], method=ode.kvaerno5)
    found = ode.solve(f, x0, [0, 200.0], method=ode.kvaerno5)
    np.testing.assert_allclose(given.x[-1], found.x[-1], rtol=1e-3)
    assert given.stats["calls"] < 0.9 * found.stats["calls"]


@pytest.mark.parametrize(
    "method",
    [ode.implicit_euler, ode.trapezoid, ode.sdirk2, ode.kvaerno3, ode.kvaerno5, ode.radau5],
    ids=lambda m: m.name,
)
def test_what_a_row_costs_does_not_depend_on_its_company(method):
    """Evaluations, steps and states of a stiff nonlinear batch are those of each row alone, bit for bit."""
    rates = np.array([1.0, 1e3, 40.0, 1e-2, 300.0])

    def f(rate):
        def part(t, x):
            u, v = x[:, 0], x[:, 1]
            return np.stack([-rate * (u**3 - v**2), rate * u - 2 * v + np.cos(np.reshape(t, (-1,)))], axis=1)

        return part

    x0 = np.array([[1.0, 0.5], [2.0, 0.0], [0.1, 1.0], [5.0, 2.0], [1.0, 1.0]])
    options = {"method": method, "rtol": 1e-3, "atol": 1e-3}
    whole = ode.solve(f(rates), x0, [0.0, 1.0], **options)
    for row in range(5):
        alone = ode.solve(f(rates[row : row + 1]), x0[row : row + 1], [0.0, 1.0], **options)
        np.testing.assert_array_equal(whole.x[:, row], alone.x[:, 0])
        for name in ("steps", "rejected", "evaluations"):
            assert whole.stats[name][row] == alone.stats[name][0], name
    assert len(set(whole.stats["evaluations"])) > 1
    assert whole.stats["calls"] < whole.stats["evaluations"].sum()
