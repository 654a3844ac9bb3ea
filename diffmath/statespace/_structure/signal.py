"""Checks of signals: time first, channels second; and of results: overflow is an error."""

from __future__ import annotations

import numpy as np

from diffmath._arrays.namespace import all_finite, array_namespace, check_array
from diffmath._core.solution import Solution, SolveError
from diffmath._core.typing import Array

__all__ = ["as_channels", "from_channels", "ignore_overflow", "refuse_overflow"]


def ignore_overflow() -> np.errstate:
    """Suppress NumPy's warnings inside a block; `refuse_overflow` reports an overflow afterwards."""
    return np.errstate(over="ignore", invalid="ignore", under="ignore")


def as_channels(u: Array, name: str = "u") -> Array:
    """Return a signal (samples,), (samples, channels) or (batch, samples, channels) as finite floats.

    The result has shape (samples, channels); the runs of a batch become further channels.
    """
    u = check_array(name, u)
    if u.ndim not in (1, 2, 3):
        raise ValueError(
            f"{name} must have shape (samples,), (samples, channels) or (batch, samples, channels); "
            f"got {tuple(u.shape)}"
        )
    if not u.shape[-2 if u.ndim > 1 else 0]:
        raise ValueError(f"{name} must hold at least one sample; got none")
    if u.ndim == 3:
        batch, samples, channels = u.shape
        xp = array_namespace(u)
        return xp.reshape(xp.permute_dims(u, (1, 0, 2)), (samples, batch * channels))
    return u[:, None] if u.ndim == 1 else u


def from_channels(values: Array, u: Array, *, axis: int = 1) -> Array:
    """Return a result with the axes of the signal `u` in place of its channels: none, channels, or batch."""
    xp = array_namespace(values)
    if u.ndim == 1:
        return xp.squeeze(values, axis=axis)
    if u.ndim == 2:
        return values
    split = (*values.shape[:axis], u.shape[0], u.shape[2], *values.shape[axis + 1 :])
    return xp.moveaxis(xp.reshape(values, split), axis, 0)


def refuse_overflow(what: str, values: Array, remedy: str, *, every: int = 1) -> Array:
    """Return `values` (rows, channels, ...), or raise `SolveError` with the rows before an overflow.

    Row i belongs to sample ``(i + 1) * every - 1``.
    """
    if all_finite(values):
        return values
    xp = array_namespace(values)
    finite = xp.all(xp.isfinite(values), axis=tuple(range(1, values.ndim)))
    valid = int(xp.argmin(xp.astype(finite, xp.int8)))
    message = f"{what} is not finite from sample {(valid + 1) * every - 1} on: {remedy}"
    prefix = np.arange(1, valid + 1, dtype=np.float64) * every - 1.0
    raise SolveError(message, Solution(t=prefix, x=values[:valid, ...], status="nonfinite", message=message))
