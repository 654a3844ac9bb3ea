"""The posterior that the docstrings measure: of 0.4 N(-1, 0.1) + 0.6 N(1, 0.2), at y = 0.3 and noise 0.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from diffmath import diffusion

PROCESS = diffusion.edm()
PRIOR = diffusion.GaussianMixture([0.4, 0.6], [[-1.0], [1.0]], [0.1, 0.2])
MEASUREMENT = diffusion.LinearMeasurement([[1.0]], [0.3], 0.5)


@pytest.fixture(scope="session")
def one_dimensional() -> Callable[..., tuple[float, float, float]]:
    """Mean, deviation and share on the right of `dpmpp_2m` from 400 quantiles of the prior at t_max.

    The flow is monotone, so quantiles stand for the law; the tails that 400 miss change the last digit shown
    by less than one.
    """

    def run(make: Any, steps: int, **options: Any) -> tuple[float, float, float]:
        guided = make(PRIOR.denoiser(PROCESS), MEASUREMENT, **options)
        x_T = 80.0 * ndtri((np.arange(400) + 0.5) / 400)[:, None]
        times = np.append(diffusion.log_snr_times(PROCESS, steps), 0.0)
        x = diffusion.sample(PROCESS, guided, x_T, times, method="dpmpp_2m")
        return float(x.mean()), float(x.std()), float(np.mean(x > 0))

    return run
