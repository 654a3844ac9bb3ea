r"""The variables in which grids are spaced, and how values of one become times.

.. math:: \tilde\sigma = \sigma/\alpha = e^{-\lambda}, \qquad \frac{\sigma}{\alpha + \sigma}, \qquad
   \theta = \arctan(\sigma/\alpha), \qquad \lambda = \ln(\alpha/\sigma)

All are functions of the log-SNR, so a grid in one of them is the same sequence of noise levels on every
process. The fraction is the sigma of `flow`; fraction and angle are finite where alpha is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from diffmath._core.counts import check_count
from diffmath.diffusion._process import Process, log_snr_at

__all__ = ["Times", "Variable", "decreasing", "spaced", "times_at", "two_ends", "value_at"]

Times = npt.NDArray[np.float64]
Variable = Literal["sigma", "fraction", "angle", "log_snr", "time"]


@dataclass(frozen=True)
class _Scale:
    name: str
    of_log_snr: Callable[[float], float]
    log_snr: Callable[[float], float]


def _fraction(lam: float) -> float:
    small = math.exp(-abs(lam))
    return (small if lam > 0 else 1.0) / (1 + small)


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


_SCALES = {
    "sigma": _Scale(
        "noise level sigma/alpha", lambda lam: math.exp(-lam) if lam > -700 else math.inf, lambda v: -_log(v)
    ),
    "fraction": _Scale("fraction of noise", _fraction, lambda v: _log(1 - v) - _log(v)),
    "angle": _Scale(
        "angle of noise and data",
        lambda lam: math.atan2(_fraction(lam), _fraction(-lam)),
        lambda v: _log(math.cos(v)) - _log(math.sin(v)),
    ),
    "log_snr": _Scale("log-SNR", lambda lam: lam, lambda v: v),
}


def value_at(process: Process, t: float, variable: Variable) -> float:
    """Return the value of a variable at a time."""
    return t if variable == "time" else _SCALES[variable].of_log_snr(log_snr_at(process, t))


def two_ends(process: Process, steps: int, start: float | None, end: float | None) -> tuple[float, float]:
    """Return the first and the last time of a grid, checked."""
    if not isinstance(process, Process):
        raise TypeError(f"process must be a diffmath.diffusion.Process; got {type(process).__name__}")
    check_count("steps", steps)
    ends = (process.t_max if start is None else float(start), process.t_min if end is None else float(end))
    if not all(0 <= t <= process.t_max for t in ends) or ends[0] == ends[1]:
        raise ValueError(
            f"t_start and t_end must be two times in [0, {process.t_max:g}]; "
            f"got t_start={ends[0]}, t_end={ends[1]}"
        )
    return ends


def spaced(
    process: Process,
    ends: tuple[float, float],
    variable: Variable,
    values: Callable[[float, float], Any],
) -> Times:
    """Return the grid of ``values(noisy, clean)``, all values of a variable between those at the two ends.

    An increasing grid, for encoding, is the decreasing one reversed.
    """
    _check_variable(variable)
    start, end = max(ends), min(ends)
    noisy, clean = value_at(process, start, variable), value_at(process, end, variable)
    if not math.isfinite(clean):
        raise ValueError(
            f"the {_SCALES[variable].name} is infinite at t={end:g}; end at t_min and append 0.0: "
            "np.append(times, 0.0)"
        )
    if not math.isfinite(noisy):
        raise ValueError(
            f"the {_SCALES[variable].name} is infinite at t={start:g}, where alpha is 0; start below it, or "
            'use a grid that reaches it: uniform_times, kl_optimal_times, or on="fraction"'
        )
    inner = values(noisy, clean)[1:-1]
    times = [start, *times_at(process, [float(v) for v in inner], variable, (end, start)), end]
    grid = decreasing(np.asarray(times))
    return grid if ends[0] > ends[1] else grid[::-1].copy()


def times_at(
    process: Process, values: Sequence[float], variable: Variable, between: tuple[float, float]
) -> list[float]:
    """Return the times of values of a variable; rounding does not leave the two times `between`."""
    if variable == "time":
        return list(values)
    found = [float(process.time_of_log_snr(_SCALES[variable].log_snr(value))) for value in values]
    return [min(max(t, between[0]), between[1]) for t in found]


def _check_variable(variable: str) -> None:
    if variable not in ("time", *_SCALES):
        raise ValueError(f"on must be one of {', '.join(map(repr, (*_SCALES, 'time')))}; got {variable!r}")


def decreasing(times: Times) -> Times:
    """Return the times, which must be strictly decreasing."""
    repeated = np.flatnonzero(~(np.diff(times) < 0))
    if repeated.size:
        i = int(repeated[0])
        raise ValueError(
            f"the times of this grid are not strictly decreasing: times[{i}]={times[i]:.17g} and "
            f"times[{i + 1}]={times[i + 1]:.17g}; use fewer steps, or ends farther apart"
        )
    return times
