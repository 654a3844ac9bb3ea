r"""Variance clocks of the Brownian paths that drive stochastic samplers.

The noise of the family of reverse SDEs with level tau is
:math:`\sigma_t e^{-\tau^2\lambda_t}` times an increment of a Brownian path in the clock
:math:`e^{2\tau^2\lambda}`. So one key gives one path for any grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from diffmath.diffusion._methods.method import Clock
from diffmath.diffusion._process import Process, log_snr_at

__all__ = ["exponential_clock"]


@dataclass(frozen=True)
class _ExponentialClock:
    """e^(2 tau^2 lambda), scaled to end at 1; a last time with sigma = 0 has no noise and is omitted."""

    tau: float
    pieces: tuple[float, ...]

    def __call__(self, process: Process, times: Sequence[float]) -> list[float]:
        lam = [log_snr_at(process, t) for t in times]
        if lam[-1] == math.inf:
            lam.pop()
        rate, last = 2 * self.tau**2, lam[-1]
        values = [math.exp(rate * (lam[0] - last))]
        for a, b in pairwise(lam):
            values += [self._inside(a, b, c, last) for c in self.pieces[:-1]]
            values.append(math.exp(rate * (b - last)))
        return values

    def _inside(self, a: float, b: float, c: float, last: float) -> float:
        rate = 2 * self.tau**2
        if math.isinf(a):  # from alpha = 0, where the clock is 0: pieces of one size
            return (self.pieces.index(c) + 1) / len(self.pieces) * math.exp(rate * (b - last))
        return math.exp(rate * (a + c * (b - a) - last))


def exponential_clock(tau: float, pieces: tuple[float, ...] = (1.0,)) -> Clock | None:
    """Return the clock of the reverse SDE with noise level tau, None for tau = 0.

    `pieces` are the ends of the pieces of a step, as increasing fractions of it in log-SNR, the last 1.
    """
    return _ExponentialClock(float(tau), pieces) if tau else None
