"""The step rule of the kernel: starters, predictor, corrector, last step; and the orders that follow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from diffmath.diffusion._methods import Stage, Step
from diffmath.diffusion._multistep.forms import Level, decay, level
from diffmath.diffusion._multistep.nodes import Nodes, is_infinite
from diffmath.diffusion._multistep.starters import StarterCost, starting_step
from diffmath.diffusion._multistep.weights import Moments, step_weights
from diffmath.diffusion._process import Form, Process

__all__ = ["AdamsRule", "Starter"]

Starter = Literal["runge_kutta", "ramp"]


@dataclass(frozen=True)
class AdamsRule:
    """Predictor through `predictor` values, corrector through `corrector` values (0 for none).

    `last` is the number of values of the last step, which has no corrector. The first `starting` steps are
    Runge-Kutta steps; without them the numbers of values grow from 1. With `tapers` they fall to 1 at the
    end.
    """

    form: Form
    nodes: Nodes
    predictor: int
    corrector: int = 0
    tau: float = 0.0
    starter: Starter = "ramp"
    last: int = 0
    predictor_moments: Moments = "exact"
    corrector_moments: Moments = "exact"
    tapers: bool = False

    @property
    def full_order(self) -> int:
        """The order with exact starting values."""
        return min(self.corrector, self.predictor + 1) if self.corrector else self.predictor

    @property
    def ramp_order(self) -> int:
        """The order from a cold start: the first step, of order 1 or corrected to order 2, bounds it."""
        return min(self.full_order, 3 if self.corrector else 2)

    @property
    def starting(self) -> int:
        """How many Runge-Kutta steps the run begins with: none if growing numbers of values do."""
        if self.starter == "ramp" or self.tau or self.ramp_order == self.full_order:
            return 0
        return max(self.predictor - 1, self.corrector - 2)

    @property
    def order(self) -> int:
        """The order on grids whose steps in log-SNR tend to 0: with noise, that of the path."""
        return 1 if self.tau else self._ode_order

    @property
    def weak_order(self) -> int:
        """The order of the distribution: one normal number per step allows 2."""
        return min(self._ode_order, 2) if self.tau else self._ode_order

    @property
    def _ode_order(self) -> int:
        full = self.full_order if self.starting or self.tau else self.ramp_order
        if self.predictor_moments in ("single", "published"):  # of order 2 with three values
            full = min(full, 2)
        return min(full, 2 if self.tapers else (self.last or self.predictor) + 1)

    @property
    def end_order(self) -> int | None:
        """The order on grids that reach alpha = 0 or sigma = 0, if it is less."""
        if self.nodes in ("log_snr", "time") or (
            self.nodes in ("sigma", "log_norm") and self.form != "noise"
        ):
            bound = 2
        elif self.form == "data":  # at sigma = 0 the data are extrapolated, with weights that stay of size 1
            bound = self.last or self.predictor
        else:
            return None
        return bound if bound < self.order else None

    @property
    def evaluations(self) -> int | StarterCost:
        """The cost as a `Method` states it."""
        return StarterCost(self.starting, self.full_order - 2) if self.starting else 1

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        """Return step n."""
        is_last = n == len(times) - 2
        if n < self.starting and not is_last:
            return starting_step(process, self.form, times[n], times[n + 1], self.full_order - 1)
        s, t = level(process, times[n]), level(process, times[n + 1])
        left = len(times) - 1 - n
        values = self.last if is_last and self.last else self.predictor
        values, corrector = (
            (min(values, left), min(self.corrector, left + 1)) if self.tapers else (values, self.corrector)
        )
        # A corrector needs no more of them: it is at most one higher than the predictor.
        past = [s, *(level(process, times[k]) for k in range(n - 1, max(-1, n - values), -1))]
        weights = self._weights(process, s, t, past, self.predictor_moments)
        loss = self.tau**2 * (t.log_snr - s.log_snr) if self.tau else 0.0
        noise = t.sigma * math.sqrt(-math.expm1(-2 * loss))
        kept = decay(self.form, s, t, self.tau)
        if not self.corrector or is_last:
            return Step(kept, weights, noise)
        if is_infinite(self.nodes, s):  # nothing to interpolate: the prediction stands
            corrected = (0.0, *weights)
        else:
            known = [t, *past[: corrector - 1]]
            corrected = self._weights(process, s, t, known, self.corrector_moments)
        return Step(kept, weights, noise, (Stage(times[n + 1], kept, corrected, noise),), carries=True)

    def _weights(
        self, process: Process, s: Level, t: Level, known: Sequence[Level], moments: Moments
    ) -> tuple[float, ...]:
        return step_weights(process, self.form, self.nodes, s, t, known, tau=self.tau, moments=moments)
