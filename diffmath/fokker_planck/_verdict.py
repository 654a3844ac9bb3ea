"""The verdict of a check and its parts: level, largest gap, threshold."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from diffmath._arrays.host_numbers import check_host
from diffmath._core.html import html_report
from diffmath._core.numbers import check_number
from diffmath.fokker_planck._grid import Vector

__all__ = ["Cdf", "Check", "UndecidedError", "check_level", "largest_gap", "verdict"]

Cdf = Callable[[Vector], npt.ArrayLike]
Verdict = Literal["passed", "failed", "undecided"]


class UndecidedError(RuntimeError):
    """The verdict of a check was evaluated, but its samples are too few for one.

    Parameters
    ----------
    message : str
        What is missing, and how many samples are needed.
    check : Check
        The check with its measurement.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import fokker_planck as fp
    >>> report = fp.check_cdf(np.array([0.1, 0.6]), lambda x: x, false_positive_rate=1e-6)
    >>> try:
    ...     assert report
    ... except fp.UndecidedError as error:
    ...     print(error.check.verdict, error.check.n_required)
    undecided 30
    """

    def __init__(self, message: str, check: Check) -> None:
        super().__init__(message)
        self.check = check

    def __reduce__(self) -> tuple[type[UndecidedError], tuple[str, Check]]:
        # The default reduction of exceptions would drop `check` when a worker process raises.
        return type(self), (str(self), self.check)


@dataclass(frozen=True)
class Check:
    """The result of a check; its truth value is the verdict, so ``assert check`` asserts it.

    Parameters
    ----------
    name : str
        Name of the check.
    statistic : float
        The measured value.
    threshold : float
        The largest value that passes.
    false_positive_rate : float
        Upper bound of the probability that a correct law is rejected.
    n : int
        Number of samples.
    verdict : {"passed", "failed", "undecided"}
        "failed": ``statistic > threshold``. "undecided": nothing failed, but `n` is below `n_required`.
    detail : str
        Where the largest difference is, and further observations.
    n_required : int or None
        The smallest number of samples with which a check can pass; None if no number is enough (a tolerance
        of 1 or more).

    Raises
    ------
    ValueError
        An unknown verdict.
    UndecidedError
        Raised by ``bool(check)`` if the check is undecided.

    Notes
    -----
    With r = threshold - tolerance, a law whose distribution function is off by more than ``tolerance + 2 r``
    fails with probability at least 1 - `false_positive_rate`. If this difference is 1 or more, no difference
    is detected with certainty and passing would mean nothing, so the check is undecided.

    Examples
    --------
    >>> from diffmath.fokker_planck import Check
    >>> check = Check("check_cdf", 0.002, 0.006, 1e-3, 100_000, "passed", "largest at x=0.3")
    >>> print(check)
    check_cdf: passed, 0.002 <= 0.006 (n=100000, false-positive rate 0.001): largest at x=0.3
    >>> bool(check)
    True
    """

    name: str
    statistic: float
    threshold: float
    false_positive_rate: float
    n: int
    verdict: Verdict
    detail: str = ""
    n_required: int | None = None

    def __post_init__(self) -> None:
        if self.verdict not in get_args(Verdict):
            raise ValueError(f"verdict must be one of {get_args(Verdict)}; got {self.verdict!r}")

    @property
    def passed(self) -> bool:
        """Whether the verdict is "passed"; an undecided check has not passed."""
        return self.verdict == "passed"

    @property
    def failed(self) -> bool:
        """Whether the verdict is "failed"; an undecided check has not failed."""
        return self.verdict == "failed"

    def __bool__(self) -> bool:
        if self.verdict == "undecided":
            raise UndecidedError(str(self), self)
        return self.passed

    def __str__(self) -> str:
        sign = ">" if self.failed else "<="
        shown = self.verdict if self.passed else self.verdict.upper()
        parts = [self.detail] if self.detail else []
        if self.verdict == "undecided":
            parts.insert(0, self._missing())
        detail = f": {'; '.join(parts)}" if parts else ""
        return (
            f"{self.name}: {shown}, {self.statistic:.4g} {sign} {self.threshold:.4g} "
            f"(n={self.n}, false-positive rate {self.false_positive_rate:.3g}){detail}"
        )

    def _missing(self) -> str:
        if self.n_required is None:
            return "no number of samples is enough: use a tolerance below 1"
        return f"too few samples for this rate, at least {self.n_required} are needed"

    def _repr_html_(self) -> str:
        rows = [("statistic", f"{self.statistic:.4g}"), ("threshold", f"{self.threshold:.4g}"), ("n", self.n),
                ("false-positive rate", f"{self.false_positive_rate:.3g}")]  # fmt: skip
        note = self._missing() if self.verdict == "undecided" else ""
        return html_report(f"Check {self.name}: {self.verdict}", [*rows, ("detail", self.detail)], note=note)


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
    """Return the check of a statistic, the largest of `looks` values, with a level that holds for every n."""
    rate, tolerance = level
    doubled = 2.0 * math.log(2 * looks / rate)
    resolution = math.sqrt(doubled / n) / 2.0
    threshold = tolerance + resolution
    # 2 resolution < 1 - tolerance: some difference is detected with probability 1 - rate.
    required = math.floor(doubled / (1.0 - tolerance) ** 2) + 1 if tolerance < 1.0 else None
    ruling: Verdict = "passed"
    if not statistic <= threshold:
        ruling = "failed"
    elif required is None or n < required:
        ruling = "undecided"
    return Check(name, float(statistic), threshold, rate, n, ruling, detail, required)


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
    probabilities = cdf(x.copy())
    check_host("cdf(x)", probabilities)
    values = np.asarray(probabilities, dtype=np.float64)
    if values.shape != x.shape:
        raise ValueError(f"cdf(x) must return shape {x.shape}; got {values.shape}")
    # Rounding may swap nearly equal values by an ulp or two, not more.
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1 + 1e-12):
        raise ValueError("cdf(x) must return probabilities, finite and in [0, 1]")
    if np.any(np.diff(values) < -1e-12):
        raise ValueError("cdf(x) must not decrease with x")
    return values
