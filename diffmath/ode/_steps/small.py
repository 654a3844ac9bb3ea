"""Trial steps of explicit Runge-Kutta methods on one small state, with Python numbers.

For a few numbers, Python is faster than NumPy, whose calls cost more than the sums. The results are
bit-identical to those of arrays: the same operations in the same order.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from diffmath._core.typing import Array, Drift, Time
from diffmath._stepping.clocks import Rows
from diffmath._stepping.control import Tolerance
from diffmath._stepping.trial import SlopeState, Trial
from diffmath.ode._explicit import UNKNOWN, ExplicitRungeKutta
from diffmath.ode._steps.interpolant import Interpolant, interpolation
from diffmath.ode._steps.outcome import Outcome

__all__ = ["SmallAttempt", "is_small"]

Numbers: TypeAlias = list[float]

# Above this size, arrays are faster.
_LARGEST = 4

_TINY = float(np.finfo(np.float64).tiny)


def is_small(x: Array, tolerance: Tolerance) -> bool:
    """Whether x is one state of few real numbers in float64, with one tolerance for all."""
    if type(x) is not np.ndarray or x.dtype != np.float64 or x.ndim != 2:
        return False
    plain = type(tolerance.rtol) is float and type(tolerance.atol) is float
    return plain and x.shape[0] == 1 and 0 < x.shape[1] <= _LARGEST


class SmallAttempt:
    """Try steps of an explicit Runge-Kutta method with an error estimate."""

    def __init__(self, f: Drift, method: ExplicitRungeKutta, tolerance: Tolerance, own_clocks: bool) -> None:
        self._f, self._method, self._own_clocks = f, method, own_clocks
        self._rtol, self._atol = tolerance.rtol, tolerance.atol + _TINY
        self._rows, self._b, self._error, self._low = method.sparse
        self._fsal = method.tableau.is_fsal

    def __call__(self, t: Rows, dt: Rows, x: Array, state: SlopeState) -> Outcome:
        f, now, h, own_clock = self._f, t.item(), dt.item(), self._own_clocks
        first = f(self._time(now, x), x) if state.slope is None else state.slope
        start, arrays, inner = x[0].tolist(), [first], x
        slopes, numbers = first.tolist(), range(len(start))
        for c, row in self._rows:
            totals = _sums(h, row, slopes, numbers)
            inner = np.array([[start[j] + totals[j] for j in numbers]])
            found = f(np.array([[now + c * h]]) if own_clock else now + c * h, inner)
            arrays.append(found)
            slopes += found.tolist()
        x_new = inner
        if not self._fsal:
            totals = _sums(h, self._b, slopes, numbers)
            x_new = np.array([[start[j] + totals[j] for j in numbers]])
        error = self._norm(start, x_new[0].tolist(), h, slopes)
        known = SlopeState(arrays[-1]) if self._fsal else UNKNOWN
        times = self._time(now, x), np.array([[h]]) if own_clock else h
        return Outcome(x_new, np.array([error]), known, partial(self._inside, times, h, x, x_new, arrays))

    def _time(self, t: float, x: Array) -> Time:
        return np.array([[t]]) if self._own_clocks else t

    def _norm(self, x: Numbers, x_new: Numbers, h: float, slopes: list[Numbers]) -> float:
        """Return the root mean square of the error in units of the tolerance."""
        numbers, total = range(len(x)), 0.0
        errors = _sums(h, self._error, slopes, numbers)
        others = _sums(h, self._low, slopes, numbers) if self._low else None
        for j in numbers:
            error = abs(errors[j])
            if others is not None:
                error *= _share(error, 0.1 * abs(others[j]))
            size = max(abs(x[j]), abs(x_new[j]))
            # max may drop a NaN; zero times the new state keeps it
            ratio = error / (self._rtol * size + self._atol) + 0.0 * x_new[j]
            total += ratio * ratio
        return math.sqrt(total / len(x))

    def _inside(self, times: tuple[Time, Time], h: float, x: Array, x_new: Array, slopes: list[Array]) -> Any:
        """Return the state inside a step; evaluates f if the extension has more stages."""
        if self._method.extension is None:
            known = SlopeState(slopes[-1]) if self._fsal else UNKNOWN
            return interpolation(self._f, Trial(x_new, state=known), SlopeState(slopes[0]), times, h, x)
        basis, weights, times_dt = self._method.inside(self._f, times[0], x, times[1], slopes)
        return Interpolant(x, np.array([h]), np.stack(basis), weights, times_dt)


def _sums(h: float, weights: Any, slopes: list[Numbers], numbers: range) -> Numbers:
    """Return the weighted sums of the slopes, times h; the weights are multiplied by h first."""
    i, weight = weights[0]
    scale, slope = weight * h, slopes[i]
    totals = [scale * slope[j] for j in numbers]
    for i, weight in weights[1:]:
        scale, slope = weight * h, slopes[i]
        for j in numbers:
            totals[j] += scale * slope[j]
    return totals


def _share(error: float, other: float) -> float:
    """Return the factor by which a second estimate of lower order reduces the first, where it is larger."""
    largest = max(error, other, _TINY)
    a, b = error / largest, other / largest
    return a / math.sqrt(max(a * a + b * b, 0.5))
