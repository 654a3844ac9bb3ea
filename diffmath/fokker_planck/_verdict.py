"""The verdict of a check, and the pieces that every check is made of: level, largest gap, threshold."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath.fokker_planck._grid import Vector, check_number

__all__ = ["Cdf", "Check", "check_level", "largest_gap", "verdict"]

Cdf = Callable[[Vector], npt.ArrayLike]


@dataclass(frozen=True)
class Check:
    """The verdict of a check.

    Parameters
    ----------
    name : str
        The check.
    statistic : float
        What was measured.
    threshold : float
        The largest value that passes.
    false_positive_rate : float
        Upper bound of the probability that a correct law is rejected.
    n : int
        Number of samples.
    passed : bool
        Whether ``statistic <= threshold``.
    detail : str
        Where the largest difference is, and what else was seen.

    Examples
    --------
    >>> from diffmath.fokker_planck import Check
    >>> print(Check("check_cdf", 0.002, 0.006, 1e-3, 100_000, True, "largest at x=0.3"))
    check_cdf: passed, 0.002 <= 0.006 (n=100000, false-positive rate 0.001): largest at x=0.3
    """

    name: str
    statistic: float
    threshold: float
    false_positive_rate: float
    n: int
    passed: bool
    detail: str = ""

    def __str__(self) -> str:
        verdict, sign = ("passed", "<=") if self.passed else ("FAILED", ">")
        detail = f": {self.detail}" if self.detail else ""
        return (
            f"{self.name}: {verdict}, {self.statistic:.4g} {sign} {self.threshold:.4g} "
            f"(n={self.n}, false-positive rate {self.false_positive_rate:.3g}){detail}"
        )


def check_level(rate: Any, tolerance: Any) -> tuple[float, float]:
    """Return the false-positive rate and the tolerance, or refuse them before any work."""
    rate, tolerance = check_number("false_positive_rate", rate), check_number("tolerance", tolerance)
    if not 0 < rate < 1:
        raise ValueError(f"false_positive_rate must be between 0 and 1; got {rate}")
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(f"tolerance must be finite and nonnegative; got {tolerance}")
    return rate, tolerance


def verdict(
    name: str, statistic: float, n: int, level: tuple[float, float], looks: int, detail: str
) -> Check:
    rate, tolerance = level
    threshold = tolerance + math.sqrt(math.log(2 * looks / rate) / (2 * n))
    if threshold >= 1.0:
        detail += "; too few samples for this rate: nothing can fail"
    return Check(name, float(statistic), threshold, rate, n, bool(statistic <= threshold), detail)


def largest_gap(x: Vector, cdf: Cdf) -> tuple[float, float]:
    """Return sup |F_n - F| over sorted x, at every jump of F_n and just before it, and where it is."""
    with np.errstate(under="ignore"):
        below = np.nextafter(x, -np.inf)
    at, before, n = _probabilities(x, cdf), _probabilities(below, cdf), len(x)
    ranks = np.arange(n, dtype=np.float64)
    gaps = np.maximum((ranks + 1) / n - at, before - ranks / n)
    worst = int(np.argmax(gaps))
    return float(gaps[worst]), float(x[worst])


def _probabilities(x: Vector, cdf: Cdf) -> Vector:
    values = np.asarray(cdf(x.copy()), dtype=np.float64)
    if values.shape != x.shape:
        raise ValueError(f"cdf(x) must return shape {x.shape}; got {values.shape}")
    # Rounding may disorder equal values by an ulp or two; nothing more.
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1 + 1e-12):
        raise ValueError("cdf(x) must return probabilities, finite and in [0, 1]")
    if np.any(np.diff(values) < -1e-12):
        raise ValueError("cdf(x) must not decrease with x")
    return values
