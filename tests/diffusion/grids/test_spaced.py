"""Grids: equal steps in log-SNR, exact ends, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import diffusion

PROCESS = diffusion.vp()


@given(steps=st.integers(1, 200), start=st.floats(0.1, 1.0), end=st.floats(1e-6, 0.05))
def test_log_snr_times_are_uniform_in_log_snr(steps: int, start: float, end: float) -> None:
    times = diffusion.log_snr_times(PROCESS, steps, t_start=start, t_end=end)
    assert times.shape == (steps + 1,)
    assert times.dtype == np.float64
    assert (times[0], times[-1]) == (start, end)
    gaps = np.diff([PROCESS.log_snr(float(t)) for t in times])
    np.testing.assert_allclose(gaps, gaps.mean(), rtol=1e-9)  # 200 steps of log-SNRs good to 1e-14
    assert np.all(np.diff(times) < 0)


def test_defaults_and_nesting() -> None:
    coarse, fine = diffusion.log_snr_times(PROCESS, 20), diffusion.log_snr_times(PROCESS, 40)
    assert (coarse[0], coarse[-1]) == (1.0, 1e-3)
    np.testing.assert_allclose(fine[::2], coarse, rtol=1e-13)  # rounding of two linspaces


def test_encoding_grid_increases() -> None:
    times = diffusion.log_snr_times(PROCESS, 5, t_start=1e-3, t_end=1.0)
    np.testing.assert_allclose(times, diffusion.log_snr_times(PROCESS, 5)[::-1], rtol=1e-13)


def test_uniform_times_reach_zero() -> None:
    np.testing.assert_array_equal(diffusion.uniform_times(PROCESS, 2, t_end=0.0), [1.0, 0.5, 0.0])


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"steps must be at least 1; got 0"):
        diffusion.log_snr_times(PROCESS, 0)
    with pytest.raises(TypeError, match="steps must be an int; got float"):
        diffusion.log_snr_times(PROCESS, 2.5)  # type: ignore[arg-type]
    for swapped in (5, "vp"):
        with pytest.raises(TypeError, match=r"process must be a diffmath.diffusion.Process; got (int|str)"):
            diffusion.log_snr_times(swapped, PROCESS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"log-SNR is infinite at t=0; .* np.append\(times, 0.0\)"):
        diffusion.log_snr_times(PROCESS, 5, t_end=0.0)
    with pytest.raises(ValueError, match=r"must be two times in \[0, 1\]; got t_start=2.0, t_end=0.001"):
        diffusion.uniform_times(PROCESS, 5, t_start=2.0)
    with pytest.raises(ValueError, match=r"got t_start=0.5, t_end=0.5"):
        diffusion.uniform_times(PROCESS, 5, t_start=0.5, t_end=0.5)


@pytest.mark.parametrize("process", [diffusion.vp(), diffusion.edm(), diffusion.flow()], ids=repr)
def test_quadratic_times_have_equally_spaced_roots(process: diffusion.Process) -> None:
    for end in (0.0, process.t_min):
        times = diffusion.quadratic_times(process, 7, t_end=end)
        gaps = np.diff(np.sqrt(times))
        np.testing.assert_allclose(gaps, gaps[0], rtol=1e-12)  # roots of up to 9, gaps of about 1
        cubes = np.diff(diffusion.quadratic_times(process, 7, power=3.0, t_end=end) ** (1 / 3))
        np.testing.assert_allclose(cubes, cubes[0], rtol=1e-12)


@pytest.mark.parametrize(
    "process", [diffusion.vp(), diffusion.edm(), diffusion.flow(), diffusion.vp_cosine()], ids=repr
)
def test_kl_optimal_times_have_the_tangents_of_equally_spaced_angles(process: diffusion.Process) -> None:
    n = 9
    for end in (0.0, process.t_min):
        times = diffusion.kl_optimal_times(process, n, t_end=end)
        (first, last), u = (process.marginal(process.t_max), process.marginal(end)), np.arange(n + 1) / n
        largest, least = (np.arctan2(sigma, alpha) for alpha, sigma in (first, last))
        wanted = np.tan((1 - u) * largest + u * least)
        got = [process.sigma(float(t)) / process.alpha(float(t)) for t in times[1:]]
        # 1e-11: near alpha = 0 (a log-SNR of -5) the tangent magnifies the rounding of the angle.
        np.testing.assert_allclose(got, wanted[1:], rtol=1e-11, atol=1e-15)
        assert (times[0], times[-1]) == (process.t_max, end)


@pytest.mark.parametrize("c", [0.3, 1.0, 4.0])
def test_kl_optimal_times_are_optimal_for_normal_data(c: float) -> None:
    """Euler's factors multiply to a variance; any change of an inner time increases the divergence."""
    process, n = diffusion.edm(), 8
    times = diffusion.kl_optimal_times(process, n, sigma_data=c)

    def divergence(grid: Any) -> float:
        # x + (t - s) x s / (s^2 + c^2): one factor a step.
        factors = 1 + (grid[1:] - grid[:-1]) * grid[:-1] / (grid[:-1] ** 2 + c**2)
        ratio = np.prod(factors) ** 2 * (grid[0] ** 2 + c**2) / (grid[-1] ** 2 + c**2)
        return float(ratio - 1 - np.log(ratio)) / 2

    least = divergence(times)
    for k in range(1, n):
        for change in (-1e-3, 1e-3):
            moved = times.copy()
            moved[k] *= 1 + change
            assert divergence(moved) > least
    assert divergence(diffusion.karras_times(process, n)) > 2 * least


