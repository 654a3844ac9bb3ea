"""Signals at the edge: time first, channels second, and no overflow that goes unsaid."""

from __future__ import annotations

import numpy as np

from diffmath._arrays import array_namespace, check_array
from diffmath._errors import SolveError
from diffmath._solution import Solution
from diffmath._typing import Array

__all__ = ["as_channels", "quiet", "refuse_overflow", "without_channel"]


def quiet() -> np.errstate:
    """Silence NumPy inside a block: an overflow is reported by `refuse_overflow`, an underflow is a zero."""
    return np.errstate(over="ignore", invalid="ignore", under="ignore")


def as_channels(u: Array) -> Array:
    """Return a signal (samples,) or (samples, channels) as finite floats, shape (samples, channels)."""
    u = check_array("u", u)
    if u.ndim not in (1, 2):
        raise ValueError(f"u must have shape (samples,) or (samples, channels); got {tuple(u.shape)}")
    if not u.shape[0]:
        raise ValueError("u must hold at least one sample; got none")
    return u[:, None] if u.ndim == 1 else u


def without_channel(values: Array, u: Array, *, axis: int = 1) -> Array:
    """Drop the channel axis of a result again if the signal `u` came without one."""
    return array_namespace(values).squeeze(values, axis=axis) if u.ndim == 1 else values


def refuse_overflow(what: str, values: Array, remedy: str) -> Array:
    """Return `values` (samples, channels, ...), or raise `SolveError` with the samples before an overflow."""
    xp = array_namespace(values)
    finite = xp.all(xp.isfinite(values), axis=tuple(range(1, values.ndim)))
    if bool(xp.all(finite)):
        return values
    valid = int(xp.argmin(xp.astype(finite, xp.int8)))
    message = f"{what} is not finite from sample {valid} on: {remedy}"
    prefix = np.arange(valid, dtype=np.float64)
    raise SolveError(message, Solution(t=prefix, x=values[:valid, ...], status="nonfinite", message=message))
