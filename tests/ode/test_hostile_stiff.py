"""Hostile problems for implicit, Rosenbrock and additive methods: every call ends in one of three ways."""

import time
from functools import cache

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from diffmath import SolveError, ode

IMPLICIT = [ode.implicit_euler, ode.trapezoid, ode.sdirk2, ode.kvaerno3, ode.kvaerno5, ode.radau5]
ROSENBROCK = [ode.rosenbrock23, ode.rodas5p]
ADDITIVE = [ode.kencarp3, ode.kencarp4]
ALL = [*IMPLICIT, *ROSENBROCK, *ADDITIVE]
ONE = np.ones((1, 1))


def by_name(methods):
    return pytest.mark.parametrize("method", methods, ids=lambda m: m.name)


def solve(f, method, x0=ONE, span=(0.0, 1.0), **options):
    """Solve f, all of it implicitly where the method is additive."""
    if method in ADDITIVE:
        f = ode.Split(explicit=lambda t, x: 0.0 * x, implicit=f)
    return ode.solve(f, x0, span, method=method, on_failure="return", **options)


def decay(**derivatives):
    return ode.WithJacobian(lambda t, x: -x, **derivatives)


@by_name(ALL)
def test_a_jacobian_that_is_not_finite_is_never_silent(method):
    """It turns nan where the first row falls below 0.6; the second row goes on."""

    def jacobian(t, x):
        found = np.where((x < 0.6) & (x > 0), np.nan, -1.0)
        return found[:, :, None]

    x0 = np.array([[1.0], [-1.0]])
    solution = solve(decay(jacobian=jacobian), method, x0=x0, rtol=1e-3, max_step=0.1)
    assert solution.row_status == ("nonfinite", "ok")
    assert "a Jacobian that is nan" in solution.message
    assert solution.x[-1, 1, 0] == pytest.approx(-np.exp(-1.0), rel=3e-2)


@by_name(ALL)
@pytest.mark.parametrize(
    ("result", "error", "match"),
    [
        (np.ones((2, 2)), ValueError, r"jacobian\(t, x\) must return shape \(1, 1, 1\); got \(2, 2\)"),
        ([[-1.0]], TypeError, r"result of jacobian\(t, x\) must be an array .*got list"),
        (None, TypeError, "got NoneType"),
        (-np.ones((1, 1, 1), dtype=int), TypeError, "floating numbers"),
        (-1j * np.ones((1, 1, 1)), TypeError, "real numbers for a real state"),
    ],
    ids=["shape", "list", "none", "int", "complex"],
)
def test_a_jacobian_that_does_not_fit_is_refused(method, result, error, match):
    with pytest.raises(error, match=match):
        solve(decay(jacobian=lambda t, x: result), method)


@by_name(ALL)
def test_a_jacobian_that_changes_the_state_is_refused(method):
    def jacobian(t, x):
        x[...] = 0.0
        return -np.ones((1, 1, 1))

    x0 = ONE.copy()
    with pytest.raises(TypeError, match=r"jacobian\(t, x\) modified its argument x"):
        solve(decay(jacobian=jacobian), method, x0=x0)
    assert x0 == 1.0


@by_name(ROSENBROCK)
def test_time_derivatives_are_checked_too(method):
    with pytest.raises(ValueError, match=r"time_derivative\(t, x\) must return shape \(1, 1\); got \(7,\)"):
        solve(decay(time_derivative=lambda t, x: np.ones(7)), method)

    def changes(t, x):
        x *= 2
        return 0.0 * x

    with pytest.raises(TypeError, match=r"time_derivative\(t, x\) modified"):
        solve(decay(time_derivative=changes), method)
    found = solve(decay(time_derivative=lambda t, x: np.nan * x), method)
    assert found.status == "nonfinite"


