"""Values of a process at host times, computed once per run, and the log-SNR with its infinite ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from typing import Any

from diffmath.diffusion._process.process import Process

__all__ = ["log_snr_at", "remembering"]


def remembering(process: Process) -> Process:
    """Return the process for one run: values at a host time are computed only once."""
    copied = copy(process)
    for name in ("marginal", "log_snr"):
        object.__setattr__(copied, name, _Remembered(getattr(process, name)))
    object.__setattr__(copied, "_log_snrs", {})
    object.__setattr__(copied, "_levels", {})  # of multistep methods, which ask for a time in every step
    return copied


class _Remembered:
    """A function of time with its values at host times; arrays of times pass through."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function, self._known = function, dict[float, Any]()

    def __call__(self, t: Any) -> Any:
        if type(t) is not float:
            return self._function(t)
        found = self._known.get(t)
        if found is None:
            found = self._known[t] = self._function(t)
        return found


def log_snr_at(process: Process, t: float) -> float:
    """Return the log-SNR at a host time; infinite, without a call, if alpha or sigma is 0."""
    known: dict[float, float] = process.__dict__.get("_log_snrs", {})  # of a run
    found = known.get(t)
    if found is None:
        alpha, sigma = process.marginal(t)
        found = known[t] = (
            (-math.inf if alpha == 0 else math.inf) if alpha == 0 or sigma == 0 else float(process.log_snr(t))
        )
    return found
