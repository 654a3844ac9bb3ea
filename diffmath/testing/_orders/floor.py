r"""The floor at which the errors of a step stop decreasing, measured by steps that are mostly rounding error.

Let :math:`\delta(h)` be the difference, per unit of time, between a step of length h and an accurate one. A
method of order p has :math:`\delta(h) \le C h^p + K\,\epsilon\,|x| / h`, with C from longer steps and K the
rounding errors of one step. Errors that do not decrease with h, such as single precision inside the method,
the tolerance of an inner solver, or a wrong term, are detected where the bound is smallest, at :math:`h \sim
\epsilon^{1/(p+1)}`. Runs with a few halvings do not reach such steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffmath.ode import vern7
from diffmath.testing._problems import ODEProblem

__all__ = ["Floor", "measure_floor"]

# Rounding errors of one step, in eps max|x|. On 150 linear problems eight methods of `ode` had up to 1, the
# implicit midpoint rule 0.5 and a method that is extrapolated three times 3; linear solves need a margin.
_ROUND_OFF = 50.0

# C is known up to a factor, since the leading term of the error need not dominate the longer steps.
_SLACK = 5.0

# Steps are divided by four, from half the first step of the runs to a quarter of the step with the smallest
# bound. The first three determine C; the step whose bound per unit of time is smallest must satisfy it.
_LONGEST, _SHORTEST = 0.5, 0.25

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Floor:
    """The error of a short step.

    Parameters
    ----------
    dt : float
        Length of the step whose bound per unit of time is smallest.
    defect, allowed : float
        Its largest difference from an accurate step, and the bound: truncation and rounding errors of
        float64.
    error : float
        The sum of the defects over the time span, at the step length where it is smallest.
    """

    dt: float
    defect: float
    allowed: float
    error: float

    @property
    def is_far_above_rounding(self) -> bool:
        """Whether the error of the step exceeds its truncation and rounding errors."""
        return not self.defect <= self.allowed

    def __str__(self) -> str:
        return (
            f"the errors stop falling at about {self.error:.1e}: a step of dt={self.dt:.1e} is off by "
            f"{self.defect:.1e}, but its order and float64 allow less than {self.allowed:.1e}; look for "
            "single precision, an inner tolerance, or a wrong term"
        )


def measure_floor(step: Callable[..., Any], problem: ODEProblem, order: int, first: float) -> Floor:
    """Measure the floor of a step that passed the order test in runs that begin with steps of `first`."""
    start, stop = problem.t_span
    times = [start + share * (stop - start) for share in (0.0, 0.25, 0.5, 0.75)]
    points = [(t, problem.exact(t)) for t in times]
    size = max(float(np.abs(x).max(initial=0.0)) for _, x in points)
    sign = math.copysign(1.0, stop - start)

    def defect(length: float) -> float:
        dt = sign * length
        found = [
            np.asarray(step(problem.f, t, x.copy(), dt)) - vern7.step(problem.f, t, x, dt) for t, x in points
        ]
        return max(float(np.abs(difference).max(initial=0.0)) for difference in found)

    least = _SHORTEST * _EPS ** (1 / (order + 1))
    lengths = first * _LONGEST / 4.0 ** np.arange(math.ceil(math.log(_LONGEST / least, 4)) + 1)
    with np.errstate(all="ignore"):
        found = [(float(length), defect(float(length))) for length in lengths]
        constant = max(off / length ** (order + 1) for length, off in found[:3])
        error = min(off / length for length, off in found) * abs(stop - start)
        bounds = [
            (_SLACK * constant * length ** (order + 1) + _ROUND_OFF * _EPS * size, length, off)
            for length, off in found
        ]
    allowed, length, off = min(bounds, key=lambda bound: bound[0] / bound[1])
    return Floor(sign * length, off, allowed, error)
