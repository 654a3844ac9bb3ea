r"""Discrete models in continuous time: a table of N noise levels as a variance-preserving process.

.. math:: t_i = \frac{i + 1}{N}, \qquad \alpha(t_i)^2 = \bar\alpha_i, \qquad \alpha^2 + \sigma^2 = 1, \qquad
   \lambda = -\tfrac12 \ln(e^B - 1), \quad B = -\ln\alpha^2

Between the nodes B or :math:`\lambda` is interpolated. On the first cell, between t = 0 (the data) and index
0, B is linear in t; on the last cell of a table that ends with :math:`\bar\alpha = 0`, alpha is linear in
1 - t. Both have a quadratic part if a smooth interpolant could otherwise not be monotone. Source: Lu et al.
(2022), arXiv:2206.00927, appendix D.2; Fritsch & Butland (1984), SIAM J. Sci. Stat. Comput. 5, 300-304, for
the slopes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from diffmath._arrays.namespace import array_namespace, device
from diffmath._arrays.scalars import elementary
from diffmath._core.typing import Time
from diffmath.diffusion._process.derived import TimeOfLogSNR, log, logistic, softplus
from diffmath.diffusion._process.vanishing import Preserving

__all__ = ["HostArray", "Interpolation", "Table"]

HostArray = npt.NDArray[np.float64]
Interpolation = Literal["smooth", "log_alpha", "log_sigma"]


@dataclass(frozen=True, eq=False)
class Table(Preserving):
    """The functions of a table; `totals` are B at the nodes, of which the last may be infinite."""

    totals: HostArray
    interpolation: Interpolation
    log_snrs: HostArray = field(init=False)
    # Polynomials in the place within a cell, shape (4, N): of B ("log_alpha") or of the log-SNR.
    cells: HostArray = field(init=False)
    # What the slope of B in the first cell, and of alpha in the last, loses towards the next node.
    first_bend: float = field(init=False)
    last_bend: float = field(init=False)

    def __post_init__(self) -> None:
        with np.errstate(divide="ignore", over="ignore"):
            # ln(expm1(B)) = B + ln(-expm1(-B)): no overflow for large B, no cancellation for small B.
            log_snrs = np.where(
                np.isinf(self.totals), -np.inf, -0.5 * (self.totals + np.log(-np.expm1(-self.totals)))
            )
        object.__setattr__(self, "log_snrs", log_snrs)
        inner = self.totals[:-1] if self.ends_at_zero else self.totals
        nodes = inner if self.interpolation == "log_alpha" else log_snrs[: len(inner)]
        first = last = 0.0
        rises = np.diff(nodes)
        slopes = np.stack([rises, rises])  # at the two ends of each cell
        if self.interpolation == "smooth" and len(inner) > 0:
            slopes, first, last = _smooth_slopes(inner, rises, self.ends_at_zero)
        cells = np.zeros((4, len(self.totals)))
        places = slice(1, len(inner))
        cells[0, places], cells[1, places] = nodes[:-1], slopes[0]
        cells[2, places] = 3 * rises - 2 * slopes[0] - slopes[1]
        cells[3, places] = slopes[0] + slopes[1] - 2 * rises
        object.__setattr__(self, "cells", cells)
        object.__setattr__(self, "first_bend", float(first))
        object.__setattr__(self, "last_bend", float(last))

    @property
    def ends_at_zero(self) -> bool:
        """Whether the last alpha is 0."""
        return math.isinf(self.totals[-1])

    @property
    def length(self) -> int:
        return len(self.totals)

    def alpha(self, t: Time) -> Any:
        return self._each(t, "alpha")

    def sigma(self, t: Time) -> Any:
        return self._each(t, "sigma")

    def d_alpha(self, t: Time) -> Any:
        return self._each(t, "d_alpha")

    def loss(self, t: Time) -> Any:
        return self._each(t, "loss")

    def log_snr(self, t: Time) -> Any:
        return self._each(t, "log_snr")

    def time_of_log_snr(self, lam: Time) -> Any:
        return TimeInTable(self.log_snr, 1.0, self)(lam)

    def _each(self, t: Time, wanted: str) -> Any:
        """The value in the cell of each time."""
        last = self.length - 1
        if elementary(t) is math:
            k = min(max(int(t * self.length), 0), last)
            place = t * self.length - k
            if k == 0:
                return getattr(self._first(place), wanted)
            if k == last and self.ends_at_zero:
                return getattr(self._last(1 - place), wanted)
            return getattr(self._inner(place, [float(c) for c in self.cells[:, k]]), wanted)
        xp = array_namespace(t)
        k = xp.clip(xp.floor(t * self.length), 0, last)
        place = t * self.length - k
        flat = xp.reshape(xp.astype(k, xp.int32), (-1,))
        cells = xp.asarray(self.cells, dtype=t.dtype, device=device(t))
        coefficients = [xp.reshape(xp.take(cells[i, :], flat), t.shape) for i in range(4)]
        found = getattr(self._inner(place, coefficients), wanted)
        half = xp.full_like(t, 0.5)
        found = xp.where(k == 0, getattr(self._first(xp.where(k == 0, place, half)), wanted), found)
        if self.ends_at_zero:
            here = (k == last) & (k > 0)
            found = xp.where(here, getattr(self._last(xp.where(here, 1 - place, half)), wanted), found)
        return found

    def _first(self, place: Any) -> _ByTotal:
        total, bend = float(self.totals[0]), self.first_bend
        return _ByTotal(total * _bent(place, bend), total * self.length * (1 + bend * (1 - 2 * place)))

    def _last(self, rest: Any) -> _ByAlpha:
        alpha, bend = math.exp(-float(self.totals[-2]) / 2), self.last_bend
        return _ByAlpha(alpha * _bent(rest, bend), -alpha * self.length * (1 + bend * (1 - 2 * rest)))

    def _inner(self, place: Any, c: list[Any]) -> _ByTotal | _ByLogSNR:
        value = c[0] + place * (c[1] + place * (c[2] + place * c[3]))
        rate = self.length * (c[1] + place * (2 * c[2] + place * 3 * c[3]))
        return _ByTotal(value, rate) if self.interpolation == "log_alpha" else _ByLogSNR(value, rate)


@dataclass(frozen=True)
class _ByTotal:
    """alpha^2 = e^-B, from B and its derivative."""

    total: Any
    rate: Any

    @property
    def alpha(self) -> Any:
        return elementary(self.total).exp(-self.total / 2)

    @property
    def sigma(self) -> Any:
        m = elementary(self.total)
        return m.sqrt(-m.expm1(-self.total))

    @property
    def d_alpha(self) -> Any:
        return -self.rate / 2 * self.alpha

    @property
    def loss(self) -> Any:
        return self.rate / 2 * self.alpha**2

    @property
    def log_snr(self) -> Any:
        return -(self.total + log(-elementary(self.total).expm1(-self.total))) / 2


@dataclass(frozen=True)
class _ByLogSNR:
    """alpha^2 = 1 / (1 + e^(-2 lam)), from the log-SNR and its derivative."""

    log_snr: Any
    rate: Any

    @property
    def alpha(self) -> Any:
        return elementary(self.log_snr).sqrt(logistic(2 * self.log_snr))

    @property
    def sigma(self) -> Any:
        return elementary(self.log_snr).sqrt(logistic(-2 * self.log_snr))

    @property
    def d_alpha(self) -> Any:
        return self.alpha * logistic(-2 * self.log_snr) * self.rate

    @property
    def loss(self) -> Any:
        return -self.alpha * self.d_alpha


@dataclass(frozen=True)
class _ByAlpha:
    """From alpha and its derivative, finite where alpha is 0."""

    alpha: Any
    d_alpha: Any

    @property
    def sigma(self) -> Any:
        return elementary(self.alpha).sqrt((1 - self.alpha) * (1 + self.alpha))

    @property
    def loss(self) -> Any:
        return -self.alpha * self.d_alpha

    @property
    def log_snr(self) -> Any:
        return log(self.alpha) - log(self.sigma)


@dataclass(frozen=True)
class TimeInTable(TimeOfLogSNR):
    """The inverse of the log-SNR of a table: the cell by bisection, the place in it by root finding."""

    table: Table

    def _solve(self, lam: float) -> float:
        from scipy.optimize import brentq  # 0.2 s that only some processes need

        table = self.table
        length, k = table.length, int(np.searchsorted(-table.log_snrs, -lam))
        if k == 0:
            total = float(softplus(-2 * lam))
            return _straightened(total / float(table.totals[0]), table.first_bend) / length
        if k == length:
            return super()._solve(lam)  # which refuses it, unless it is that of t = 1 to rounding
        if k == length - 1 and table.ends_at_zero:
            rest = math.sqrt(logistic(2 * lam)) / math.exp(-float(table.totals[-2]) / 2)
            return 1 - _straightened(rest, table.last_bend) / length
        near, far = k / length, (k + 1) / length
        return float(brentq(lambda t: float(table.log_snr(t)) - lam, near, far, xtol=1e-300, rtol=1e-15))


def _smooth_slopes(totals: HostArray, rises: HostArray, ends_at_zero: bool) -> tuple[HostArray, float, float]:
    """Return the slopes of a monotone C1 interpolant at the two ends of each cell, and the two bends."""
    slopes = np.zeros(len(totals))
    slopes[1:-1] = 2 * rises[:-1] * rises[1:] / (rises[:-1] + rises[1:])
    # Where B is linear from 0; where alpha is linear to 0.
    first = -0.5 * totals[0] / -math.expm1(-totals[0])
    last = 1 / math.expm1(-totals[-1])
    if len(rises) == 0:
        both = max(first, last) if ends_at_zero else first
        return np.zeros((2, 0)), 1 - both / first, 1 - both / last
    if not ends_at_zero:
        last = (3 * rises[-1] - rises[-2]) / 2 if len(rises) > 1 else rises[-1]
    # Slopes between 0 and three times the rise keep a cubic monotone (Fritsch & Carlson 1980).
    slopes[0] = max(first, 3 * rises[0])
    slopes[-1] = min(max(last, 3 * rises[-1]), 0.0)
    bends = 1 - slopes[0] / first, 1 - slopes[-1] / last if ends_at_zero else 0.0
    return np.stack([slopes[:-1], slopes[1:]]), *bends


def _bent(place: Any, bend: float) -> Any:
    """place, with a slope of 1 + bend at 0 and 1 - bend at 1."""
    return place * (1 + bend * (1 - place))


def _straightened(value: float, bend: float) -> float:
    """The inverse of `_bent` on [0, 1], without a subtraction at small values."""
    return 2 * value / (1 + bend + math.sqrt(max((1 + bend) ** 2 - 4 * bend * value, 0.0)))
