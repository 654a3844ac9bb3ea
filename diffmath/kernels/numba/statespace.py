"""Compiled twins of diffmath.statespace: one plain loop over samples and rows per channel."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["log_time_bilinear"]


def log_time_bilinear(u: Any, order: int) -> Any:
    """Return all states (samples, channels, order) of LegS by bilinear steps in logarithmic time."""
    samples, channels = u.shape
    states = np.zeros((samples, channels, order), dtype=u.dtype)
    half_steps = (0.5 * np.log1p(1.0 / np.arange(1, samples))).astype(u.dtype)
    roots = np.sqrt(2.0 * np.arange(order) + 1.0).astype(u.dtype)
    # A copy, so that one compiled version serves read-only and strided signals.
    _sweep(np.array(u, order="C"), half_steps, roots, states)
    return states


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def _sweep(u: Any, half_steps: Any, roots: Any, states: Any) -> None:
    one = u.dtype.type(1.0)
    for channel in range(u.shape[1]):
        states[0, channel, 0] = u[0, channel]
        for k in range(1, u.shape[0]):
            a, e = half_steps[k - 1], u[k, channel]
            n = one - one
            for row in range(roots.size):
                r, c = roots[row], states[k - 1, channel, row]
                scale = one / (one + a * (n + one))
                states[k, channel, row] = scale * ((one - a * (n + one)) * c + (a + a) * r * e)
                # The sweep waits for e alone: everything else is multiplied out of its chain.
                e = (scale * (one - a * n)) * e - scale * r * c
                n += one
