"""`solve`: exact values, agreement with SciPy, rows that do not disturb each other, every library."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from diffmath import ode
from diffmath._arrays.namespace import array_namespace
from diffmath.testing import ODEProblem
from diffmath.testing import strategies as dst

BATCHES = ["rows", "shared"]


def van_der_pol(t: Any, x: Any) -> Any:
    xp = array_namespace(x)
    return xp.stack([x[:, 1], 5 * (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]], axis=1)


STARTS = np.array([[2.0, 0.0], [0.5, -1.0], [-3.0, 1.0], [0.01, 0.0]])


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("span", [(0.0, 8.0), (0.0, -0.1)])
def test_adaptive_solutions_agree_with_dop853(batch: Any, span: tuple[float, float]) -> None:
    times = np.linspace(*span, 23)
    solution = ode.solve(van_der_pol, STARTS, times, rtol=1e-9, atol=1e-9, batch=batch)
    for i, x0 in enumerate(STARTS):
        peer = solve_ivp(
            lambda t, x: van_der_pol(t, x[None])[0],
            span,
            x0,
            method="DOP853",
            rtol=1e-13,
            atol=1e-13,
            t_eval=times,
        )
        # The tolerance times the growth of errors along the fast pieces of the orbit, some 1e2.
        np.testing.assert_allclose(solution.x[:, i], peer.y.T, rtol=2e-7, atol=2e-7)


@given(problem=dst.linear_odes(max_dim=3))
def test_adaptive_solutions_meet_the_tolerance(problem: ODEProblem) -> None:
    start, stop = problem.t_span
    times = np.linspace(start, stop, 4)
    solution = ode.solve(problem.f, problem.x0, times, rtol=1e-8, atol=1e-8)
    exact = np.stack([problem.exact(t) for t in times])
    scale = 1 + np.abs(exact).max()
    # Some 20 accepted steps of error 1e-8, times the growth exp(L T) that the scale contains.
    np.testing.assert_allclose(solution.x, exact, atol=5e-7 * scale)


@pytest.mark.parametrize("batch", BATCHES)
def test_the_error_is_proportional_to_the_tolerance(batch: Any) -> None:
    """Slope of log error against log tolerance, over six decades, is 1 within 0.15."""
    x0, tolerances = np.array([[1.0, 0.0]]), 10.0 ** -np.arange(4, 11)

    def f(t: Any, x: Any) -> Any:  # a rotation whose speed varies
        return np.stack([-x[:, 1], x[:, 0]], axis=1) * (1 + 0.5 * np.sin(t))

    def error(tolerance: float) -> float:
        x = ode.solve(f, x0, [0.0, 10.0], rtol=tolerance, atol=tolerance, batch=batch).x[-1]
        angle = 10.0 + 0.5 * (1 - math.cos(10.0))
        return float(np.abs(x - [[math.cos(angle), math.sin(angle)]]).max())

    slope = np.polyfit(np.log10(tolerances), np.log10([error(tolerance) for tolerance in tolerances]), 1)[0]
    assert abs(slope - 1) < 0.15


@pytest.mark.parametrize("method", [ode.euler, ode.heun, ode.rk4, ode.dopri5], ids=lambda m: m.name)
def test_fixed_steps_have_the_order_of_the_method(method: ode.ExplicitRungeKutta) -> None:
    """Four halvings of the step of x' = cos(t) x; dopri5 starts coarser to stay above round-off."""
    first = 4 if method.order == 5 else 16

    def error(substeps: int) -> float:
        solution = ode.solve(
            lambda t, x: math.cos(t) * x, np.ones((1, 1)), [0.0, 1.0, 2.0], method=method, substeps=substeps
        )
        assert solution.stats["steps"] == 2 * substeps
        assert solution.stats["evaluations"] == method.nfe(2 * substeps)
        return abs(float(solution.x[-1, 0, 0]) - math.exp(math.sin(2.0)))

    errors = np.array([error(first * 2**k) for k in range(5)])
    assert abs(np.log2(errors[-3] / errors[-1]) / 2 - method.order) < 0.15


def test_fixed_times_are_multiples_and_never_accumulated() -> None:
    seen: list[float] = []

    def f(t: float, x: Any) -> Any:
        seen.append(t)
        return 0.0 * x

    ode.solve(f, np.ones((1, 1)), [0.0, 1.0], method=ode.euler, substeps=1000)
    assert seen == [j * 0.001 for j in range(1000)]


