"""Polynomials and waves, order by order, by recurrences that are stable on the given intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count

import numpy as np
import numpy.typing as npt

from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._arrays.tracing import is_traced
from diffmath._core.typing import Array

__all__ = ["jacobi", "laguerre", "legendre", "legendre_scales", "waves"]

_TALL = 30.0  # exponents that float32 represents, even doubled, without underflow


def legendre(x: Array) -> Iterator[Array]:
    r"""Yield p_0(x), p_1(x), ... without end: the Legendre polynomials divided by `legendre_scales`.

    .. math:: P_n = s_n p_n, \quad s_n = \frac{1}{4^n} \binom{2n}{n}, \qquad
        p_{n+1} = 2 x p_n - \frac{4n^2}{4n^2-1}\,p_{n-1}

    This scaling saves one of three products of the recurrence; p_n grows like :math:`\sqrt{n}`.
    """
    before, p = array_namespace(x).zeros_like(x), array_namespace(x).ones_like(x)
    twice_x = 2.0 * x
    for n in count():
        yield p
        before, p = p, twice_x * p - (4.0 * n * n / (4.0 * n * n - 1.0)) * before


def legendre_scales(number: int) -> npt.NDArray[np.float64]:
    """Return s_0, s_1, ... of `legendre`."""
    n = np.arange(number - 1, dtype=np.float64)
    scales: npt.NDArray[np.float64] = np.concatenate([[1.0], np.cumprod((n + 0.5) / (n + 1.0))])
    return scales


def jacobi(x: Array, a: float, b: float, weight: Array | None = None) -> Iterator[Array]:
    r"""Yield :math:`P_0^{(a,b)}(x), P_1^{(a,b)}(x), \ldots` without end, for x in [-1, 1].

    A `weight` multiplies every polynomial, from the start, so that none overflows where the weight is 0.
    """
    xp = array_namespace(x)
    before, p = xp.zeros_like(x), xp.ones_like(x) if weight is None else weight
    for n in count():
        yield p
        m = 2.0 * n + a + b
        if n == 0:  # the general coefficients may be 0 / 0 here
            before, p = p, (0.5 * ((a - b) + (a + b + 2.0) * x)) * p
            continue
        below = 2.0 * (n + 1.0) * (n + 1.0 + a + b) * m
        slope, shift = (m + 1.0) * (m + 2.0) * m / below, (m + 1.0) * (a * a - b * b) / below
        before, p = p, (slope * x + shift) * p - (2.0 * (n + a) * (n + b) * (m + 2.0) / below) * before


def laguerre(s: Array, alpha: float, rate: float) -> Iterator[Array]:
    r"""Yield the orthonormal Laguerre polynomials of s >= 0, times an exponential, without end.

    .. math:: l_n(s) = \sqrt{\frac{n!}{\Gamma(n+\alpha+1)}}\,L_n^{(\alpha)}(s)\,e^{-rate\,s/2}

    The recurrence starts with as much of the exponential as does not underflow, and multiplies by the rest
    while the polynomials grow. Neither overflows where their product is of the order of 1, which is up to the
    age of about 4n for a rate of 1.
    """
    xp = array_namespace(s)
    exponent = (0.5 * rate) * s
    owed = xp.where(exponent > _TALL, exponent - _TALL, xp.zeros_like(s))
    before, value = xp.zeros_like(s), xp.exp(owed - exponent) / math.sqrt(math.gamma(1.0 + alpha))
    tall = is_traced(owed) or bool(xp.any(owed > 0.0))
    for n in count():
        yield value * xp.exp(-owed) if tall else value
        below = 1.0 / math.sqrt((n + 1.0) * (n + 1.0 + alpha))
        stepped = ((2.0 * n + 1.0 + alpha) * below - below * s) * value
        before, value = value, stepped - (math.sqrt(n * (n + alpha)) * below) * before
        if tall:
            size = xp.log(xp.where(xp.abs(value) > 1.0, xp.abs(value), xp.ones_like(s)))
            paid = xp.where(size < owed, size, owed)
            owed, shrink = owed - paid, xp.exp(-paid)
            before, value = before * shrink, value * shrink


def waves(turns: Array, like: Array | None = None) -> Iterator[tuple[Array, Array]]:
    """Yield the cosine and sine of n `turns` for n = 1, 2, ... without end; on the device of `like`."""
    xp = array_namespace(turns)
    angle = (2.0 * math.pi) * (turns - xp.floor(turns))
    cosine, sine = xp.cos(angle), xp.sin(angle)
    if like is not None:
        cosine, sine = asarray_like(cosine, like), asarray_like(sine, like)
    c, s = cosine, sine
    while True:
        yield c, s
        c, s = c * cosine - s * sine, s * cosine + c * sine
