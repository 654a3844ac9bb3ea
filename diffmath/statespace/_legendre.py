"""Legendre series of a history: the exact projection of a sampled signal, and the way back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays import array_namespace, asarray_like, check_array
from diffmath._typing import Array
from diffmath.statespace._signal import as_channels, from_channels, quiet, refuse_overflow
from diffmath.statespace._statespace import StateSpace, require_legs

__all__ = ["project", "reconstruct"]

_BLOCK = 2**13  # knots whose polynomials stay in the cache


def project(system: StateSpace, u: Array) -> Array:
    r"""Return the exact Legendre coefficients of a sampled history.

    .. math:: c_n = \int_0^1 u(s) \sqrt{2n+1}\,P_n(2s-1)\,ds, \qquad u(s) = u_k \text{ on } [k, k+1)/L

    Parameters
    ----------
    system : StateSpace
        LegS system; only its order counts.
    u : array, shape (samples,), (samples, channels) or (batch, samples, channels)
        Samples; u_k is the signal on the whole cell ``[k, k + 1) / samples``.

    Returns
    -------
    array, shape (order,), (channels, order) or (batch, channels, order)
        Coefficients after the last sample, in the dtype and on the device of `u`.

    Raises
    ------
    TypeError
        Not a StateSpace or not an array.
    ValueError
        Not a continuous LegS system, no sample, a value not finite.
    SolveError
        The coefficients overflow.

    Notes
    -----
    No discretisation error: this is what `memorize` approximates, and what the exact exponential of LegS
    gives. The integral is summed by parts, :math:`c_n = u_{L-1}\delta_{n0} - \sum_k (u_k - u_{k-1})
    Q_n(k/L)` with Q the antiderivative of the basis, so that smooth signals lose nothing to cancellation.
    Polynomials are even or odd, and so needed on half of the samples: about 2 order vector operations over
    samples / 2 numbers, in blocks; memory for a few copies of `u`.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       appendix D.3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> ss.project(ss.legs(2), np.array([0.0, 1.0])).round(4)
    array([0.5  , 0.433])
    """
    require_legs(system, "project")
    channels = as_channels(u)
    with quiet():
        coefficients = _project(channels, system.order)[None, ...]
    coefficients = refuse_overflow("the projection", coefficients, "scale u down")
    return from_channels(coefficients[0, ...], u, axis=0)


def _project(channels: Array, order: int) -> Array:
    """Return the coefficients (channels, order) of a signal (samples, channels)."""
    xp = array_namespace(channels)
    moments: list[Array] = []  # of the jumps: sum_k (u_k - u_{k-1}) P_n(x_k) for n = 0, ..., order
    x, even, odd = _fold(channels)
    # Blocks stay in the cache; an empty one serves a signal of one sample, which has no jump.
    for first in range(0, max(1, x.shape[0]), _BLOCK):
        block = slice(first, min(first + _BLOCK, x.shape[0]))
        folded = even[block, :], odd[block, :]
        legendre = enumerate(islice(_legendre(x[block]), order + 1))
        sums = [scale * (p @ folded[n % 2]) for n, (scale, p) in legendre]
        moments = [a + b for a, b in zip(moments, sums, strict=True)] if moments else sums
    mean = channels[-1, :] - 0.5 * (moments[0] + moments[1])
    # (P_{n+1} - P_{n-1}) / (2n+1) / 2 is the antiderivative of P_n(2s-1), which vanishes at both ends.
    rest = [(moments[n - 1] - moments[n + 1]) * (0.5 / math.sqrt(2 * n + 1)) for n in range(1, order)]
    return xp.stack([mean, *rest], axis=-1)


def _fold(channels: Array) -> tuple[Array, Array, Array]:
    """Return the knots x in [0, 1) and the jumps there plus, and minus, those at -x: P_n is even or odd."""
    xp, samples = array_namespace(channels), channels.shape[0]
    jumps, pairs = channels[1:, :] - channels[:-1, :], (samples - 1) // 2
    left, right = xp.flip(jumps[:pairs, :], axis=0), jumps[samples - 1 - pairs :, :]
    middle = jumps[pairs : samples - 1 - pairs, :]  # the knot 0 of an even number of samples, or none
    knots = 2.0 * np.arange(samples - right.shape[0] - middle.shape[0], samples) / samples - 1.0
    return asarray_like(knots, channels), xp.concat([middle, right + left]), xp.concat([middle, right - left])


def reconstruct(system: StateSpace, c: Array, t: Any) -> Array:
    r"""Evaluate a remembered history.

    .. math:: \hat u(t) = \sum_n c_n \sqrt{2n+1}\,P_n(2t-1)

    Parameters
    ----------
    system : StateSpace
        LegS system of n states.
    c : array, shape (..., n)
        Coefficients, as `memorize` and `project` return them.
    t : array, shape (times,)
        Fractions of the elapsed history in [0, 1]: 0 is its beginning, 1 is now. Host numbers, or an array
        of the library and on the device of `c`.

    Returns
    -------
    array, shape (..., times)
        Values, in the dtype and on the device of `c`.

    Raises
    ------
    TypeError
        Not a StateSpace or not an array, or `t` on another device than `c`.
    ValueError
        Not a continuous LegS system, shapes that do not fit, `t` outside [0, 1], a value not finite.
    SolveError
        The values overflow.

    Notes
    -----
    Half-sample convention: sample u_k of L is the signal on the cell ``[k, k + 1) / L``, so compare it with
    the value at the midpoint ``(k + 0.5) / L``. Reading at ``k / L`` shifts the signal by half a sample and
    hides the accuracy of the memory behind that shift. O(n times) for the polynomials by their three-term
    recurrence, stable on [0, 1], and one matrix product.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       appendix D.3.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> midpoints = (np.arange(100) + 0.5) / 100
    >>> c = ss.project(ss.legs(3), 1.0 + midpoints**2)
    >>> ss.reconstruct(ss.legs(3), c, [0.0, 0.5, 1.0]).round(3)
    array([1.  , 1.25, 2.  ])
    """
    require_legs(system, "reconstruct")
    c = check_array("c", c)
    if not c.ndim or c.shape[-1] != system.order:
        raise ValueError(f"c must have shape (..., {system.order}) to fit the system; got {tuple(c.shape)}")
    xp = array_namespace(c)
    x = 2.0 * _fractions(t, c) - 1.0
    legendre = enumerate(islice(_legendre(x), system.order))
    basis = [(math.sqrt(2 * n + 1) * scale) * p for n, (scale, p) in legendre]
    with quiet():
        values = (c @ xp.stack(basis))[None, ...]
    return refuse_overflow("the reconstruction", values, "scale c down")[0, ...]


def _fractions(t: Any, c: Array) -> Array:
    if not compat.is_array_api_obj(t) or compat.is_numpy_array(t):
        t = np.array(t)
        host = check_array("t", t, ndim=1)
        _refuse_outside(host)
        return asarray_like(host, c)
    xp = array_namespace(c, t, names=["c", "t"])
    t = check_array("t", t, ndim=1)
    _refuse_outside(t)
    return xp.astype(t, c.dtype, copy=False)


def _refuse_outside(t: Array) -> None:
    xp = array_namespace(t)
    inside = (t >= 0.0) & (t <= 1.0)
    if not bool(xp.all(inside)):
        i = int(xp.argmin(xp.astype(inside, xp.int8)))
        raise ValueError(f"t must lie in [0, 1], fractions of the history; t[{i}] is {float(t[i])}")


def _legendre(x: Array) -> Iterator[tuple[float, Array]]:
    r"""Yield P_0(x), P_1(x), ... without end, each as a number and an array to be multiplied.

    .. math:: P_n = s_n p_n, \quad s_n = \frac{1}{4^n} \binom{2n}{n}, \qquad
        p_{n+1} = 2 x p_n - \frac{4n^2}{4n^2-1}\,p_{n-1}

    The three-term recurrence with two products in place of three, and p_n of the size of :math:`\sqrt{n}`.
    """
    scale, before, p = 1.0, array_namespace(x).zeros_like(x), array_namespace(x).ones_like(x)
    twice_x = 2.0 * x
    for n in count():
        yield scale, p
        before, p = p, twice_x * p - (4.0 * n * n / (4.0 * n * n - 1.0)) * before
        scale *= (n + 0.5) / (n + 1.0)
