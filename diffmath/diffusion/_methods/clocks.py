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
    """e^(2 tau^2 lambda), scaled to end at 1, in pieces; to sigma = 0 see `_to_the_data`."""

    tau: float
    pieces: tuple[float, ...]

    def __call__(self, process: Process, times: Sequence[float]) -> list[float]:
        lam = [log_snr_at(process, t) for t in times]
        if lam[-1] < math.inf:
            return self._values(lam, lam[-1])
        if len(lam) % 2:
            return self._to_the_data(process, lam[:-1])
        return self._values(lam[:-1], lam[-2])

    def _to_the_data(self, process: Process, lam: list[float]) -> list[float]:
        """Return the clock of an even number of steps to sigma = 0, where the exponential is infinite.

        The last step has no noise, but an interval of the clock, so that N, 2 N, 4 N steps to sigma = 0
        refine one another. An odd number of steps is a grid with a time 0 appended, without such an interval.
        Below `t_min` the clock is bounded by 2. It is another path there, with the same strong order.
        """
        values = self._values(lam, log_snr_at(process, process.t_min))
        start, count = values[-1], len(self.pieces)
        return values + [start + (2 - start) * (k + 1) / count for k in range(count)]

    def _values(self, lam: list[float], last: float) -> list[float]:
        found = [self._at(lam[0], last)]
        for a, b in pairwise(lam):
            if math.isinf(a):  # from alpha = 0, where the clock is 0: pieces of one size
                end = self._at(b, last)
                found += [end * (k + 1) / len(self.pieces) for k in range(len(self.pieces))]
            else:
                found += [self._at(a + c * (b - a) if c < 1 else b, last) for c in self.pieces]
        return found

    def _at(self, lam: float, last: float) -> float:
        x = 2 * self.tau**2 * (lam - last)
        return math.exp(x) if x <= 0 else 1 + x / (1 + x)


def exponential_clock(tau: float, pieces: tuple[float, ...] = (1.0,)) -> Clock | None:
    """Return the clock of the reverse SDE with noise level tau, None for tau = 0.

    `pieces` are the ends of the pieces of a step, as increasing fractions of it in log-SNR, the last 1.
    """
    return _ExponentialClock(float(tau), pieces) if tau else None
