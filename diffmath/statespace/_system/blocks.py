r"""A recurrence in blocks of T samples: matrix products within a block, one step from block to block.

.. math:: x_{k+T} = A^T x_k + \sum_j A^{T-j} B u_{k+j}, \qquad
    y_{k+i} = C A^i x_k + \sum_{j \le i} C A^{i-j} B u_{k+j} \qquad (1 \le i, j \le T)
"""

from __future__ import annotations

import math

import array_api_compat as compat

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath.statespace._system.statespace import StateSpace

__all__ = ["blockwise_outputs", "blockwise_state"]

_LONGEST = 128


def blockwise_outputs(system: StateSpace, u: Array, x: Array) -> Array:
    """Return the outputs (samples, channels, p) of a run on u (samples, channels) from x (channels, n)."""
    xp, (samples, channels) = array_namespace(u), u.shape
    T = _length(samples)
    responses, power = _responses(system, T)
    C = xp.reshape(system.C, (-1, system.order))
    observe = _powers(C @ system.A, system.A, T)
    impulse = xp.concat([C[:, None, :], observe[:, :-1, :]], axis=1) @ system.B
    columns, starts = _columns(u, T), []
    driven = _by_block(responses @ columns, channels)
    for b in range(driven.shape[0]):
        starts.append(x)
        x = x @ power + driven[b, ...]
    at_starts = xp.permute_dims(xp.stack(starts), (2, 0, 1))
    y = xp.reshape(_toeplitz(impulse), (-1, T)) @ columns
    y = y + xp.reshape(observe, (-1, system.order)) @ xp.reshape(at_starts, (system.order, columns.shape[1]))
    y = xp.permute_dims(xp.reshape(y, (C.shape[0], T, len(starts), channels)), (2, 1, 3, 0))
    return xp.reshape(y, (len(starts) * T, channels, C.shape[0]))[:samples, ...]


def blockwise_state(system: StateSpace, u: Array, x: Array) -> Array:
    """Return the state (channels, n) after u (samples, channels) from x (channels, n)."""
    xp, (samples, channels) = array_namespace(u), u.shape
    T = _length(samples)
    responses, power = _responses(system, T)
    whole = samples - samples % T
    driven = _by_block(responses @ _columns(u[:whole, :], T), channels)
    for b in range(driven.shape[0]):
        x = x @ power + driven[b, ...]
    for k in range(whole, samples):
        x = x @ xp.matrix_transpose(system.A) + u[k, :][:, None] * system.B
    return x


def _length(samples: int) -> int:
    """Return a power of two near the square root: about as many blocks as samples per block."""
    return int(min(_LONGEST, 2 ** round(math.log2(samples) / 2)))


def _responses(system: StateSpace, T: int) -> tuple[Array, Array]:
    """Return the columns A^(T-1) B, ..., A B, B (n, T) and the transpose of A^T."""
    xp = array_namespace(system.A)
    responses, power = system.B[:, None], system.A
    while responses.shape[1] < T:
        responses, power = xp.concat([power @ responses, responses], axis=1), power @ power
    return responses, xp.matrix_transpose(power)


def _powers(rows: Array, A: Array, T: int) -> Array:
    """Return each row r (p, n) times the powers of A below T: r, r A, r A^2, ..., (p, T, n)."""
    xp, powers = array_namespace(A), rows[:, None, :]
    while powers.shape[1] < T:
        powers, A = xp.concat([powers, powers @ A], axis=1), A @ A
    return powers


def _columns(u: Array, T: int) -> Array:
    """Return the blocks of a signal side by side, (T, blocks * channels), with zeros after its end."""
    xp, (samples, channels) = array_namespace(u), u.shape
    rest = xp.zeros((-samples % T, channels), dtype=u.dtype, device=compat.device(u))
    blocks = xp.reshape(xp.concat([u, rest]), (-(-samples // T), T, channels))
    return xp.reshape(xp.permute_dims(blocks, (1, 0, 2)), (T, blocks.shape[0] * channels))


def _by_block(values: Array, channels: int) -> Array:
    """Return columns (n, blocks * channels) as (blocks, channels, n)."""
    xp, n = array_namespace(values), values.shape[0]
    blocks = values.shape[1] // channels if channels else 0
    return xp.permute_dims(xp.reshape(values, (n, blocks, channels)), (1, 2, 0))


def _toeplitz(impulse: Array) -> Array:
    """Return the lower triangles (p, T, T) that convolve with the impulse responses (p, T)."""
    xp, (p, T) = array_namespace(impulse), impulse.shape
    before = xp.zeros((p, T - 1), dtype=impulse.dtype, device=compat.device(impulse))
    i = xp.arange(T, device=compat.device(impulse))
    lags = xp.reshape(i[:, None] - i[None, :] + (T - 1), (-1,))
    return xp.reshape(xp.take(xp.concat([before, impulse], axis=1), lags, axis=1), (p, T, T))
