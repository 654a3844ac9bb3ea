"""Kernels over many channels: groups run side by side in lanes, the last few singly, groups on threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffmath.kernels.numba._threads import share_out

__all__ = ["SIDE", "run_channels"]

SIDE = 32  # channels side by side
_SHARE = 2**18  # steps of one row that are worth a thread

# (signals (channels, samples), states before (channels, order), rows, kept (kept, channels, order))
Kernel = Callable[[Any, Any, Any, Any], None]


def run_channels(u: Any, c: Any, rows: Any, kept: Any, *, alone: Kernel, beside: Kernel, few: int) -> None:
    """Run u (samples, channels) from c (channels, order), and write the kept states into `kept`.

    Up to `few` leftover channels are run singly, because that is faster.
    """
    samples, channels = u.shape
    # Copies, so that one compiled version serves read-only and strided arrays; time last.
    signals, states = np.array(u.T, order="C"), np.array(c, order="C")

    def run(share: tuple[int, int]) -> None:
        part = slice(*share)
        kernel = alone if share[1] - share[0] == 1 else beside
        kernel(signals[part], states[part], rows, kept[:, part])

    groups = [(first, min(first + SIDE, channels)) for first in range(0, channels, SIDE)]
    if groups and channels - groups[-1][0] <= few:
        groups[-1:] = [(channel, channel + 1) for channel in range(groups[-1][0], channels)]
    if samples * channels * c.shape[1] < _SHARE:
        for group in groups:
            run(group)
    else:
        share_out(run, groups)
