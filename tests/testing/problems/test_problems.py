"""The problems are correct: their exact solutions solve their equations."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from scipy.integrate import solve_ivp

from diffmath.testing import ODEProblem, linear_ode
from diffmath.testing import strategies as dst
from diffmath.testing._problems.problems import Spectrum


@pytest.mark.parametrize("spectrum", get_args(Spectrum))
@pytest.mark.parametrize("frequency", [None, 0.0, 2.0])
def test_the_exact_solution_agrees_with_dop853(spectrum: Spectrum, frequency: float | None) -> None:
    problem = linear_ode(dim=3, seed=5, spectrum=spectrum, frequency=frequency, t0=0.5, duration=2.0)
    peer = solve_ivp(
        lambda t, x: problem.f(t, x[None])[0],
        problem.t_span,
        problem.x0[0],
        method="DOP853",
        rtol=1e-12,
        atol=1e-13,
    )
    scale = np.abs(peer.y).max()
    # rtol of the peer, over some 100 steps
    np.testing.assert_allclose(problem.exact(problem.t_span[1])[0], peer.y[:, -1], atol=1e-10 * scale)


@given(problem=dst.linear_odes())
def test_every_drawn_problem_solves_its_equation(problem: ODEProblem) -> None:
    start, stop = problem.t_span
    scale = max(np.abs(problem.exact(t)).max() for t in (start, (start + stop) / 2, stop))
    np.testing.assert_allclose(problem.exact(start), problem.x0, rtol=1e-15)
    t, h = (start + stop) / 2, 1e-3
    # The five-point difference has error h^4 lambda^5 / 30, 1e-10 for lambda <= 5, and round-off eps / h.
    points = [problem.exact(t + k * h) for k in (-2, -1, 1, 2)]
    slope = (points[0] - 8 * points[1] + 8 * points[2] - points[3]) / (12 * h)
    np.testing.assert_allclose(slope, problem.f(t, problem.exact(t)), atol=1e-8 * scale)


@pytest.mark.parametrize(
    ("spectrum", "real", "imaginary"),
    [
        ("decay", (-2, -0.5), (0, 0)),
        ("growth", (0.5, 2), (0, 0)),
        ("oscillation", (0, 0), (0.5, 2)),
        ("spiral", (-0.6, -0.15), (0.5, 2)),
    ],
)
def test_eigenvalues_are_where_the_spectrum_says(
    spectrum: Spectrum, real: tuple[float, float], imaginary: tuple[float, float]
) -> None:
    for seed in range(20):
        problem = linear_ode(dim=4, seed=seed, spectrum=spectrum, frequency=None)
        eigenvalues = np.linalg.eigvals(problem.f(0.0, np.eye(4)))
        slack = 1e-6  # nearly equal eigenvalues of a non-normal matrix are that sensitive to round-off
        assert np.all((eigenvalues.real >= real[0] - slack) & (eigenvalues.real <= real[1] + slack))
        sizes = np.abs(eigenvalues.imag)
        assert np.all((sizes >= imaginary[0] - slack) & (sizes <= imaginary[1] + slack))


def test_the_lipschitz_constant_bounds_differences() -> None:
    rng = np.random.default_rng(0)
    problem = linear_ode(dim=4, seed=2, spectrum="defective")
    x, y = rng.standard_normal((2, 50, 4))
    ratio = np.linalg.norm(problem.f(0.3, x) - problem.f(0.3, y), axis=1) / np.linalg.norm(x - y, axis=1)
    assert 0.5 * problem.lipschitz < ratio.max() <= problem.lipschitz


def test_the_same_arguments_give_the_same_problem_and_another_seed_another() -> None:
    one, same, other = (linear_ode(dim=2, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.x0, same.x0)
    np.testing.assert_array_equal(one.exact(0.7), same.exact(0.7))
    assert not np.array_equal(one.x0, other.x0)


def test_f_runs_on_every_library_and_with_a_time_per_row(xp: Any) -> None:
    problem = linear_ode(dim=3, seed=0, batch=2)
    expected = np.concatenate([problem.f(t, problem.x0[i : i + 1]) for i, t in enumerate((0.2, 0.9))])
    result = problem.f(xp.asarray([[0.2], [0.9]]), xp.asarray(problem.x0))
    np.testing.assert_allclose(xp.numpy(result), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"dim": 0}, "dim and batch must be at least 1"),
        ({"batch": 0}, "dim and batch"),
        ({"spectrum": "flat"}, "spectrum must be one of"),
        ({"duration": 0.0}, "t0 and duration must be finite"),
        ({"t0": np.inf}, "t0 and duration"),
    ],
)
def test_bad_linear_odes_are_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        linear_ode(**({"dim": 1, "seed": 0} | changes))


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"f": lambda x, t: x}, TypeError, r"^f is called as f\(t, x\)"),
        ({"exact": 3}, TypeError, "exact must be"),
        ({"x0": np.ones(2)}, ValueError, "x0 must have shape"),
        ({"lipschitz": 0.0}, ValueError, "lipschitz must be"),
        ({"t_span": (0.0, 0.0)}, ValueError, "t_span must be"),
    ],
)
def test_bad_problems_are_refused(changes: dict[str, Any], error: type[Exception], match: str) -> None:
    good: dict[str, Any] = {
        "f": lambda t, x: -x, "x0": np.ones((1, 1)), "t_span": (0.0, 1.0), "exact": np.exp, "lipschitz": 1.0
    }  # fmt: skip
    with pytest.raises(error, match=match):
        ODEProblem(**(good | changes))