def test_methods_without_an_estimate_step_once_per_interval() -> None:
    times = np.linspace(0, 1, 11)
    fixed = ode.solve(lambda t, x: -x, np.ones((1, 1)), times, method=ode.rk4)
    assert (fixed.stats["steps"], fixed.stats["evaluations"]) == (10, 40)
    x = np.ones((1, 1))
    for t in times[:-1]:
        x = ode.rk4.step(lambda t, x: -x, t, x, 0.1)
    np.testing.assert_allclose(fixed.x[-1], x, rtol=1e-15)


def test_rows_are_bitwise_what_they_are_alone() -> None:
    times = np.linspace(0, 5, 9)
    together = ode.solve(van_der_pol, STARTS, times)
    for i in range(len(STARTS)):
        alone = ode.solve(van_der_pol, STARTS[i : i + 1], times)
        np.testing.assert_array_equal(together.x[:, i], alone.x[:, 0])
        for name in ("steps", "rejected", "evaluations"):
            assert together.stats[name][i] == alone.stats[name][0]


@given(st.permutations(range(4)), st.integers(1, 4))
def test_rows_do_not_depend_on_their_company(order: list[int], size: int) -> None:
    times = [0.0, 0.7, 2.0]
    whole = ode.solve(van_der_pol, STARTS, times, rtol=1e-4)
    chosen = order[:size]
    part = ode.solve(van_der_pol, STARTS[chosen], times, rtol=1e-4)
    np.testing.assert_array_equal(part.x, whole.x[:, chosen])


def test_a_fortran_ordered_batch_gives_the_same_bits() -> None:
    x0 = np.linspace(0.1, 2, 40).reshape(4, 10)
    one = ode.solve(lambda t, x: np.sin(x) - t, x0, [0.0, 1.0])
    other = ode.solve(lambda t, x: np.sin(x) - t, np.asfortranarray(x0), [0.0, 1.0])
    np.testing.assert_array_equal(one.x, other.x)


def test_save_times_hardly_change_the_solution_and_never_the_planned_step() -> None:
    few = ode.solve(van_der_pol, STARTS, [0.0, 5.0])
    many = ode.solve(van_der_pol, STARTS, [0.0, 1.0, 1.0 + 1e-9, 2.5, 5.0])
    np.testing.assert_allclose(few.x[-1], many.x[-1], rtol=1e-3, atol=1e-4)  # both within the tolerance
    # Three more save times cost at most a shortened step and a repeated one each.
    assert np.all(many.stats["steps"] <= few.stats["steps"] + 6)


def test_every_row_has_its_own_step() -> None:
    rates = np.array([[1.0], [100.0]])
    solution = ode.solve(lambda t, x: -rates * x, np.ones((2, 1)), [0.0, 10.0])
    assert 3 * solution.stats["steps"][0] < solution.stats["steps"][1]
    shared = ode.solve(lambda t, x: -rates * x, np.ones((2, 1)), [0.0, 10.0], batch="shared")
    assert isinstance(shared.stats["steps"], int)
    assert shared.stats["steps"] >= solution.stats["steps"][1] * 0.8
    assert shared.row_status is None


def test_what_f_is_given_as_time() -> None:
    seen: dict[str, Any] = {}

    def f(t: Any, x: Any) -> Any:
        seen["t"] = t
        return -x

    ode.solve(f, np.ones((3, 2, 2)), [0.0, 1.0])
    assert seen["t"].shape == (3, 1, 1)
    for options in ({"batch": "shared"}, {"substeps": 2}):
        ode.solve(f, np.ones((3, 2, 2)), [0.0, 1.0], **options)
        assert type(seen["t"]) is float


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"batch": "shared"}, {"method": ode.rk4, "substeps": 20}])
def test_solve_runs_on_every_library(xp: Any, dtype: str, options: dict[str, Any]) -> None:
    def f(t: Any, x: Any) -> Any:
        return -t * x

    values = np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 0.5]])
    x0 = xp.asarray(values, dtype)
    tolerances = {} if "substeps" in options else {"rtol": 1e-5, "atol": 1e-6}
    solution = ode.solve(f, x0, [0.0, 0.5, 2.0], **tolerances, **options)
    assert solution.x.dtype == x0.dtype
    assert solution.t.dtype == np.float64
    exact = values * np.exp(-(solution.t**2) / 2)[:, None, None]
    np.testing.assert_allclose(xp.numpy(solution.x), exact, atol=1e-4)  # ten times the tolerance of 3 x 1e-5
    np.testing.assert_array_equal(xp.numpy(x0), values.astype(dtype))


