"""Bilinear steps of the sliding windows, O(n) each: a tridiagonal solve, or rotations and a rank-one term."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffmath._arrays.host_sharing import aligned_empty
from diffmath.kernels.numba._cache import compiled_by
from diffmath.kernels.numba._channels import SIDE, run_channels
from diffmath.kernels.numba._vectors import widest_vectors

__all__ = ["fourier_window", "legendre_window"]

_ALONE = 3  # up to this many channels are faster singly

_compiled = compiled_by(nogil=True, error_model="numpy", fastmath={"contract"})
_summing = compiled_by(nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})


def legendre_window(u: Any, c: Any, h: float, every: int) -> Any:
    r"""Return states (samples // every, channels, order) of LegT by bilinear steps of h windows.

    In the scaled state X = R c, R the diagonal of :math:`\sqrt{2n+1}`, a step is
    :math:`(T + \tfrac h2 R^2) z = X - u e_0`, :math:`X \leftarrow X - h R^2 z`, with T the tridiagonal
    inverse of the matrix of ones and signs, and :math:`T 1 = e_0`.
    """
    order, middle = c.shape[1], (c.shape[1] + 1) // 2
    square = 2.0 * np.arange(order) + 1.0
    diagonal = 0.5 * h * square
    diagonal[0] += 0.5
    diagonal[-1] += 0.5
    forth, both = diagonal.copy(), diagonal.copy()
    for n in range(1, order):
        forth[n] += 0.25 / forth[n - 1]
    # Elimination from both ends: two independent chains that meet in the middle.
    for n in range(order - 2, middle, -1):
        both[n] += 0.25 / both[n + 1]
    both[:middle] = forth[:middle]
    if order > 1:
        both[middle] += 0.25 / forth[middle - 1] + (0.25 / both[middle + 1] if order > middle + 1 else 0.0)
    rows = np.stack([1.0 / both, 0.5 / both, h * square, 1.0 / forth, 0.5 / forth]).astype(u.dtype)
    root = np.sqrt(square).astype(u.dtype)
    kept = _run(u, c * root, every, rows, _solve_alone, _solve_side_by_side)
    kept /= root
    return kept


def fourier_window(u: Any, c: Any, h: float, kappa: float, every: int) -> Any:
    r"""Return states (samples // every, channels, order) of FouT and FouD by bilinear steps of h windows.

    With :math:`W = (I - aJ)^{-1}`, :math:`a = h/2`, a step is :math:`e = (u - W^\mathsf{T} b \cdot x) /
    (1 + a \kappa\,b \cdot W b)`, :math:`x \leftarrow (2W - I) x + 2 a \kappa\,e\,W b`.
    """
    a, waves = 0.5 * h, (c.shape[1] + 1) // 2
    turn = 2.0 * np.pi * a * np.arange(waves)
    scale = 1.0 / (1.0 + turn * turn)
    present = np.where(turn == 0.0, 1.0, np.sqrt(2.0)) * scale
    gain = 1.0 / (1.0 + a * kappa * float(np.sum(present * present / scale)))
    drive = 2.0 * a * kappa * present
    rotate = (1.0 - turn * turn) * scale, 2.0 * turn * scale
    rows = np.stack([*rotate, gain * present, -gain * turn * present, drive, turn * drive]).astype(u.dtype)
    # The constant is a wave of frequency zero, whose sine is zero: cosines first, then sines.
    pairs = np.zeros((c.shape[0], 2 * waves), u.dtype)
    pairs[:, :waves], pairs[:, waves + 1 :] = c[:, [0, *range(1, 2 * waves - 1, 2)]], c[:, 2::2]
    found = _run(gain * u, pairs, every, rows.astype(u.dtype), _rotate_alone, _rotate_side_by_side)
    kept = aligned_empty((*found.shape[:2], c.shape[1]), u.dtype)
    kept[..., 0], kept[..., 1::2] = found[..., 0], found[..., 1:waves]
    kept[..., 2::2] = found[..., waves + 1 :]
    return kept


def _run(
    u: Any, c: Any, every: int, rows: Any, alone: Callable[..., None], beside: Callable[..., None]
) -> Any:
    kept = aligned_empty((u.shape[0] // every, *c.shape), u.dtype)

    def with_every(kernel: Callable[..., None]) -> Callable[..., None]:
        return lambda signals, states, rows, kept: kernel(signals, states, rows, every, kept)

    run_channels(u, c, rows, kept, alone=with_every(alone), beside=with_every(beside), few=_ALONE)
    return kept


@_compiled
def _solve_alone(u: Any, state: Any, rows: Any, every: int, kept: Any) -> None:
    x, side = state[0].copy(), np.empty(rows.shape[1], u.dtype)
    for k in range(u.shape[1]):
        _solve(x, side, u[0, k], rows)
        if (k + 1) % every == 0:
            kept[(k + 1) // every - 1, 0, :] = x


@_compiled
def _solve(x: Any, side: Any, drive: Any, rows: Any) -> None:
    """Step one channel: forward from both ends of the rows, and back from the middle."""
    inverse, half, weight = rows[0], rows[1], rows[2]
    order = x.size
    pairs, middle = order // 2, (order + 1) // 2
    left = side[0] = x[0] - drive
    right = side[order - 1] = x[order - 1] - (drive if order == 1 else x.dtype.type(0.0))
    for i in range(1, pairs):
        n, m = i, order - 1 - i
        left = side[n] = x[n] + half[n - 1] * left
        right = side[m] = x[m] - half[m + 1] * right
    if pairs < middle and order > 1:
        left = side[pairs] = x[pairs] + half[pairs - 1] * left
    if order == 1:
        x[0] -= weight[0] * (left * inverse[0])
        return
    down = (right + half[middle - 1] * left) * inverse[middle]
    up = left * inverse[middle - 1] - half[middle - 1] * down
    x[middle] -= weight[middle] * down
    x[middle - 1] -= weight[middle - 1] * up
    for i in range(1, pairs):
        n, m = middle - 1 - i, middle + i
        up = side[n] * inverse[n] - half[n] * up
        down = side[m] * inverse[m] + half[m] * down
        x[n] -= weight[n] * up
        x[m] -= weight[m] * down
    if pairs < middle:
        x[0] -= weight[0] * (side[0] * inverse[0] - half[0] * up)


@_compiled
def _solve_side_by_side(u: Any, state: Any, rows: Any, every: int, kept: Any) -> None:
    (channels, samples), order = u.shape, rows.shape[1]
    x, side = np.zeros((order, SIDE), u.dtype), np.zeros((order, SIDE), u.dtype)
    x[:, :channels] = state.T
    drive, z = np.zeros(SIDE, u.dtype), np.empty(SIDE, u.dtype)
    for k in range(samples):
        drive[:channels] = u[:, k]
        _solve_all(x, side, drive, z, rows)
        if (k + 1) % every == 0:
            for channel in range(channels):
                for n in range(order):
                    kept[(k + 1) // every - 1, channel, n] = x[n, channel]


@_compiled
def _solve_all(x: Any, side: Any, drive: Any, z: Any, rows: Any) -> None:
    """Step channels side by side, forward from the first row to the last, and back."""
    widest_vectors()
    order = x.shape[0]
    for w in range(SIDE):
        side[0, w] = x[0, w] - drive[w]
        z[w] = 0.0
    for n in range(1, order):
        half = rows[4, n - 1]
        for w in range(SIDE):
            side[n, w] = x[n, w] + half * side[n - 1, w]
    for n in range(order - 1, -1, -1):
        inverse, half, weight = rows[3, n], rows[4, n], rows[2, n]
        for w in range(SIDE):
            y = side[n, w] * inverse - half * z[w]
            z[w] = y
            x[n, w] -= weight * y


@_compiled
def _rotate_alone(u: Any, state: Any, rows: Any, every: int, kept: Any) -> None:
    samples, waves = u.shape[1], rows.shape[1]
    c, s = state[0, :waves].copy(), state[0, waves:].copy()
    read = _read(c, s, rows)
    for k in range(samples):
        read = _rotate(c, s, rows, u[0, k] - read)
        if (k + 1) % every == 0:
            kept[(k + 1) // every - 1, 0, :waves] = c
            kept[(k + 1) // every - 1, 0, waves:] = s


@_summing
def _read(c: Any, s: Any, rows: Any) -> Any:
    total = c.dtype.type(0.0)
    for m in range(c.size):
        total += rows[2, m] * c[m] + rows[3, m] * s[m]
    return total


@_summing
def _rotate(c: Any, s: Any, rows: Any, e: Any) -> Any:
    """Step the waves, and return their output for the next step."""
    widest_vectors()
    total = c.dtype.type(0.0)
    for m in range(c.size):
        cosine = rows[0, m] * c[m] - rows[1, m] * s[m] + rows[4, m] * e
        sine = rows[0, m] * s[m] + rows[1, m] * c[m] + rows[5, m] * e
        c[m], s[m] = cosine, sine
        total += rows[2, m] * cosine + rows[3, m] * sine
    return total


@_compiled
def _rotate_side_by_side(u: Any, state: Any, rows: Any, every: int, kept: Any) -> None:
    (channels, samples), waves = u.shape, rows.shape[1]
    c, s = np.zeros((waves, SIDE), u.dtype), np.zeros((waves, SIDE), u.dtype)
    c[:, :channels], s[:, :channels] = state[:, :waves].T, state[:, waves:].T
    e, read = np.zeros(SIDE, u.dtype), np.zeros(SIDE, u.dtype)
    for channel in range(channels):
        read[channel] = _read(c[:, channel].copy(), s[:, channel].copy(), rows)
    for k in range(samples):
        e[:channels] = u[:, k] - read[:channels]
        _rotate_all(c, s, rows, e, read)
        if (k + 1) % every == 0:
            for channel in range(channels):
                for m in range(waves):
                    kept[(k + 1) // every - 1, channel, m] = c[m, channel]
                    kept[(k + 1) // every - 1, channel, waves + m] = s[m, channel]


@_compiled
def _rotate_all(c: Any, s: Any, rows: Any, e: Any, read: Any) -> None:
    widest_vectors()
    for w in range(SIDE):
        read[w] = 0.0
    for m in range(c.shape[0]):
        stay, swap, read_c, read_s = rows[0, m], rows[1, m], rows[2, m], rows[3, m]
        drive_c, drive_s = rows[4, m], rows[5, m]
        for w in range(SIDE):
            cosine = stay * c[m, w] - swap * s[m, w] + drive_c * e[w]
            sine = stay * s[m, w] + swap * c[m, w] + drive_s * e[w]
            c[m, w], s[m, w] = cosine, sine
            read[w] += read_c * cosine + read_s * sine
