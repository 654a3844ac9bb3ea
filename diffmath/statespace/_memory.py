"""Online memory: the Legendre coefficients of everything heard so far, updated at every sample."""

from __future__ import annotations

import math

import array_api_compat as compat
import numpy as np

from diffmath._accelerate import accelerated
from diffmath._arrays import array_namespace, asarray_like
from diffmath._counts import check_count
from diffmath._typing import Array
from diffmath.statespace._discretize import Discretization, bilinear
from diffmath.statespace._signal import as_channels, from_channels, quiet, refuse_overflow
from diffmath.statespace._statespace import StateSpace, follow, require_legs

__all__ = ["log_time_bilinear", "memorize"]

_BLOCK = 8  # samples that the array code holds at once, in units of the order


def memorize(system: StateSpace, u: Array, method: Discretization = bilinear, *, every: int = 1) -> Array:
    r"""Remember a signal while it arrives: the Legendre coefficients of its history after every sample.

    .. math:: \frac{dc}{d\tau} = A c + B u, \quad \tau = \ln t:
        \qquad c_0 = e_0 u_0, \quad c_k = \bar A(h_k)\,c_{k-1} + \bar B(h_k)\,u_k,
        \quad h_k = \ln\frac{k+1}{k}

    Parameters
    ----------
    system : StateSpace
        Continuous LegS system of n states.
    u : array, shape (samples,), (samples, channels) or (batch, samples, channels)
        Samples; u_k is the signal on the cell from k to k + 1, whatever the length of a cell. The number of
        axes tells the forms apart: one run of one channel, ``u[None, :, None]`` if it must have all three.
    method : callable
        Discretization ``method(system, h)``, for instance `bilinear`.
    every : int
        Keep the coefficients after every so many samples: 1 keeps all, the number of samples the last only.

    Returns
    -------
    array, shape (rows, n), (rows, channels, n) or (batch, rows, channels, n)
        Row i of ``rows = samples // every`` holds the coefficients after ``(i + 1) * every`` samples, in the
        dtype and on the device of `u`.

    Raises
    ------
    TypeError
        Not a StateSpace or not an array, a `method` that is none, an `every` that is no integer, or a system
        on another device than `u`.
    ValueError
        Not a continuous LegS system, no sample, a value not finite, `every` below 1 or beyond the samples.
    SolveError
        The coefficients overflow. The rows before are attached, a batch as further channels.

    Notes
    -----
    LegS, :math:`t\,c' = A c + B u`, does not depend on time once the clock is :math:`\ln t`, and sample k
    lasts from :math:`\ln k` to :math:`\ln(k+1)`. Stepping by this h_k, rather than by 1/k as published [1]_,
    costs the same and cuts the error by an order of magnitude and more. The start is exact: a constant
    history has one coefficient. Nothing depends on the duration of a sample.

    Sampling one signal L times, `bilinear` ends within O(L^-2) of the exact coefficients, `project`, if the
    signal starts level, and within O(L^-2 log L) if it starts with a slope: the early steps, long in
    :math:`\ln t`, all add alike. Its step is O(n) per channel: in compiled lanes over samples or channels, on
    as many threads as numba is set to, where numba is installed; elsewhere in turns over all rows at once, of
    which a block of B samples takes B + n. Any other method takes dense steps, typically O(n^3) each.

    Beside `u` and the rows kept, memory does not grow with the number of samples, but for one number each.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       theorem 2 and appendix B.3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> c = ss.memorize(ss.legs(4), np.ones(100), ss.bilinear)
    >>> c.shape
    (100, 4)
    >>> bool(abs(c[-1] - [1, 0, 0, 0]).max() < 1e-14)
    True
    >>> ss.memorize(ss.legs(4), np.ones((100, 2)), every=25).shape  # after 25, 50, 75 and 100 samples
    (4, 2, 4)
    """
    require_legs(system, "memorize")
    if not callable(method):
        raise TypeError(
            f"method must be a discretization, such as statespace.bilinear; got {type(method).__name__}"
        )
    channels = as_channels(u)
    every = _check_every(every, channels.shape[0])
    with quiet():
        if method is bilinear:
            follow(system, channels, "u")  # refuses a system on another device
            states = log_time_bilinear(channels, system.order, every)
        else:
            states = _log_time(follow(system, channels, "u"), channels, method, every)
    return from_channels(refuse_overflow("the memory", states, "scale u down", every=every), u)


