"""Roots of increasing functions, one per row: Newton's iteration inside a bracket."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["in_chunks", "increasing_root"]

Host = npt.NDArray[np.float64]
# function(y, rows): value and slope of the functions of these rows at y, up to a common positive factor.
RowFunction = Callable[[Host, npt.NDArray[np.intp]], tuple[Host, Host]]

EPS = float(np.finfo(np.float64).eps)
# Every third step halves the bracket, so 3 * 64 steps end it whatever Newton's steps do.
MOST_STEPS = 200
# Numbers held at once, 8 MiB of float64.
CHUNK = 1 << 20


def increasing_root(function: RowFunction, low: Host, high: Host, scale: Host) -> Host:
    """Return the root of each row's increasing function in [low, high].

    A row is done once Newton's step, or the bracket, is below eps times the larger of abs(y) and `scale`. A
    slope that is not positive and finite is not used.
    """
    low, high = low.copy(), high.copy()
    y: Host = low + 0.5 * (high - low)
    rows = np.flatnonzero(high > low)
    for step in range(MOST_STEPS):
        if not rows.size:
            break
        here = y[rows]
        value, slope = function(here, rows)
        low[rows] = np.where(value <= 0, here, low[rows])
        high[rows] = np.where(value >= 0, here, high[rows])
        left, right = low[rows], high[rows]
        with np.errstate(all="ignore"):
            newton = here - value / slope
        inside = (newton >= left) & (newton <= right) & np.isfinite(slope)  # False for NaN
        grain = EPS * np.maximum(np.abs(here), scale[rows])
        done = (inside & (np.abs(newton - here) <= grain)) | (right - left <= grain)
        halve = ~inside | (step % 3 == 2) & ~done
        y[rows] = np.where(halve, left + 0.5 * (right - left), newton)
        rows = rows[~done]
    return y


def in_chunks(function: Callable[[Host], Host], x: Host, width: int) -> Host:
    """Apply a function of rows, which holds `width` numbers for each, to chunks of bounded memory."""
    step = max(1, CHUNK // width)
    return np.concatenate([function(x[i : i + step]) for i in range(0, max(1, len(x)), step)])
