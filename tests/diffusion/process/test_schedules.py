"""vp against 50 digits, at its ends, and for refused arguments."""

from __future__ import annotations

import math
import warnings

import mpmath
import numpy as np
import pytest

from diffmath import diffusion


@pytest.mark.parametrize("t", [1e-12, 1e-6, 1e-3, 0.1, 0.5, 1.0])
def test_vp_to_the_last_digits(t: float) -> None:
    process = diffusion.vp()
    with mpmath.workdps(50):
        exact_t = mpmath.mpf(t)
        total = mpmath.mpf(0.1) * exact_t + (20 - mpmath.mpf(0.1)) * exact_t**2 / 2
        wanted = (
            mpmath.exp(-total / 2),
            mpmath.sqrt(-mpmath.expm1(-total)),
            -mpmath.log(mpmath.expm1(total)) / 2,
        )
        values = (*process.marginal(t), process.log_snr(t))
        for value, exact in zip(values, wanted):
            # 20 eps: B = 10 carries the rounding of t into alpha ten times.
            assert abs(value - float(exact)) <= 20 * 2.3e-16 * abs(float(exact))


def test_vp_at_both_ends_without_a_warning() -> None:
    process = diffusion.vp()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert process.marginal(0.0) == (1.0, 0.0)
        assert process.log_snr(0.0) == math.inf
        assert process.time_of_log_snr(math.inf) == 0.0
        assert process.log_snr(np.zeros(1))[0] == math.inf
        assert process.time_of_log_snr(np.full(1, math.inf))[0] == 0.0
        assert math.isclose(process.log_snr(100.0), -49755, rel_tol=1e-12)  # -B/2, where e^B overflows


def test_vp_constant_beta() -> None:
    process = diffusion.vp(2.0, 2.0)
    assert math.isclose(process.alpha(0.5), math.exp(-0.5))
    assert math.isclose(process.time_of_log_snr(process.log_snr(0.37)), 0.37)


@pytest.mark.parametrize("rates", [(0.0, 1.0), (2.0, 1.0), (1.0, math.inf), (math.nan, 1.0)])
def test_vp_refuses(rates: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="need 0 < beta_min <= beta_max, finite; got beta_min="):
        diffusion.vp(*rates)
