r"""The states of a discrete system after every `every` samples, by matrix products over blocks of T samples.

.. math:: x_{k+i} = \bar A^i x_k + \sum_{j \le i} \bar A^{i-j} \bar B\,u_{k+j} \qquad (1 \le i, j \le T)
"""

from __future__ import annotations

import array_api_compat as compat

from diffmath._arrays.namespace import all_finite, array_namespace
from diffmath._arrays.tracing import is_tracing, scan_loop
from diffmath._core.typing import Array

__all__ = ["sampled_states"]

_LONGEST, _SHORTEST = 128, 32  # samples in a block
_NUMBERS = 2**20  # numbers computed at once


def sampled_states(A: Array, B: Array, u: Array, x: Array, every: int) -> Array:
    """Return the states (samples // every, channels, n) of a run on u (samples, channels) from x.

    Per sample and channel O(n); per block and saved state O(n^2).
    """
    rows = u.shape[0] // every
    if not u.shape[1]:
        return array_namespace(u).zeros((rows, 0, x.shape[1]), dtype=u.dtype, device=compat.device(u))
    if is_tracing(A, B, u, x):
        return _traced(A, B, u[: rows * every, :], x, every)
    states = (_between_blocks if every > _LONGEST else _within_blocks)(A, B, u[: rows * every, :], x, every)
    if not all_finite(states):
        # The powers of A may overflow although the states do not; then the recurrence is used.
        return _one_by_one(A, B, u, x, every)
    return states


def _within_blocks(A: Array, B: Array, u: Array, x: Array, every: int) -> Array:
    """Save the states inside the blocks, T a multiple of `every`; the last block may be padded with zeros."""
    xp, (samples, channels), n = array_namespace(u), u.shape, x.shape[1]
    kept = max(1, min(_SHORTEST, samples) // every)
    T = kept * every
    gains, powers_kept = _block_matrices(A, B, kept, every)
    rest = xp.zeros((-samples % T, channels), dtype=u.dtype, device=compat.device(u))
    u, found = xp.concat([u, rest]), []
    blocks = u.shape[0] // T
    many = max(1, _NUMBERS // (kept * n * channels))
    for first in range(0, blocks, many):
        count, starts = min(many, blocks - first), []
        driven = xp.reshape(
            _rows(u[first * T : (first + count) * T, :], T) @ gains, (count, channels, kept * n)
        )
        for block in range(count):
            starts.append(x)
            x = x @ powers_kept[:, (kept - 1) * n :] + driven[block, :, (kept - 1) * n :]
        states = xp.reshape(driven + xp.stack(starts) @ powers_kept, (count, channels, kept, n))
        found.append(xp.reshape(xp.permute_dims(states, (0, 2, 1, 3)), (count * kept, channels, n)))
    return xp.concat(found)[: samples // every, ...]


def _block_matrices(A: Array, B: Array, kept: int, every: int) -> tuple[Array, Array]:
    """Return maps from the samples of a block (T, kept n) and its start (n, kept n) to saved states."""
    xp, T = array_namespace(A), kept * every
    responses = _responses(A, B, T)
    power = xp.matrix_transpose(xp.linalg.matrix_power(A, every))
    powers, gains = [power], []
    for position in range(1, kept + 1):
        past = responses[T - position * every :, :]
        future = xp.zeros((T - past.shape[0], B.shape[0]), dtype=B.dtype, device=compat.device(B))
        gains.append(xp.concat([past, future]))
        if position < kept:
            powers.append(powers[-1] @ power)
    return xp.concat(gains, axis=1), xp.concat(powers, axis=1)


def _between_blocks(A: Array, B: Array, u: Array, x: Array, every: int) -> Array:
    """Save the states between blocks; the last block before each is the shorter one."""
    xp, (samples, channels), n = array_namespace(u), u.shape, x.shape[1]
    T, kept = _LONGEST, []
    responses, short = _responses(A, B, T), every % T
    power = xp.matrix_transpose(xp.linalg.matrix_power(A, T))
    last_power = xp.matrix_transpose(xp.linalg.matrix_power(A, short))
    many = T * max(1, _NUMBERS // (n * channels))
    for start in range(0, samples, every):
        stop = start + every - short
        for first in range(start, stop, many):
            part = _rows(u[first : min(first + many, stop), :], T) @ responses
            driven = xp.reshape(part, (-1, channels, n))
            for block in range(driven.shape[0]):
                x = x @ power + driven[block, ...]
        if short:
            x = x @ last_power + _rows(u[stop : stop + short, :], short) @ responses[T - short :, :]
        kept.append(x)
    return xp.stack(kept)


def _responses(A: Array, B: Array, T: int) -> Array:
    """Return the rows A^(T-1) B, ..., A B, B, shape (T, n)."""
    xp, columns = array_namespace(A), [B]
    for _ in range(T - 1):
        columns.append(A @ columns[-1])
    return xp.stack(columns[::-1])


def _rows(u: Array, T: int) -> Array:
    """Return the blocks of a signal stacked vertically, (blocks * channels, T)."""
    xp, channels = array_namespace(u), u.shape[1]
    return xp.reshape(xp.permute_dims(xp.reshape(u, (-1, T, channels)), (0, 2, 1)), (-1, T))


def _traced(A: Array, B: Array, u: Array, x: Array, every: int) -> Array:
    """Return the states under a trace, by the recurrence, whose program does not grow with the signal."""
    xp = array_namespace(u)
    turned = xp.matrix_transpose(A)

    def step(state: Array, sample: Array) -> tuple[Array, None]:
        return state @ turned + sample[:, None] * B, None

    def keep(state: Array, samples: Array) -> tuple[Array, Array]:
        state, _ = scan_loop(step, state, samples)
        return state, state

    return scan_loop(keep, x, xp.reshape(u, (-1, every, u.shape[1])))[1]


def _one_by_one(A: Array, B: Array, u: Array, x: Array, every: int) -> Array:
    xp, kept = array_namespace(u), []
    turned = xp.matrix_transpose(A)
    for k in range(u.shape[0]):
        x = x @ turned + u[k, :][:, None] * B
        if (k + 1) % every == 0:
            kept.append(x)
    return xp.stack(kept)
