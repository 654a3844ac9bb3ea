r"""The interval of a step: alpha, sigma and log-SNR at its ends, and the step of first order.

.. math:: x_t = \frac{\sigma_t}{\sigma_s} x_s + \Big(\alpha_t - \alpha_s\frac{\sigma_t}{\sigma_s}\Big) D
   = \frac{\alpha_t}{\alpha_s} x_s + \Big(\sigma_t - \sigma_s\frac{\alpha_t}{\alpha_s}\Big) E

This is exact where the data and the noise are constant. It exists where the log-SNR step is infinite: at an
end where sigma or alpha is 0, exponential methods of higher order have no weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from diffmath.diffusion._methods import Step
from diffmath.diffusion._process import Process, log_snr_at

__all__ = ["Interval", "first_order", "interval"]


@dataclass(frozen=True)
class Interval:
    """One step of a sampler, from time s to time t, on the host."""

    process: Process
    s: float
    t: float
    alpha_s: float
    sigma_s: float
    alpha_t: float
    sigma_t: float
    lam_s: float
    lam_t: float

    @property
    def h(self) -> float:
        """The step in log-SNR."""
        return self.lam_t - self.lam_s

    @property
    def is_infinite(self) -> bool:
        """Whether alpha or sigma is 0 at an end."""
        return math.isinf(self.h)

    def time(self, c: float) -> float:
        """Return the time at the fraction c of the step in log-SNR."""
        if c in (0.0, 1.0):
            return self.t if c else self.s
        return float(self.process.time_of_log_snr(self.lam_s + c * self.h))


def interval(process: Process, times: Sequence[float], n: int) -> Interval:
    """Return the interval of step n."""
    s, t = times[n], times[n + 1]
    return between(process, s, t)


def between(process: Process, s: float, t: float) -> Interval:
    """Return the interval between two times."""
    ends = (*process.marginal(s), *process.marginal(t))
    return Interval(process, s, t, *ends, log_snr_at(process, s), log_snr_at(process, t))


def first_order(step: Interval, form: str = "data") -> Step:
    """Return the step that is exact for constant data and noise, in the form data or noise."""
    short = math.isfinite(step.h)  # then with expm1: the differences cancel for a short step
    if form == "data":
        if step.sigma_s == 0:
            raise ValueError(f"a step in data form cannot start where sigma is 0; it is 0 at t={step.s:g}")
        ratio = step.sigma_t / step.sigma_s
        inner = step.alpha_t * -math.expm1(-step.h) if short else step.alpha_t - step.alpha_s * ratio
        return Step(ratio, (inner,))
    if step.alpha_s == 0:
        raise ValueError(f"a step in noise form cannot start where alpha is 0; it is 0 at t={step.s:g}")
    ratio = step.alpha_t / step.alpha_s
    inner = step.sigma_t * -math.expm1(step.h) if short else step.sigma_t - step.sigma_s * ratio
    return Step(ratio, (inner,))
