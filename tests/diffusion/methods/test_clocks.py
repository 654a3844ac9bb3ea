"""The clock of the reverse SDE: its increments are the variances of the noise."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from diffmath import diffusion, random
from diffmath.diffusion._methods.clocks import exponential_clock


@pytest.mark.parametrize("tau", [0.3, 1.0])
def test_increments_are_the_variances_of_the_steps(tau: float) -> None:
    process, times = diffusion.vp(), [1.0, 0.6, 0.2, 0.01]
    clock = exponential_clock(tau)
    assert clock is not None
    values = clock(process, times)
    scale = [process.sigma(t) * math.exp(-(tau**2) * process.log_snr(t)) for t in times]
    for n in range(3):
        wanted = diffusion.sde_dpmpp_2m(tau=tau).step(process, times, n).noise
        unit = scale[n + 1] * math.exp(tau**2 * process.log_snr(times[-1]))
        assert math.isclose(unit * math.sqrt(values[n + 1] - values[n]), wanted, rel_tol=1e-12)


def test_the_last_time_is_left_out_where_sigma_is_zero_and_none_is_needed_without_noise() -> None:
    clock = exponential_clock(1.0)
    assert clock is not None
    np.testing.assert_allclose(clock(diffusion.vp(), [1.0, 0.5, 0.2, 0.0])[-1], 1.0)
    assert len(clock(diffusion.vp(), [1.0, 0.5, 0.2, 0.0])) == 3
    assert exponential_clock(0.0) is None


@pytest.mark.parametrize("pieces", [(1.0,), (0.5, 1.0)])
def test_an_even_number_of_steps_to_the_data_has_an_interval_for_the_last_one(
    pieces: tuple[float, ...],
) -> None:
    clock = exponential_clock(1.0, pieces)
    assert clock is not None
    coarse, fine = (clock(diffusion.flow(), np.linspace(1.0, 0.0, n + 1).tolist()) for n in (10, 20))
    assert len(coarse) == 10 * len(pieces) + 1
    assert coarse[0] == 0.0
    assert coarse[-1] == 2.0
    assert np.all(np.diff(coarse) > 0)
    np.testing.assert_allclose(fine[:: 2 * len(pieces)], coarse[:: len(pieces)], rtol=1e-14)
    tiny = clock(diffusion.flow(), [1.0, 1e-3, 1e-12, 1e-15, 0.0])  # far below t_min
    assert np.all(np.diff(tiny) > 0)


@pytest.mark.parametrize("method", ["ddim(eta=1)", "sde_dpmpp_2m", "seeds_3"])
@pytest.mark.parametrize("grid", ["to the data", "with 0 appended", "inside"])
def test_one_key_refines_on_every_kind_of_grid(method: str, grid: str) -> None:
    process, key = diffusion.flow(), random.key(3)
    model = diffusion.Gaussian([0.5], [[0.3]]).denoiser(process)
    x = random.normal(random.key(1), (200, 1), like=np.empty(0))

    def run(steps: int) -> np.ndarray:
        times = np.linspace(0.95, 0.0 if grid == "to the data" else 0.05, steps + 1)
        times = np.append(times, 0.0) if grid == "with 0 appended" else times
        return diffusion.sample(process, model, x, times, method=method, key=key)

    found = [run(steps) for steps in (20, 40, 80)]
    first, second = (float(np.sqrt(np.mean((a - b) ** 2))) for a, b in pairwise(found))
    # Independent paths differ by 0.5, the size of the data, at any step.
    assert second < first < 0.12, (first, second)
    assert second < 0.75 * first or grid == "with 0 appended"  # there the last step, to 0, stays the same
