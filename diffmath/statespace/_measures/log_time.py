r"""Scaled memories: steps of :math:`\ln t`, in which their systems do not depend on time.

States are saved after every `every` samples, of which `ahead` came before the first sample here.
"""

from __future__ import annotations

import math

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from diffmath._arrays.accelerate import accelerated
from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._arrays.tracing import is_tracing, refuse_traced, scan_loop
from diffmath._core.typing import Array
from diffmath.statespace._discretize import Discretization
from diffmath.statespace._recurrence import recurrence
from diffmath.statespace._structure import Matrices
from diffmath.statespace._system import StateSpace

__all__ = ["check_discrete", "log_time_bilinear", "log_time_dense", "log_time_modes", "log_time_steps"]

_BLOCK = 8  # samples in a block of the array code, in units of the order
_NUMBERS = 2**13  # number of mode states in memory at once


def log_time_steps(first: int, samples: int) -> npt.NDArray[np.float64]:
    """Return ln((k+1)/k) for `samples` values of k from `first` on."""
    return np.log1p(1.0 / np.arange(first, first + samples))


@accelerated
def log_time_bilinear(u: Array, c: Array, beta: float, heard: int, every: int, ahead: int) -> Array:
    r"""Return the saved states (rows, channels, order) of JacS by bilinear steps in logarithmic time.

    The lower triangle of A turns the implicit step into one sweep over the rows, with :math:`a = h_k/2`:

    .. math:: c_n \leftarrow \frac{(1 - a(n+\beta+1))\,c_n + 2 a r_n e_n}{1 + a(n+\beta+1)}, \qquad
        e_{n+1} = \frac{(1 - a n)\,e_n - r_n c_n}{1 + a(n+\beta+1)}, \qquad e_0 = u_k, \quad
        r_n = \sqrt{2n+\beta+1}

    where e_n is the remainder of the sample after the first n polynomials, :math:`u_k - \sum_{j<n} r_j m_j`,
    and m the mean of c before and after. The samples are processed in blocks, so that unsaved states can be
    freed.
    """
    xp, (samples, channels), order = array_namespace(u), u.shape, c.shape[1]
    none = xp.zeros((0, channels, order), dtype=u.dtype, device=compat.device(u))
    kept = [c[None, ...] if ahead and every == 1 else none]
    # So long that the first and last turns, with idle rows, are few among the others; one block under a
    # trace.
    block = max(1, samples) if is_tracing(u, c) else _BLOCK * order
    for first in range(0, samples, block):
        states = _sweep_block(c, u[first : min(first + block, samples), :], beta, heard + first)
        c, next_kept = states[-1, ...], -(ahead + first + 1) % every
        if next_kept < states.shape[0]:
            kept.append(states[next_kept::every, ...])
    return xp.concat(kept)