def test_float32_states_keep_float64_clocks() -> None:
    """From t = 1000, 1e5 steps of 1e-5 accumulated in float32 would not move: 1000 + 1e-5 == 1000 there."""
    x0 = np.ones((1, 1), dtype=np.float32)
    solution = ode.solve(lambda t, x: -x, x0, [1000.0, 1000.00001, 1001.0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(solution.x[:, 0, 0], np.exp(-(solution.t - 1000)), rtol=1e-4)


def test_integer_states_become_float_and_complex_ones_stay() -> None:
    assert ode.solve(lambda t, x: -x, np.array([[1, 2]]), [0.0, 1.0]).x.dtype == np.float64
    for options in ({"rtol": 1e-8}, {"rtol": 1e-8, "batch": "shared"}, {"method": ode.rk4, "substeps": 50}):
        rotation = ode.solve(lambda t, x: 1j * x, np.array([[1.0 + 0j]]), [0.0, 1.0], **options)
        # Ten steps of 1e-8; fifty of rk4 err by 0.02^4 / 120 = 1.3e-9.
        np.testing.assert_allclose(rotation.x[-1, 0, 0], np.exp(1j), atol=1e-7)


@pytest.mark.parametrize("options", [{}, {"batch": "shared"}, {"substeps": 2}])
def test_degenerate_sizes(xp: Any, options: dict[str, Any]) -> None:
    def f(t: Any, x: Any) -> Any:
        return -x

    assert ode.solve(f, xp.asarray(np.ones((0, 3))), [0.0, 1.0, 2.0], **options).x.shape == (3, 0, 3)
    assert ode.solve(f, xp.asarray(np.ones((2, 0))), [0.0, 1.0], **options).x.shape == (2, 2, 0)
    once = ode.solve(f, xp.asarray(np.ones((2, 3))), [0.5], **options)
    assert (once.x.shape, once.success, once.t.tolist()) == ((1, 2, 3), True, [0.5])


def test_a_method_of_ones_own() -> None:
    class Mine:
        order = 2

        def step(self, f: Any, t: Any, x: Any, dt: Any) -> Any:
            k1 = f(t, x)
            return x + dt / 2 * (k1 + f(t + dt, x + dt * k1))

    times = np.linspace(0, 1, 5)
    mine = ode.solve(lambda t, x: -x, np.ones((1, 1)), times, method=Mine())
    theirs = ode.solve(lambda t, x: -x, np.ones((1, 1)), times, method=ode.heun)
    np.testing.assert_allclose(mine.x, theirs.x, rtol=1e-15)


def test_a_tableau_of_ones_own_adapts_if_it_has_an_estimate() -> None:
    """Heun with Euler embedded: not FSAL, so the slope at the new state is evaluated again."""
    tableau = ode.Tableau(
        name="heun-euler", a=[[], [1]], b=["1/2", "1/2"], b_error=["-1/2", "1/2"], order=2, embedded_order=1
    )
    assert not tableau.is_fsal
    solution = ode.solve(
        lambda t, x: -t * x, np.ones((2, 1)), [0.0, 2.0], method=tableau, rtol=1e-6, atol=1e-6
    )
    np.testing.assert_allclose(solution.x[-1], math.exp(-2), rtol=1e-4)
    # Two at the start, the first of which serves the first trial; two per trial after it.
    assert (
        solution.stats["evaluations"][0]
        == 2 + 2 * (solution.stats["steps"] + solution.stats["rejected"])[0] - 1
    )


def test_dopri5_spends_six_evaluations_a_trial() -> None:
    stats = ode.solve(van_der_pol, STARTS[:1], [0.0, 5.0]).stats
    assert stats["evaluations"][0] == stats["calls"] == 2 + 6 * (stats["steps"] + stats["rejected"])[0]


def test_a_controller_of_ones_own_settings() -> None:
    classical = ode.PIController(integral=1.0, proportional=0.0)
    solution = ode.solve(van_der_pol, STARTS, [0.0, 5.0], controller=classical)
    default = ode.solve(van_der_pol, STARTS, [0.0, 5.0])
    assert not np.array_equal(solution.stats["steps"], default.stats["steps"])
    np.testing.assert_allclose(solution.x[-1], default.x[-1], rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match=r"safety must lie in \(0, 1\)"):
        ode.PIController(safety=1.0)
    with pytest.raises(ValueError, match="min_factor < 1 < max_factor"):
        ode.PIController(max_factor=0.5)


def test_progress_can_be_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for options in ({}, {"substeps": 3}):
        ode.solve(lambda t, x: -x, np.ones((1, 1)), [0.0, 1.0], progress=True, **options)
        assert "ode.solve" in capsys.readouterr().err
