"""Compiled kernels of diffmath.statespace, in lanes that LLVM vectorises completely.

The memory is a sweep over rows, and each row needs the row before it, so parallelism is elsewhere. With many
channels, each lane works on one channel, at the same row (`_side_by_side`). With one channel, the lanes form
a wavefront over samples: row n of sample k needs row n - 1 of sample k and row n of sample k - 1, so lane w
works on row j - w of sample k + w (`_wavefront`). Windows are solved forward and back instead (`_windows`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath._arrays.host_sharing import aligned_empty
from diffmath.kernels.numba._cache import compiled_by
from diffmath.kernels.numba._channels import SIDE, run_channels
from diffmath.kernels.numba._vectors import widest_vectors
from diffmath.kernels.numba._windows import fourier_window, legendre_window

__all__ = ["fourier_window", "laguerre_decay", "legendre_window", "linear_recurrence", "log_time_bilinear"]

_WAVE = 16  # lanes of a wavefront
_ALONE = 6  # up to this many channels are faster singly

_compiled = compiled_by(nogil=True, error_model="numpy", fastmath={"contract"})


def log_time_bilinear(u: Any, c: Any, beta: float, heard: int, every: int, ahead: int) -> Any:
    """Return states ((ahead + samples) // every, channels, order) of JacS by bilinear steps in log time."""
    n = np.arange(c.shape[1], dtype=np.float64)
    rows = np.stack([n, n + (1.0 + beta), np.sqrt(2.0 * n + (1.0 + beta))])
    half_steps = 0.5 * np.log1p(1.0 / np.arange(heard, heard + u.shape[0]))
    return _sweep_all(u, c, half_steps, rows, every, ahead)


def laguerre_decay(u: Any, c: Any, h: float, beta: float, every: int) -> Any:
    """Return states (samples // every, channels, order) of LagT, alpha = 0, by bilinear steps of h."""
    one = np.ones(c.shape[1])
    rows = np.stack([0.5 * (1.0 - beta) * one, 0.5 * (1.0 + beta) * one, one])
    return _sweep_all(u, c, np.full(u.shape[0], 0.5 * h), rows, every, 0)


def _sweep_all(u: Any, c: Any, half_steps: Any, rows: Any, every: int, ahead: int) -> Any:
    """Run the rows s = pq - d, d and r = p = q of a lower-cumulative matrix whose B is p."""
    kept = aligned_empty(((ahead + u.shape[0]) // every, *c.shape), u.dtype)
    if ahead and every == 1:
        kept[0] = c
    rows, steps = rows.astype(u.dtype), half_steps.astype(u.dtype)

    def wavefront(signals: Any, states: Any, rows: Any, kept: Any) -> None:
        _wavefront(signals, states, steps, rows, every, ahead, kept)

    def side_by_side(signals: Any, states: Any, rows: Any, kept: Any) -> None:
        _side_by_side(signals, states, steps, rows, every, ahead, kept)

    run_channels(u, c, rows, kept, alone=wavefront, beside=side_by_side, few=_ALONE)
    return kept


@_compiled
def _wavefront(u: Any, c: Any, half_steps: Any, rows: Any, every: int, ahead: int, kept: Any) -> None:
    """Compress one channel, u (1, samples). Coefficient n after k + w samples passes ``skew[n + w, w]``."""
    samples, order = u.shape[1], rows.shape[1]
    skew = np.zeros((order + _WAVE, _WAVE + 1), u.dtype)
    a, e = np.zeros(_WAVE, u.dtype), np.zeros(_WAVE, u.dtype)
    # Reversed, so that lanes read forward; with zeros on both sides, a lane without a row changes nothing.
    last = order + _WAVE - 1
    lanes = np.zeros((3, last + _WAVE), u.dtype)
    for n in range(order):
        lanes[:, last - n] = rows[:, n]
    for n in range(order):
        skew[n, 0] = c[0, n]
    for k in range(0, samples, _WAVE):
        live = min(_WAVE, samples - k)
        for w in range(_WAVE):
            a[w] = half_steps[k + w] if w < live else 0.0
            e[w] = u[0, k + w] if w < live else 0.0
        for j in range(last):
            i = last - j
            _turn(skew[j, :_WAVE], skew[j + 1, 1:], e, a, lanes[:, i : i + _WAVE])
        for w in range(1, live + 1):
            if (ahead + k + w) % every == 0:
                for n in range(order):
                    kept[(ahead + k + w) // every - 1, 0, n] = skew[n + w, w]
        for n in range(order):
            skew[n, 0] = skew[n + _WAVE, _WAVE]


@_compiled
def _turn(before: Any, after: Any, e: Any, a: Any, rows: Any) -> None:
    widest_vectors()
    one = e.dtype.type(1.0)
    for w in range(_WAVE):
        c, rest, n, m, r = before[w], e[w], rows[0, w], rows[1, w], rows[2, w]
        scale = one / (one + a[w] * m)
        after[w] = scale * ((one - a[w] * m) * c + (a[w] + a[w]) * r * rest)
        e[w] = scale * ((one - a[w] * n) * rest - r * c)


@_compiled
def _side_by_side(u: Any, start: Any, half_steps: Any, rows: Any, every: int, ahead: int, kept: Any) -> None:
    """Compress up to SIDE channels, u (channels, samples)."""
    (channels, samples), order = u.shape, rows.shape[1]
    c, e = np.zeros((order, SIDE), u.dtype), np.zeros(SIDE, u.dtype)
    step = np.empty((4, order), u.dtype)
    c[:, :channels] = start.T
    for k in range(samples):
        e[:channels] = u[:, k]
        _set_step(half_steps[k], rows, step)
        _sweep(c, e, step)
        if (ahead + k + 1) % every == 0:
            for channel in range(channels):
                for n in range(order):
                    kept[(ahead + k + 1) // every - 1, channel, n] = c[n, channel]


@_compiled
def _set_step(a: Any, rows: Any, step: Any) -> None:
    widest_vectors()
    one = rows.dtype.type(1.0)
    for i in range(rows.shape[1]):
        n, m, r = rows[0, i], rows[1, i], rows[2, i]
        scale = one / (one + a * m)
        step[0, i], step[1, i] = scale * (one - a * m), scale * ((a + a) * r)
        step[2, i], step[3, i] = scale * (one - a * n), scale * r


@_compiled
def _sweep(c: Any, e: Any, step: Any) -> None:
    widest_vectors()
    for n in range(c.shape[0]):
        keep, hear, leave, take = step[0, n], step[1, n], step[2, n], step[3, n]
        for w in range(SIDE):
            before, rest = c[n, w], e[w]
            c[n, w] = keep * before + hear * rest
            e[w] = leave * rest - take * before


def linear_recurrence(a: Any, b: Any, x: Any) -> Any:
    """Return all states (samples, channels) of x_k = a_k x_{k-1} + b_k, sequentially."""
    states = aligned_empty(b.shape, b.dtype)
    states[...] = b
    # One compiled version for all layouts: a read-only or strided `a` is copied.
    _recur(np.require(a, requirements=["C", "W"]), np.array(x), states)
    return states


@_compiled
def _recur(a: Any, x: Any, states: Any) -> None:
    for k in range(states.shape[0]):
        for channel in range(x.size):
            x[channel] = a[k, channel] * x[channel] + states[k, channel]
            states[k, channel] = x[channel]