def _sweep_block(c: Array, u: Array, beta: float, heard: int) -> Array:
    """Return the states (samples, channels, order) after c, with `heard` samples before it.

    Row n of sample k needs only row n - 1 of sample k and row n of sample k - 1: all rows are computed at
    once, row n of sample i in turn i + n.
    """
    xp, (samples, channels), order = array_namespace(u), u.shape, c.shape[1]
    n = asarray_like(np.arange(order, dtype=np.float64), u)
    d, r = n + (1.0 + beta), xp.sqrt(2.0 * n + (1.0 + beta))
    turns = samples + order - 1
    idle = xp.zeros((order - 1, channels), dtype=u.dtype, device=compat.device(u))
    arriving = xp.concat([u, idle])

    def turn(rows: tuple[Array, Array], inputs: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
        (c, e), (sample, a) = rows, inputs
        e = xp.concat([sample[:, None], e[:, :-1]], axis=1)
        scale = 1.0 / (1.0 + a * d)
        c, e = scale * ((1.0 - a * d) * c + 2.0 * a * r * e), scale * ((1.0 - a * n) * e - r * c)
        return (c, e), c

    half_steps, rows, found = _half_steps(order, samples, heard), (c, xp.zeros_like(c)), []
    if is_tracing(u, c):
        windows = np.lib.stride_tricks.sliding_window_view(half_steps, order)[::-1]
        by_turn = scan_loop(turn, rows, (arriving, asarray_like(windows, u)))[1]
    else:
        half_steps = asarray_like(half_steps, u)
        for k in range(turns):
            a = half_steps[turns - 1 - k : turns - 1 - k + order]
            rows, kept = turn(rows, (arriving[k, :], a))
            found.append(kept)
        by_turn = xp.stack(found)
    return xp.stack([by_turn[row : row + samples, :, row] for row in range(order)], axis=-1)


def _half_steps(order: int, samples: int, heard: int) -> npt.NDArray[np.float64]:
    """Return h_k / 2 from the last sample to the first, padded with zeros, the steps of idle rows."""
    idle = np.zeros(order - 1)
    return np.concatenate([idle, 0.5 * log_time_steps(heard, samples)[::-1], idle])


def log_time_modes(matrices: Matrices, u: Array, c: Array, heard: int, every: int, ahead: int) -> Array:
    """Return the saved states (rows, channels, order) of FouS by bilinear steps in logarithmic time.

    Its eigenvectors are well conditioned (2.5 at order 9, 8 at 129), and its modes are uncoupled: a
    recurrence of n numbers, and one product for each saved state.
    """
    xp, order, channels = array_namespace(u), c.shape[1], u.shape[1]
    if not channels:
        rows = (ahead + u.shape[0]) // every
        return xp.zeros((rows, 0, order), dtype=u.dtype, device=compat.device(u))
    A, B = matrices
    rates, vectors = np.linalg.eig(A)
    upper = np.imag(rates) >= 0.0
    weight = np.where(np.imag(rates) > 0.0, 2.0, 1.0)[upper]  # a wave also represents its conjugate
    inverse = np.linalg.inv(vectors)[upper, :]
    rates, drive = rates[upper], inverse @ B
    wide = xp.complex64 if u.dtype == xp.float32 else xp.complex128
    read = asarray_like((vectors[:, upper] * weight).T, u, wide)
    z = xp.reshape(xp.astype(c, wide) @ asarray_like(inverse.T, u, wide), (-1,))
    kept = [c[None, ...]] if ahead and every == 1 else []
    block = max(1, u.shape[0] if is_tracing(u, c) else _NUMBERS // (channels * rates.size))
    for first in range(0, u.shape[0], block):
        part = u[first : min(first + block, u.shape[0]), :]
        a = 0.5 * log_time_steps(heard + first, part.shape[0])[:, None]
        below = 1.0 - a * rates
        factors, gains = (asarray_like(v / below, u, wide) for v in (1.0 + a * rates, 2.0 * a * drive))
        stays = xp.broadcast_to(factors[:, None, :], (part.shape[0], channels, rates.size))
        b = xp.astype(part, wide)[:, :, None] * gains[:, None, :]
        flat = (part.shape[0], channels * rates.size)
        states = recurrence(xp.reshape(stays, flat), xp.reshape(b, flat), z)
        z, next_kept = states[-1, :], -(ahead + first + 1) % every
        if next_kept < part.shape[0]:
            chosen = xp.reshape(states[next_kept::every, :], (-1, channels, rates.size))
            kept.append(xp.real(chosen @ read))
    return xp.concat(kept)


def log_time_dense(
    system: StateSpace, u: Array, c: Array, method: Discretization, heard: int, every: int, ahead: int
) -> Array:
    """Return the saved states (rows, channels, order) by dense steps of any method: the definition."""
    why = "this method forms a matrix for every sample of a scaled measure"
    refuse_traced("u", why, "use method=statespace.bilinear, or call memorize outside", u, c, system.A)
    xp = array_namespace(u)
    kept = [c] if ahead and every == 1 else []
    for k in range(u.shape[0]):
        step = check_discrete(method(system, math.log1p(1.0 / (heard + k))), system.order)
        c = c @ xp.matrix_transpose(step.A) + u[k, :][:, None] * step.B
        if (ahead + k + 1) % every == 0:
            kept.append(c)
    return xp.stack(kept)


def check_discrete(step: object, order: int) -> StateSpace:
    """Return the result of a discretization, or refuse it."""
    if not isinstance(step, StateSpace) or step.dt is None or step.order != order:
        raise TypeError(f"method must return a discrete StateSpace of order {order}; got {step!r}")
    return step
