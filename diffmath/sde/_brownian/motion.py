"""The name of the Brownian motion of a solve: only solutions on one motion may be compared by path."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import random
from diffmath.sde._brownian.path import BrownianPath
from diffmath.sde._noise import LevyIncrements, brownian_increments, odd_part, weak_increments

__all__ = ["motion_of"]


def motion_of(
    source: random.Key | BrownianPath, increments: Any, clock: npt.NDArray[np.float64], first_row: int
) -> str:
    """Return the name of the motion: equal names mean equal paths, row by row.

    For a key without a path, the motion depends also on two things: whether the increments are W alone or
    (W, H, K), and the odd part of the number of steps.
    """
    if isinstance(source, BrownianPath):
        return source.motion
    if increments is weak_increments:
        return f"weak noise of {source}, no path"
    rows = f", rows from {first_row}" if first_row else ""
    if increments is brownian_increments:
        kind = "W"
    elif isinstance(increments, LevyIncrements):
        kind = "(W, H, K)"
        if "A" in increments.terms:
            rows += (
                f", A down to level {increments.levels}"
                if increments.levels
                else ", A drawn separately for each step"
            )
    else:
        kind = "other noise"
    return f"{kind} of {source} on [{clock[0]:g}, {clock[-1]:g}], {_steps(clock)}{rows}"


def _steps(clock: npt.NDArray[np.float64]) -> str:
    """Name the clocks that share one path: the uniform ones of N 2^k steps, or a single non-uniform one."""
    steps = len(clock) - 1
    uniform = np.linspace(clock[0], clock[-1], steps + 1)
    if abs(clock - uniform).max() <= 8.0 * np.spacing(abs(clock).max()):
        return f"{odd_part(steps)[0]} * 2**k steps"
    return f"{steps} steps of the clock {zlib.crc32(clock.tobytes()):08x}"
