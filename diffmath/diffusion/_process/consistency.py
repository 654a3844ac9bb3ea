"""Whether the functions of a noising process agree, with one another and with those of another process."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Schedule", "check_consistency", "matches"]


class Schedule(Protocol):
    """The functions of a `Process` that must agree."""

    @property
    def t_min(self) -> float: ...

    @property
    def t_max(self) -> float: ...

    @property
    def log_snr(self) -> Callable[[Any], Any]: ...

    @property
    def time_of_log_snr(self) -> Callable[[Any], Any]: ...

    def marginal(self, t: float) -> tuple[Any, Any]: ...

    def rates(self, t: float) -> tuple[Any, Any]: ...

    def coefficients(self, t: float) -> tuple[Any, Any]: ...


def check_consistency(process: Schedule) -> None:
    """Refuse derivatives, f, g2, log_snr or time_of_log_snr that contradict alpha and sigma."""
    h = min(1e-4 * (process.t_max - process.t_min), getattr(process, "cell", math.inf) / 8)
    for t in _probe_times(process):
        (alpha, sigma), (f, g2) = process.marginal(t), process.coefficients(t)
        if not (alpha > 0 and sigma > 0):
            raise ValueError(
                f"alpha and sigma must be positive inside (t_min, t_max); at t={t:g}: {alpha}, {sigma}"
            )
        # Logarithms, because schedules are often geometric.
        d_alpha = _derivative(lambda s: math.log(process.marginal(s)[0]), t, h)
        d_sigma = _derivative(lambda s: math.log(process.marginal(s)[1]), t, h)
        if d_alpha - d_sigma > 1e-5 / process.t_max:  # beyond the rounding of the quotients
            raise ValueError(
                f"log(alpha/sigma) must fall in time, but it grows at t={t:g}: t = 0 is the data, so alpha "
                "must fall or sigma grow; are alpha and sigma swapped?"
            )
        lam = float(process.log_snr(t))
        for name, value, rate, wanted in zip(
            ("d_alpha", "d_sigma"), (alpha, sigma), process.rates(t), (d_alpha, d_sigma), strict=True
        ):
            _agree(name, f"the derivative of {name[2:]}", t, rate / value, wanted, 1 / process.t_max)
        _agree("f", "alpha'/alpha", t, f, d_alpha, 1 / process.t_max)
        _agree("g2", "(sigma^2)' - 2 f sigma^2", t, g2, 2 * (d_sigma - f) * sigma**2, abs(f) * sigma**2)
        _agree("log_snr", "log(alpha/sigma)", t, lam, math.log(alpha / sigma), 1.0)
        _agree("time_of_log_snr(log_snr(t))", "t", t, float(process.time_of_log_snr(lam)), t, 0.0)


def matches(a: Schedule, b: Schedule) -> bool:
    """Whether two processes have the same marginals (two calls of `vp()` do)."""
    return a is b or all(
        math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
        for t in _probe_times(a)
        for left, right in zip(a.marginal(t), b.marginal(t), strict=True)
    )


def _probe_times(process: Schedule) -> list[float]:
    span = process.t_max - process.t_min
    times = [process.t_min + q * span for q in (0.1, 0.3, 0.5, 0.7, 0.9)]
    cell = getattr(process, "cell", None)  # of a table, whose functions may have kinks at multiples of it
    return times if cell is None else [(math.floor(t / cell) + 0.5) * cell for t in times]


def _derivative(function: Callable[[float], float], t: float, h: float) -> float:
    near = function(t + h) - function(t - h)
    far = function(t + 2 * h) - function(t - 2 * h)
    return (8 * near - far) / (12 * h)


def _agree(name: str, formula: str, t: float, value: float, wanted: float, scale: float) -> None:
    # 1e-5: the difference quotient is good to about 1e-8, a wrong factor of a schedule is off by percents.
    if not abs(value - wanted) <= 1e-5 * (abs(wanted) + scale):
        raise ValueError(f"{name} must equal {formula}; at t={t:g} it is {value:.6g} instead of {wanted:.6g}")
