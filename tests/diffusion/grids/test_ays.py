"""Align-your-steps tables: themselves at ten steps, log-linear between, and on every process."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath import diffusion

EDM = diffusion.edm(t_max=700.0)
SDXL = [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029]


def test_ten_steps_are_the_table() -> None:
    np.testing.assert_allclose(diffusion.ays_times(EDM, table="sdxl"), SDXL, rtol=1e-14)
    assert diffusion.ays_times(EDM, table="svd")[0] == pytest.approx(700.0, rel=1e-14)
    assert diffusion.ays_times(EDM, table="deepfloyd")[-1] == pytest.approx(0.006, rel=1e-14)


def test_other_steps_are_interpolated_in_the_logarithm() -> None:
    times = diffusion.ays_times(EDM, 20, table="sdxl")
    np.testing.assert_allclose(times[::2], SDXL, rtol=1e-14)
    np.testing.assert_allclose(times[1::2], np.sqrt(np.multiply(SDXL[1:], SDXL[:-1])), rtol=1e-14)


def test_the_noise_levels_do_not_depend_on_the_process() -> None:
    for process in (diffusion.vp(), diffusion.flow()):
        times = diffusion.ays_times(process, t_end=0.0)
        assert times[-1] == 0.0
        levels = [process.sigma(float(t)) / process.alpha(float(t)) for t in times[:-1]]
        np.testing.assert_allclose(levels, diffusion.ays_times(EDM)[:-1], rtol=1e-12)


def test_refusals() -> None:
    with pytest.raises(
        ValueError, match=r"table must be one of 'sd1.5', 'sdxl', 'deepfloyd', 'svd'; got 'x'"
    ):
        diffusion.ays_times(EDM, table="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"starts at sigma/alpha = 700, and Process\('edm'.* ends at 80"):
        diffusion.ays_times(diffusion.edm(), table="svd")
    with pytest.raises(ValueError, match=r"steps must be at least 1"):
        diffusion.ays_times(EDM, 0)
    with pytest.raises(ValueError, match=r"not strictly decreasing"):
        diffusion.ays_times(EDM, t_end=1.0)
