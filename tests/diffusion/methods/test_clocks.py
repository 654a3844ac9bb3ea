"""The clock of the reverse SDE: its increments are the variances of the noise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diffmath import diffusion
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
    np.testing.assert_allclose(clock(diffusion.vp(), [1.0, 0.5, 0.0])[-1], 1.0)
    assert len(clock(diffusion.vp(), [1.0, 0.5, 0.0])) == 2
    assert exponential_clock(0.0) is None
