"""Trial steps of explicit Runge-Kutta methods on one small state, with Python numbers.

For a few numbers, Python is faster than NumPy and than a kernel, whose calls cost more than the sums. The
results are bit-identical to those of arrays: the same operations in the same order.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from diffmath._core.typing import Array, Drift, Time
from diffmath._stepping.clocks import Rows
from diffmath._stepping.control import Tolerance
from diffmath._stepping.trial import SlopeState, Trial
from diffmath.ode._explicit import UNKNOWN, ExplicitRungeKutta
from diffmath.ode._steps.interpolant import Interpolant, interpolation
from diffmath.ode._steps.outcome import Outcome
from diffmath.ode._steps.sums import StageSums, stage_sums

__all__ = ["SmallAttempt", "is_small"]

# Above this size, arrays are faster.
_LARGEST = 4

_TINY = float(np.finfo(np.float64).tiny)


def is_small(x: Array, tolerance: Tolerance) -> bool:
    """Whether x is one state of few real numbers in float64, with one tolerance for all."""
    if type(x) is not np.ndarray or x.dtype != np.float64 or x.ndim != 2:
        return False
    plain = type(tolerance.rtol) is float and type(tolerance.atol) is float
    return plain and x.shape[0] == 1 and 0 < x.shape[1] <= _LARGEST


class _Sums(NamedTuple):
    """The sums of a tableau; None for one that it does not need."""

    nodes: tuple[float, ...]  # of the stages after the first
    stages: tuple[StageSums, ...]
    last: StageSums | None
    error: StageSums
    low: StageSums | None


@lru_cache(maxsize=64)
def _sums_of(tables: Any, columns: int, is_fsal: bool) -> _Sums:
    rows, b, error, low = tables
    stages = tuple(stage_sums(weights, columns) for _, weights in rows)
    last, second = None if is_fsal else stage_sums(b, columns), stage_sums(low, columns) if low else None
    return _Sums(tuple(node for node, _ in rows), stages, last, stage_sums(error, columns), second)


class SmallAttempt:
    """Try steps of an explicit Runge-Kutta method with an error estimate."""

    def __init__(
        self, f: Drift, method: ExplicitRungeKutta, x: Array, tolerance: Tolerance, own_clocks: bool
    ) -> None:
        self._f: Drift = f.__call__  # a bound method, which Python calls faster than an object
        self._method, self._own_clocks = method, own_clocks
        self._rtol, self._atol = tolerance.rtol, tolerance.atol + _TINY
        self._fsal = method.tableau.is_fsal
        sums = _sums_of(method.sparse, x.shape[1], self._fsal)
        self._nodes, self._stages, self._last, self._error, self._low = sums

    def __call__(self, t: Rows, dt: Rows, x: Array, state: SlopeState) -> Outcome:
        found = self.of_numbers(t.item(), dt.item(), x, state)
        found.error = np.array([found.error])
        return found

    def of_numbers(self, t: float, h: float, x: Array, state: SlopeState) -> Outcome:
        """Try a step with numbers for the clock and the error."""
        f, first, x_new = self._f, state.slope, x
        if first is None:
            first = f(np.array([[t]]) if self._own_clocks else t, x)
        times: Any = [t + c * h for c in self._nodes]
        if self._own_clocks:
            times = np.array(times).reshape(-1, 1, 1)
        start, arrays, slopes = x.tolist()[0], [first], first.tolist()
        for time, add in zip(times, self._stages):
            x_new = add(h, start, slopes)
            slope = f(time, x_new)
            arrays.append(slope)
            slopes += slope.tolist()
        if self._last is not None:
            x_new = self._last(h, start, slopes)
        error = self._norm(start, x_new.tolist()[0], h, slopes)
        known = SlopeState(slope) if self._fsal else UNKNOWN
        return Outcome(x_new, error, known, partial(self._inside, t, h, x, x_new, arrays))

    def _norm(self, x: list[float], x_new: list[float], h: float, slopes: list[list[float]]) -> float:
        """Return the root mean square of the error in units of the tolerance."""
        total, rtol, atol, zeros = 0.0, self._rtol, self._atol, [0.0] * len(x)
        errors = self._error(h, zeros, slopes).tolist()[0]
        if self._low is not None:
            others = self._low(h, zeros, slopes).tolist()[0]
            errors = [error * _share(abs(error), 0.1 * abs(low)) for error, low in zip(errors, others)]
        for error, before, after in zip(errors, x, x_new):
            size, size_new = abs(before), abs(after)
            # A comparison may drop a NaN; zero times the new state keeps it.
            ratio = abs(error) / (rtol * (size_new if size_new > size else size) + atol) + 0.0 * after
            total += ratio * ratio
        return math.sqrt(total / len(x))

    def _inside(self, t: float, h: float, x: Array, x_new: Array, slopes: list[Array]) -> Any:
        """Return the state inside a step; evaluates f if the extension has more stages."""
        times: tuple[Time, Time] = (np.array([[t]]), np.array([[h]])) if self._own_clocks else (t, h)
        if self._method.extension is None:
            known = SlopeState(slopes[-1]) if self._fsal else UNKNOWN
            return interpolation(self._f, Trial(x_new, state=known), SlopeState(slopes[0]), times, h, x)
        basis, weights, times_dt = self._method.inside(self._f, times[0], x, times[1], slopes)
        return Interpolant(x, np.array([h]), np.stack(basis), weights, times_dt)


def _share(error: float, other: float) -> float:
    """Return the factor by which a second estimate of lower order reduces the first, where it is larger."""
    largest = max(error, other, _TINY)
    a, b = error / largest, other / largest
    return a / math.sqrt(max(a * a + b * b, 0.5))
