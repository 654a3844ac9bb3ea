"""Noise levels as the time of a solver: inverse of each other, exact at the ends."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diffmath import diffusion
from diffmath.diffusion._likelihood.clock import NoiseClock

PROCESSES = [diffusion.vp(), diffusion.flow(), diffusion.edm(), diffusion.vp_cosine(), diffusion.ve()]


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
@pytest.mark.parametrize("variable", ["angle", "log_snr"])
def test_times_are_found_again(process: diffusion.Process, variable: str) -> None:
    grid = [0.9 * process.t_max, 0.4 * process.t_max, 0.01 * process.t_max]
    clock = NoiseClock(process, grid[0], grid[-1], variable)  # type: ignore[arg-type]
    values = clock.values(grid)
    # The angle of edm at t = 72 is 1.557: its cosine has lost two digits.
    np.testing.assert_allclose(clock.times(np.asarray(values)), grid, rtol=1e-12)
    assert clock.times(np.asarray([values[0], values[-1]])).tolist() == [grid[0], grid[-1]]


def test_the_ends_of_time_are_exact() -> None:
    clock = NoiseClock(diffusion.flow(), 1.0, 0.0)
    assert clock.values([1.0, 0.0]) == [0.5 * math.pi, 0.0]
    assert clock.times(np.array([0.5 * math.pi, 0.25 * math.pi, 0.0])) == pytest.approx([1.0, 0.5, 0.0])
    assert clock.times(np.array([0.5 * math.pi, 0.0])).tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match=r"a finite log-SNR.*it is -inf at t=1: .*probability_flow"):
        NoiseClock(diffusion.flow(), 1.0, 0.0, "log_snr").values([1.0, 0.5])


def test_messages_of_the_solver_speak_of_the_model_and_its_times() -> None:
    clock = NoiseClock(diffusion.vp(), 1.0, 0.1)
    first, middle = clock.values([1.0, 0.5])  # the first is printed with six digits, as the angle of 0.9999
    told = clock.in_times(f"f(t, x) is nan at t={first:g} or t={middle:g}: check f there, after t=1e-3")
    assert told == "the model is nan at t=1 or t=0.5: check the model there, after t=0.1"
