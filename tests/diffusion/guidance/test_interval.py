"""Guidance in an interval: where it acts, what it costs, and which grid keeps the order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

PROCESSES = [diffusion.vp(), diffusion.edm(), diffusion.flow()]
each = pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.name)


class Counted:
    def __init__(self, value: float) -> None:
        self.value, self.calls = value, 0

    def __call__(self, x: Any, t: Any) -> Any:
        self.calls += 1
        return 0.0 * x + self.value


@each
def test_it_acts_in_the_half_open_interval_at_the_cost_of_one(process: diffusion.Process) -> None:
    on, off = Counted(1.0), Counted(0.0)
    model = diffusion.guidance_interval(
        diffusion.from_denoiser(on, process), diffusion.from_denoiser(off, process), 0.2, 5.0
    )
    for level, wanted in (
        (0.1, 0.0),
        (0.2, 0.0),
        (0.201, 1.0),
        (1.0, 1.0),
        (5.0, 1.0),
        (5.01, 0.0),
        (30.0, 0.0),
    ):
        before = on.calls, off.calls
        t = float(process.time_of_log_snr(-math.log(level)))
        assert model(np.zeros((1, 1)), t)[0, 0] == wanted, level
        assert (on.calls - before[0], off.calls - before[1]) == (int(wanted), int(1 - wanted))
    always = diffusion.guidance_interval(
        diffusion.from_denoiser(on, process), diffusion.from_denoiser(off, process), 0.0, math.inf
    )
    assert always(np.zeros((1, 1)), process.t_max)[0, 0] == always(np.zeros((1, 1)), process.t_min)[0, 0] == 1


def test_the_form_is_that_of_the_base_at_both_ends_of_time() -> None:
    """A guided noise model cannot give the data at alpha = 0; outside its interval it need not."""
    process = diffusion.flow()
    noise = diffusion.from_noise(lambda x, t: x, process)
    base = diffusion.from_denoiser(lambda x, t: 0.5 * x, process)
    model = diffusion.guidance_interval(noise, base, 0.2, 5.0)
    assert model.kind.name == "denoiser"
    np.testing.assert_array_equal(model(np.ones((1, 2)), 1.0), [[0.5, 0.5]])
    np.testing.assert_allclose(model(np.ones((1, 2)), 0.5), [[1.0, 1.0]], rtol=1e-15)


@each
def test_the_grid_gets_the_ends(process: diffusion.Process) -> None:
    high, low = (process.time_of_log_snr(-math.log(level)) for level in (5.0, 0.2))
    times = diffusion.log_snr_times(process, 12, t_start=process.time_of_log_snr(-math.log(30.0)))
    found = diffusion.interval_times(process, times, 0.2, 5.0)
    assert {high, low} <= set(found)
    assert len(found) == len(times)
    assert np.all(np.diff(found) < 0)
    assert len(set(found) - set(times)) == 2
    # No step became short: the nearest time was moved.
    assert np.min(np.abs(np.diff(np.log(found)) / np.diff(np.log(times)))) > 0.3
    np.testing.assert_array_equal(diffusion.interval_times(process, times[::-1], 0.2, 5.0), found[::-1])
    # Again changes nothing; nor do ends that are not on the grid.
    np.testing.assert_array_equal(diffusion.interval_times(process, found, 0.2, 5.0), found)
    np.testing.assert_array_equal(diffusion.interval_times(process, times, 0.0, math.inf), times)


def test_times_are_added_where_none_can_be_moved() -> None:
    process = diffusion.edm()
    ends = [process.time_of_log_snr(-math.log(level)) for level in (5.0, 4.0)]
    np.testing.assert_array_equal(
        diffusion.interval_times(process, [80.0, 0.1], 4.0, 5.0), [80.0, *ends, 0.1]
    )
    # Both are nearest to 4.5: one moves it, the other is added.
    found = diffusion.interval_times(process, [80.0, 4.5, 0.1], 4.0, 5.0)
    np.testing.assert_array_equal(found, [80.0, *ends, 0.1])


def midpoint(process: diffusion.Process, times: Any, n: int) -> diffusion.Step:
    """DPM-Solver++(2S) on edm, where alpha is 1."""
    s, t = times[n], times[n + 1]
    middle, h = math.sqrt(s * t), math.log(s / t)
    stage = diffusion.Stage(middle, t / s, (-math.expm1(-h), 0.0))
    return diffusion.Step(middle / s, (-math.expm1(-h / 2),), stages=(stage,))


def test_ddim_keeps_its_order_on_the_grid_and_2m_in_three_runs() -> None:
    process = diffusion.edm()
    base = diffusion.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.2, 0.3]).denoiser(process)
    right = diffusion.GaussianMixture([1.0], [[1.0]], [0.3]).denoiser(process)
    guided, x = diffusion.cfg(right, base, 3.0), np.array([[-5.0], [1.0], [6.0]])
    model = diffusion.guidance_interval(guided, base, 0.5, 2.0)

    def one(times: Any, method: Any) -> Any:
        return diffusion.sample(process, model, x, times, method=method)

    def three(times: Any, method: str) -> Any:
        first, last = (int(np.argmin(np.abs(times - end))) for end in (2.0, 0.5))
        y = diffusion.sample(process, base, x, times[: first + 1], method=method)
        y = diffusion.sample(process, guided, y, times[first : last + 1], method=method)
        return diffusion.sample(process, base, y, times[last:], method=method)

    def grid(steps: int) -> Any:
        return diffusion.log_snr_times(process, steps, t_start=7.0, t_end=0.1)

    def with_ends(steps: int) -> Any:
        return diffusion.interval_times(process, grid(steps), 0.5, 2.0)

    def slope(errors: list[float]) -> float:
        return -float(np.polyfit(np.log2(counts), np.log2(errors), 1)[0])

    counts, best = (20, 40, 80, 160), three(with_ends(1280), "dpmpp_2m")
    errors = [np.abs(three(with_ends(n), "dpmpp_2m") - best).max() for n in counts]
    assert abs(slope(errors) - 2) < 0.25, errors
    # With the jump inside the history or inside a step, order 1 is left: 160 steps are far worse.
    for times in (with_ends(160), grid(160)):
        assert np.abs(one(times, "dpmpp_2m") - best).max() > 10 * errors[-1]
    # A second evaluation inside the step sees one side of the jump only.
    singlestep = diffusion.Method("midpoint", 2, 2, "this test", midpoint, evaluations=2)
    errors = [np.abs(one(with_ends(n), singlestep) - best).max() for n in counts]
    assert abs(slope(errors) - 2) < 0.15, errors
    # One evaluation at the start of each step: the same numbers in one run.
    np.testing.assert_array_equal(one(with_ends(40), "ddim"), three(with_ends(40), "ddim"))
    errors = [np.abs(one(with_ends(n), "ddim") - best).max() for n in counts]
    assert abs(slope(errors) - 1) < 0.15, errors


def test_ends_are_checked() -> None:
    process = diffusion.vp()
    model = diffusion.from_noise(lambda x, t: x, process)
    for low, high in ((2.0, 1.0), (-0.1, 1.0), (math.nan, 1.0), (1.0, 1.0)):
        with pytest.raises(ValueError, match="need 0 <= sigma_low < sigma_high; got"):
            diffusion.guidance_interval(model, model, low, high)
    with pytest.raises(TypeError, match="sigma_low must be a number; got str"):
        diffusion.interval_times(process, [1.0, 0.5], "0.2", 1.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"process must be a diffmath.diffusion.Process; got str"):
        diffusion.interval_times("vp", [1.0, 0.5], 0.2, 1.0)  # type: ignore[arg-type]