GRIDS = [
    diffusion.uniform_times,
    diffusion.log_snr_times,
    diffusion.quadratic_times,
    diffusion.kl_optimal_times,
    diffusion.karras_times,
    diffusion.exponential_times,
    diffusion.polyexponential_times,
    diffusion.beta_times,
    diffusion.linear_quadratic_times,
    diffusion.bong_tangent_times,
]
PROCESSES = [
    diffusion.vp(),
    diffusion.edm(),
    diffusion.flow(),
    diffusion.vp_cosine(),
    diffusion.ve(t_min=1e-3),
    diffusion.sub_vp(),
]


@pytest.mark.parametrize("grid", GRIDS, ids=lambda g: g.__name__)
@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_every_grid_is_strictly_decreasing_with_exact_ends(process: diffusion.Process, grid: Any) -> None:
    start, end = 0.93 * process.t_max, 1.7 * process.t_min
    for steps in (1, 2, 3, 24):
        times = grid(process, steps, t_start=start, t_end=end)
        assert times.shape == (steps + 1,)
        assert times.dtype == np.float64
        assert (times[0], times[-1]) == (start, end)
        assert np.all(np.diff(times) < 0)
    np.testing.assert_array_equal(grid(process, 24, t_start=end, t_end=start), times[::-1])


@pytest.mark.parametrize("grid", GRIDS, ids=lambda g: g.__name__)
@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_every_grid_reaches_the_ends_or_says_what_to_do(process: diffusion.Process, grid: Any) -> None:
    logarithmic = grid.__name__ in ("log_snr_times", "exponential_times", "polyexponential_times")
    start = 0.9 * process.t_max
    if logarithmic:
        with pytest.raises(ValueError, match=r"np.append\(times, 0.0\)"):
            grid(process, 5, t_start=start, t_end=0.0)
    else:
        assert grid(process, 5, t_start=start, t_end=0.0)[-1] == 0.0
    if process.alpha(process.t_max) == 0 and (logarithmic or grid is diffusion.karras_times):
        with pytest.raises(ValueError, match=r"infinite at t=1, where alpha is 0; start below it"):
            grid(process, 5)
    else:
        assert grid(process, 5)[0] == process.t_max
    with pytest.raises(ValueError, match=r"steps must be at least 1; got 0"):
        grid(process, 0)
    with pytest.raises(ValueError, match=r"t_start and t_end must be two times"):
        grid(process, 5, t_start=2 * process.t_max)


def test_a_grid_with_repeated_times_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not strictly decreasing: times\[0\]=1 and .* use fewer steps"):
        diffusion.uniform_times(PROCESS, 10, t_start=1.0, t_end=1.0 - 4e-16)


def test_refused_parameters() -> None:
    with pytest.raises(ValueError, match=r"power must be positive and finite; got 0"):
        diffusion.quadratic_times(PROCESS, 3, power=0.0)
    with pytest.raises(ValueError, match=r"sigma_data must be positive and finite; got 0"):
        diffusion.kl_optimal_times(PROCESS, 3, sigma_data=0.0)