@by_name(ALL)
def test_a_users_exception_passes_through(method):
    def jacobian(t, x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        solve(decay(jacobian=jacobian), method)
    assert "raised by jacobian(t, x) at t=" in caught.value.__notes__[0]


@by_name(ADDITIVE)
def test_parts_are_checked_where_their_sum_fits(method):
    for part, error in ((lambda t, x: [[-1.0]], TypeError), (lambda t, x: np.ones(1), ValueError)):
        for split in (
            ode.Split(explicit=lambda t, x: -x, implicit=part),
            ode.Split(explicit=part, implicit=lambda t, x: -x),
        ):
            with pytest.raises(error, match=r"(explicit|implicit)\(t, x\) must"):
                ode.solve(split, ONE, [0.0, 1.0], method=method)


@by_name([m for m in ALL if m.order > 2 or m is ode.rosenbrock23])
@pytest.mark.parametrize("name", ["nan later", "root", "blow-up"])
def test_what_cannot_go_on_ends_with_its_time_and_prefix(method, name):
    f, last, rtol = {
        "nan later": (lambda t, x: np.where(t > 0.5, np.nan, -x), 0.5, 1e-3),
        "root": (lambda t, x: np.where(x >= 0, -np.sqrt(np.abs(x)), np.nan), 2.0, 1e-3),
        "blow-up": (lambda t, x: x**2, 1.0, 1e-3),
    }[name]
    began = time.perf_counter()
    solution = solve(f, method, span=[0.0, 0.25, 3.0], rtol=rtol, atol=1e-6)
    assert time.perf_counter() - began < 5.0  # about 1 s at most
    assert solution.status == ("blow_up" if name == "blow-up" else "nonfinite")
    stopped = float(solution.message.split("t=")[1].split()[0].rstrip(":;,"))
    assert stopped == pytest.approx(last, abs=2e-2)
    expected = {"nan later": np.exp(-0.25), "root": (1 - 0.125) ** 2, "blow-up": 1 / 0.75}[name]
    assert solution.x[1, 0, 0] == pytest.approx(expected, rel=1e-2)  # 10 rtol: errors grow with the solution


@by_name(ALL)
def test_sliding_and_noise_end_by_the_cap(method):
    noise = np.random.default_rng(0)
    for f in (lambda t, x: np.sign(0.5 - x), lambda t, x: -x + noise.standard_normal(x.shape)):
        solution = solve(f, method, x0=0.0 * ONE, span=[0.0, 2.0], max_steps=200)
        assert solution.status in ("ok", "max_steps", "nonfinite", "step_too_small")
        assert np.isfinite(solution.x[0]).all()


@by_name(ALL)
def test_a_jump_in_time_is_seen(method):
    solution = solve(lambda t, x: np.where(t < 0.5, 1.0, -1e3) + 0 * x, method, rtol=1e-4)
    assert solution.x[-1, 0, 0] == pytest.approx(-498.5, rel=1e-3)


@by_name(ALL)
@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_extreme_sizes(method, size):
    solution = solve(lambda t, x: -x, method, x0=size * ONE, rtol=1e-3, atol=0.0)
    assert solution.x[-1, 0, 0] / size == pytest.approx(np.exp(-1.0), rel=3e-2)


@by_name(ALL)
def test_complex_states_and_the_error_state_of_numpy(method):
    """x' = i k x^2 / (1 + t): holomorphic, x = 1 / (1/x0 - i k log(1 + t))."""
    with np.errstate(all="raise"):
        x0 = np.array([[1.0 + 0.5j], [-0.3j]])
        solution = solve(lambda t, x: 2j * x**2 / (1 + t), method, x0=x0, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(
            solution.x[-1], 1 / (1 / x0 - 2j * np.log(2.0)), rtol=4e-2
        )  # 40 rtol, for order 1
        stiff = solve(lambda t, x: -1e5 * (x - np.cos(t)), method, x0=ONE, rtol=1e-3)
    assert stiff.x[-1, 0, 0] == pytest.approx(np.cos(1.0), abs=2e-3)


def hires(t, x):
    """High irradiance response of morphogenesis: eight components, mildly stiff."""
    y = [x[:, i] for i in range(8)]
    react = 280 * y[5] * y[7]
    rows = [
        -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007,
        1.71 * y[0] - 8.75 * y[1],
        -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4],
        8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3],
        -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6],
        -react + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6],
        react - 1.81 * y[6],
        -react + 1.81 * y[6],
    ]
    return np.stack(rows, axis=1)


HIRES = np.array([[1.0, 0, 0, 0, 0, 0, 0, 0.0057]])


@cache
def hires_of_scipy():
    found = solve_ivp(
        lambda t, x: hires(t, x[None])[0], (0, 321.8122), HIRES[0], method="Radau", rtol=1e-10, atol=1e-13
    )
    return found.y[:, -1]


@by_name([ode.kvaerno3, ode.kvaerno5, ode.radau5, ode.rodas5p, ode.kencarp4])
def test_hires_against_scipy(method):
    solution = solve(hires, method, x0=HIRES, span=[0.0, 321.8122], rtol=1e-6, atol=1e-9)
    # It amplifies errors 50 fold.
    np.testing.assert_allclose(solution.x[-1, 0], hires_of_scipy(), rtol=2e-4)


def van_der_pol(t, x):
    return np.stack([x[:, 1], 10 * (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]], axis=1)


@cache
def end_of_van_der_pol():
    return ode.solve(van_der_pol, np.array([[2.0, 0.0]]), [0, 5.0], rtol=1e-10, atol=1e-12).x[-1]


@by_name([ode.kvaerno3, ode.kvaerno5, ode.radau5])
@pytest.mark.parametrize("factor", [0.6, 1.5])
def test_a_jacobian_that_is_off_costs_evaluations_not_accuracy(method, factor):
    """Newton then converges slowly: it must not stop where the step still has to go."""

    def jacobian(t, x):
        y, v = x[:, 0], x[:, 1]
        rows = [0 * y, 1 + 0 * y, -20 * y * v - 1, 10 * (1 - y**2)]
        return factor * np.stack(rows, axis=1).reshape(-1, 2, 2)

    x0 = np.array([[2.0, 0.0]])
    model = ode.WithJacobian(van_der_pol, jacobian)
    found = solve(model, method, x0=x0, span=[0, 5.0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.x[-1], end_of_van_der_pol(), rtol=5e-5)


def test_fixed_steps_refuse_what_is_not_finite():
    f = decay(jacobian=lambda t, x: np.full((len(x), 1, 1), np.nan))
    for method in (ode.implicit_euler, ode.rodas5p, ode.radau5):
        with pytest.raises(SolveError, match="the state became nan or inf between t=0 and t=1"):
            ode.solve(f, ONE, [0.0, 1.0], method=method, substeps=2)
