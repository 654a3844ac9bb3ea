"""Grids: equal steps in log-SNR, exact ends, refusals."""

from __future__ import annotations

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
    with pytest.raises(TypeError):
        diffusion.log_snr_times(PROCESS, 2.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"log-SNR is infinite at t=0; .* np.append\(times, 0.0\)"):
        diffusion.log_snr_times(PROCESS, 5, t_end=0.0)
    with pytest.raises(ValueError, match=r"must be two times in \[0, 1\]; got t_start=2.0, t_end=0.001"):
        diffusion.uniform_times(PROCESS, 5, t_start=2.0)
    with pytest.raises(ValueError, match=r"got t_start=0.5, t_end=0.5"):
        diffusion.uniform_times(PROCESS, 5, t_start=0.5, t_end=0.5)