def _check_every(every: int, samples: int) -> int:
    every = check_count("every", every)
    if every > samples:
        raise ValueError(f"every must be at most the number of samples, {samples}; got {every}")
    return every


def _log_time(system: StateSpace, u: Array, method: Discretization, every: int) -> Array:
    """Return the states kept (rows, channels, order) by dense steps of any method: the definition."""
    xp = array_namespace(u)
    c = _first_state(u, system.order)
    kept = [c] if every == 1 else []
    for k in range(1, u.shape[0]):
        step = method(system, math.log1p(1.0 / k))
        if not isinstance(step, StateSpace) or step.dt is None or step.order != system.order:
            raise TypeError(f"method must return a discrete StateSpace of order {system.order}; got {step!r}")
        c = c @ xp.matrix_transpose(step.A) + u[k, :][:, None] * step.B
        if (k + 1) % every == 0:
            kept.append(c)
    return xp.stack(kept)


@accelerated
def log_time_bilinear(u: Array, order: int, every: int) -> Array:
    r"""Return the states kept (rows, channels, order) of LegS by bilinear steps in logarithmic time.

    The lower triangle of A turns the implicit step into one sweep over the rows, with :math:`a = h_k/2`:

    .. math:: c_n \leftarrow \frac{(1 - a(n+1))\,c_n + 2 a r_n e_n}{1 + a(n+1)}, \qquad
        e_{n+1} = \frac{(1 - a n)\,e_n - r_n c_n}{1 + a(n+1)}, \qquad e_0 = u_k, \quad r_n = \sqrt{2n+1}

    where e_n is what the first n polynomials leave of the sample, :math:`u_k - \sum_{j<n} r_j m_j`, and m the
    mean of c before and after. The samples go in blocks, so that what is not kept can be forgotten.
    """
    xp, samples = array_namespace(u), u.shape[0]
    c = _first_state(u, order)
    kept = [c[None, ...]] if every == 1 else []
    block = _BLOCK * order  # so long that its first and last turns, with idle rows, are few among the others
    for first in range(1, samples, block):
        states = _sweep_block(c, u[first : min(first + block, samples), :], first)
        c, next_kept = states[-1, ...], -(first + 1) % every
        if next_kept < states.shape[0]:
            kept.append(states[next_kept::every, ...])
    return xp.concat(kept)


def _sweep_block(c: Array, u: Array, first: int) -> Array:
    """Return the states (samples, channels, order) after c, where u holds the samples from `first` on.

    Row n of sample k needs only row n - 1 of sample k and row n of sample k - 1: all rows work at once, row n
    at the sample that comes i-th here in turn i + n.
    """
    xp, (samples, channels), order = array_namespace(u), u.shape, c.shape[1]
    n = asarray_like(np.arange(order, dtype=np.float64), u)
    r = xp.sqrt(2.0 * n + 1.0)
    turns, half_steps = samples + order - 1, _half_steps(u, order, first)
    idle = xp.zeros((order - 1, channels), dtype=u.dtype, device=compat.device(u))
    arriving = xp.concat([u, idle])
    e, states = xp.zeros_like(c), []
    for turn in range(turns):
        e = xp.concat([arriving[turn, :][:, None], e[:, :-1]], axis=1)
        a = half_steps[turns - 1 - turn : turns - 1 - turn + order]
        scale = 1.0 / (1.0 + a * (n + 1.0))
        c, e = scale * ((1.0 - a * (n + 1.0)) * c + 2.0 * a * r * e), scale * ((1.0 - a * n) * e - r * c)
        states.append(c)
    by_turn = xp.stack(states)
    return xp.stack([by_turn[row : row + samples, :, row] for row in range(order)], axis=-1)


def _first_state(u: Array, order: int) -> Array:
    """Return the exact coefficients (channels, order) of the first sample, which is a constant history."""
    xp = array_namespace(u)
    rest = xp.zeros((u.shape[1], order - 1), dtype=u.dtype, device=compat.device(u))
    return xp.concat([u[0, :][:, None], rest], axis=1)


def _half_steps(u: Array, order: int, first: int) -> Array:
    """Return h_k / 2 from the last sample to the first, between zeros: the steps of idle rows."""
    idle = np.zeros(order - 1)
    half = 0.5 * np.log1p(1.0 / np.arange(first, first + u.shape[0]))
    return asarray_like(np.concatenate([idle, half[::-1], idle]), u)
