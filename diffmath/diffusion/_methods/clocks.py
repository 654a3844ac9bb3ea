r"""Variance clocks of the Brownian paths that drive stochastic samplers.

The noise of the family of reverse SDEs with level tau is
:math:`\sigma_t e^{-\tau^2\lambda_t}` times an increment of a Brownian path in the clock
:math:`e^{2\tau^2\lambda}`. So one key gives one path for any grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from diffmath.diffusion._methods.method import Clock
from diffmath.diffusion._process import Process, log_snr_at

__all__ = ["exponential_clock"]


@dataclass(frozen=True)
class _ExponentialClock:
    """e^(2 tau^2 lambda), scaled to end at 1; a last time with sigma = 0 has no noise and is omitted."""

    tau: float

    def __call__(self, process: Process, times: Sequence[float]) -> list[float]:
        lam = [log_snr_at(process, t) for t in times]
        if lam[-1] == math.inf:
            lam.pop()
        return [math.exp(2 * self.tau**2 * (value - lam[-1])) for value in lam]


def exponential_clock(tau: float) -> Clock | None:
    """Return the clock of the reverse SDE with noise level tau, None for tau = 0."""
    return _ExponentialClock(float(tau)) if tau else None
