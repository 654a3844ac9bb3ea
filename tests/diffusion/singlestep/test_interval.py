"""The interval of a step, and the step of first order at both ends of time."""

from __future__ import annotations

import math

import pytest

from diffmath import diffusion
from diffmath.diffusion._singlestep.interval import first_order, interval


def test_values_and_inner_times() -> None:
    process = diffusion.vp()
    step = interval(process, [0.9, 0.5, 0.1], 1)
    assert (step.s, step.t) == (0.5, 0.1)
    assert math.isclose(step.h, process.log_snr(0.1) - process.log_snr(0.5), rel_tol=1e-15)
    assert (step.time(0.0), step.time(1.0)) == (0.5, 0.1)
    assert math.isclose(process.log_snr(step.time(0.25)), step.lam_s + 0.25 * step.h, rel_tol=1e-13)
    assert not step.is_infinite
    assert interval(process, [0.5, 0.0], 0).is_infinite


@pytest.mark.parametrize("form", ["data", "noise"])
@pytest.mark.parametrize(
    "times", [(0.5, 0.49999), (0.5, 0.1), (0.5, 0.0), (0.5, 1.0), (1.0, 0.5), (0.0, 0.5)]
)
def test_constant_data_and_noise_are_exact(form: str, times: tuple[float, float]) -> None:
    process = diffusion.flow()
    step = interval(process, times, 0)
    if (form == "data" and times[0] == 0) or (form == "noise" and times[0] == 1):
        with pytest.raises(ValueError, match=f"a step in {form} form cannot start where"):
            first_order(step, form)
        return
    found = first_order(step, form)
    data, noise = 1.7, -0.6
    value = data if form == "data" else noise
    x = step.alpha_s * data + step.sigma_s * noise
    wanted = step.alpha_t * data + step.sigma_t * noise
    assert found.decay * x + found.weights[0] * value == pytest.approx(wanted, rel=1e-14)
