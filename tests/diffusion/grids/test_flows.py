"""Shifted, linear-quadratic and arctangent grids against their formulas in the time of `flow`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import diffusion

FLOW, COSINE = diffusion.flow(), diffusion.vp_cosine()
UNIFORM = diffusion.uniform_times(FLOW, 6, t_end=0.0)


def fractions(process: diffusion.Process, times: np.ndarray) -> np.ndarray:
    return np.array([s / (a + s) for a, s in (process.marginal(float(t)) for t in times)])


@given(shift=st.floats(0.05, 20.0))
def test_a_shift_moves_the_log_snr(shift: float) -> None:
    times = diffusion.shifted_times(FLOW, UNIFORM, shift)
    np.testing.assert_allclose(times, shift * UNIFORM / (1 + (shift - 1) * UNIFORM), rtol=1e-13)
    for before, after in zip(UNIFORM[1:-1], times[1:-1]):
        assert math.isclose(
            FLOW.log_snr(float(after)), FLOW.log_snr(float(before)) - math.log(shift), abs_tol=1e-13
        )
    assert (times[0], times[-1]) == (1.0, 0.0)


def test_two_shifts_are_one_by_the_product() -> None:
    twice = diffusion.shifted_times(FLOW, diffusion.shifted_times(FLOW, UNIFORM, 3.0), 3.0)
    np.testing.assert_allclose(twice, diffusion.shifted_times(FLOW, UNIFORM, 9.0), rtol=1e-13)


def test_the_same_noise_levels_on_every_process() -> None:
    times = diffusion.kl_optimal_times(COSINE, 6, t_end=0.0)
    wanted = fractions(COSINE, times)
    wanted = 3 * wanted / (1 + 2 * wanted)
    got = fractions(COSINE, diffusion.shifted_times(COSINE, times, 3.0))
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_the_terminal_stretch() -> None:
    for grid, last in ((UNIFORM, -2), (UNIFORM[:-1], -1)):
        plain = diffusion.shifted_times(FLOW, grid, 3.0)
        times = diffusion.shifted_times(FLOW, grid, 3.0, terminal=0.1)
        assert math.isclose(times[last], 0.1, rel_tol=1e-14)
        assert times[0] == 1.0
        inner = slice(0, len(grid) + last + 1)
        slope = (1 - times[inner][1:]) / (1 - plain[inner][1:])
        np.testing.assert_allclose(slope, slope[0], rtol=1e-13)  # linear
    assert diffusion.shifted_times(FLOW, UNIFORM, 3.0, terminal=0.1)[-1] == 0.0


def test_the_shift_of_flux() -> None:
    for tokens, mu in ((256, 0.5), (4096, 1.15), (2176, 0.825)):
        assert math.isclose(diffusion.shift_of_tokens(tokens), math.exp(mu), rel_tol=1e-14)


@pytest.mark.parametrize(("steps", "linear"), [(2, 1), (3, 1), (10, 5), (25, 12)])
def test_linear_quadratic(steps: int, linear: int) -> None:
    way = 1 - diffusion.linear_quadratic_times(FLOW, steps)
    np.testing.assert_allclose(way[: linear + 1], 0.025 * np.arange(linear + 1) / linear, atol=1e-15)
    assert (way[0], way[-1]) == (0.0, 1.0)
    if steps - linear > 2:  # second differences of the quadratic part are constant, its slope goes on
        second = np.diff(way[linear:], 2)
        np.testing.assert_allclose(second, second[0], rtol=1e-12)
        slope_at_join = (way[linear + 1] - way[linear]) - second[0] / 2
        assert math.isclose(slope_at_join, 0.025 / linear, rel_tol=1e-10)
    np.testing.assert_allclose(
        fractions(COSINE, diffusion.linear_quadratic_times(COSINE, steps)), 1 - way, atol=1e-14
    )


def _published_arctangents(steps: int) -> list[float]:
    """The two pieces, written from the definition with its own constants."""

    def piece(length: int, slope: float, pivot: int, start: float, end: float) -> list[float]:
        def g(i: int) -> float:
            return (2 / math.pi * math.atan(-slope * (i - pivot)) + 1) / 2

        return [end + (g(i) - g(length - 1)) / (g(0) - g(length - 1)) * (start - end) for i in range(length)]

    total = steps + 2
    middle = int(total * 0.6)
    slope = 0.2 / (total / 40)
    return piece(middle, slope, middle, 1.0, 0.5)[:-1] + piece(total - middle, slope, 0, 0.5, 0.0)


@pytest.mark.parametrize("steps", [2, 3, 8, 20, 50])
def test_bong_tangent(steps: int) -> None:
    np.testing.assert_allclose(
        diffusion.bong_tangent_times(FLOW, steps), _published_arctangents(steps), atol=1e-15
    )
    np.testing.assert_allclose(
        fractions(COSINE, diffusion.bong_tangent_times(COSINE, steps)),
        _published_arctangents(steps),
        atol=1e-14,
    )


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"shift must be positive and finite; got 0"):
        diffusion.shifted_times(FLOW, UNIFORM, 0.0)
    with pytest.raises(ValueError, match=r"not strictly decreasing: times\[0\]=0 and times\[1\]="):
        diffusion.shifted_times(FLOW, UNIFORM[::-1], 3.0)
    with pytest.raises(ValueError, match=r"terminal must lie in \(0, 1\); got 1"):
        diffusion.shifted_times(FLOW, UNIFORM, terminal=1.0)
    with pytest.raises(ValueError, match=r"the only time above 0 is pure noise, which cannot be stretched"):
        diffusion.shifted_times(FLOW, [1.0, 0.0], terminal=0.1)
    with pytest.raises(ValueError, match=r"starts at the fraction 0.99.* of noise; .* use a smaller shift"):
        diffusion.shifted_times(diffusion.vp(), [1.0, 0.5], 2.0)
    with pytest.raises(ValueError, match=r"tokens must be at least 1; got 0"):
        diffusion.shift_of_tokens(0)
    with pytest.raises(ValueError, match=r"low and high need two numbers of tokens"):
        diffusion.shift_of_tokens(8, low=(4, 0.1), high=(4, 0.2))
    with pytest.raises(ValueError, match=r"threshold must lie in \(0, 1\); got 1"):
        diffusion.linear_quadratic_times(FLOW, 4, threshold=1.0)
    with pytest.raises(ValueError, match=r"linear_steps must lie in \[1, steps\); got 4 of 4"):
        diffusion.linear_quadratic_times(FLOW, 4, linear_steps=4)
    with pytest.raises(ValueError, match=r"not strictly decreasing"):
        diffusion.linear_quadratic_times(FLOW, 10, threshold=0.9, linear_steps=1)
    with pytest.raises(ValueError, match=r"middle must lie in \(0, 1\); got 0"):
        diffusion.bong_tangent_times(FLOW, 4, middle=0.0)
