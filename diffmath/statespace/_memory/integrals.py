r"""Integrals of step signals against the kernels of the measures, by parts.

With :math:`\bar K(x)` the integral of the kernels over all that is older than x,
:math:`c = \sum_x (u_{older} - u_{newer})\,\bar K(x)` over the joints x of the cells, the present and the
start of the signal among them (nothing is newer, nothing older: zero).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import numpy as np
import numpy.typing as npt
import scipy.optimize

from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.typing import Array
from diffmath.statespace._memory.basis import laguerre_scale
from diffmath.statespace._structure import Measure, jacobi, laguerre, legendre, legendre_scales, waves

__all__ = ["integrate"]

_BLOCK = 2**13  # knots whose functions stay in the cache
_GONE = 46.0  # e^-46 is 1e-20

Knots = npt.NDArray[np.float64]
Sequence = Callable[[Knots], Iterator[Array]]


def integrate(measure: Measure, u: Array, order: int, step: float) -> Array:
    """Return the coefficients (channels, order), orthonormal, of u (samples, channels) in cells of `step`."""
    if measure.name == "legs":
        return _symmetric(u, order)
    if measure.clock == "scaled":
        knots = np.arange(u.shape[0] + 1) / u.shape[0]
    else:
        reach = _reach(measure, order)
        last = min(u.shape[0], math.ceil(min(reach / step, 2.0**62)))
        u, knots = u[u.shape[0] - last :, :], np.minimum(np.arange(last, -1, -1) * step, reach)
    nothing = array_namespace(u).zeros_like(u[:1, :])
    jumps = _differences(array_namespace(u).concat([nothing, u, nothing]))
    older = _OLDER[measure.name]
    sums = _sums(knots, (jumps,), lambda x: older(x, u, *measure.parameters), order)
    return array_namespace(u).stack(sums, axis=-1)


def _reach(measure: Measure, order: int) -> float:
    """Return the age, in units of the measure, beyond which nothing is left: less than 1e-20 of what was."""
    if measure.name == "legt":
        return 1.0
    if measure.name == "lagt":
        return _laguerre_reach(order, measure.parameters[0])
    fading = _retention(measure.parameters[0])
    return 1.0 + (math.ceil(-_GONE / math.log(fading)) if fading else 0.0)


def _laguerre_reach(order: int, alpha: float) -> float:
    r"""Return the age at which the last of the Laguerre functions has fallen by e^-46.

    Beyond the turning point :math:`\nu = 4n + 2\alpha + 2` it falls like :math:`e^{-\varphi}` with
    :math:`2\varphi = \sqrt{x^2 - \nu x} - \nu\,\mathrm{arcosh}\sqrt{x/\nu}` [1]_, which is x at most.

    References
    ----------
    .. [1] NIST Digital Library of Mathematical Functions, section 18.15(iv).
    """
    turning = 4.0 * (order - 1) + 2.0 * alpha + 2.0

    def excess(x: float) -> float:
        return math.sqrt(x * (x - turning)) - turning * math.acosh(math.sqrt(x / turning)) - 2.0 * _GONE

    return float(scipy.optimize.brentq(excess, turning, 4.0 * turning + 4.0 * _GONE, xtol=1e-3))


def _symmetric(u: Array, order: int) -> Array:
    """Return the coefficients of LegS: Legendre polynomials are even or odd, half of the knots are enough."""
    knots, jumps = _fold(u)
    moments = _sums(knots, jumps, lambda x: legendre(asarray_like(x, u)), order + 1)
    moments = [float(s) * moment for s, moment in zip(legendre_scales(order + 1), moments, strict=True)]
    mean = u[-1, :] + 0.5 * (moments[0] + moments[1])
    # (P_{n+1} - P_{n-1}) / (2n+1) / 2 is the antiderivative of P_n(2s-1), which vanishes at both ends.
    rest = [(moments[n + 1] - moments[n - 1]) * (0.5 / math.sqrt(2 * n + 1)) for n in range(1, order)]
    return array_namespace(u).stack([mean, *rest], axis=-1)


def _fold(u: Array) -> tuple[Knots, tuple[Array, Array]]:
    """Return the inner knots x in [0, 1) of [-1, 1], and the jumps there plus, and minus, those at -x."""
    xp, samples = array_namespace(u), u.shape[0]
    jumps, pairs = _differences(u), (samples - 1) // 2
    left, right = xp.flip(jumps[:pairs, :], axis=0), jumps[samples - 1 - pairs :, :]
    middle = jumps[pairs : samples - 1 - pairs, :]  # the knot 0 of an even number of samples, or none
    knots = 2.0 * np.arange(samples - right.shape[0] - middle.shape[0], samples) / samples - 1.0
    return knots, (xp.concat([middle, right + left]), xp.concat([middle, right - left]))


def _differences(u: Array) -> Array:
    return u[:-1, :] - u[1:, :]


def _sums(knots: Knots, jumps: tuple[Array, ...], sequence: Sequence, number: int) -> list[Array]:
    """Return the sums over the knots of jumps (channels,) times the first functions of a sequence.

    Function n takes the jumps number n, in turn. An empty block serves a signal without knots.
    """
    sums: list[Array] = []
    for first in range(0, max(1, knots.shape[0]), _BLOCK):
        block = slice(first, min(first + _BLOCK, knots.shape[0]))
        part = [jump[block, :] for jump in jumps]
        values = enumerate(islice(sequence(knots[block]), number))
        block_sums = [value @ part[n % len(part)] for n, value in values]
        sums = [a + b for a, b in zip(sums, block_sums, strict=True)] if sums else block_sums
    return sums


def _legendre_older(x: Knots, like: Array) -> Iterator[Array]:
    """Yield the integrals of sqrt(2n+1) P_n(1-2s) from the age x to 1, in units of the window."""
    yield asarray_like(1.0 - x, like)
    polynomials = jacobi(asarray_like(1.0 - 2.0 * x, like), 0.0, 0.0)
    before, here = next(polynomials), next(polynomials)
    for n, after in enumerate(polynomials, start=1):
        yield (0.5 / math.sqrt(2.0 * n + 1.0)) * (after - before)
        before, here = here, after


def _jacobi_older(s: Knots, like: Array, beta: float) -> Iterator[Array]:
    r"""Yield the integrals of :math:`\sqrt{2n+\beta+1} P_n^{(0,\beta)}(2s-1) s^\beta` from 0 to s."""
    power = asarray_like(s ** (beta + 1.0), like)
    yield power / math.sqrt(beta + 1.0)
    vanishing, x = power * asarray_like(1.0 - s, like), asarray_like(2.0 * s - 1.0, like)
    for n, value in enumerate(jacobi(x, 1.0, beta + 1.0, vanishing), start=1):
        yield (-math.sqrt(2.0 * n + beta + 1.0) / n) * value


def _laguerre_older(x: Knots, like: Array, alpha: float, beta: float) -> Iterator[Array]:
    """Yield the integrals of the kernels from the age x on, -A^-1 K(x): a sweep over the rows of A."""
    scale, diagonal = laguerre_scale(alpha, beta), 0.5 * (1.0 + beta)
    growth, total = 1.0, 0.0
    for n, kernel in enumerate(laguerre(asarray_like(x, like), alpha, 1.0 + beta), start=1):
        older = (scale / diagonal) * kernel - (1.0 / (growth * diagonal)) * total
        yield older
        total = total + growth * older
        growth *= math.sqrt((n + alpha) / n)


def _waves_older(x: Knots, like: Array, kappa: float) -> Iterator[Array]:
    """Yield the integrals of the faded waves from the age x on, in units of the window."""
    fading, windows = _retention(kappa), np.floor(x)
    weight = fading**windows
    yield asarray_like(weight * (1.0 - (1.0 - fading) * (x - windows)), like)
    weight = asarray_like((1.0 - fading) * weight, like)
    for n, (cosine, sine) in enumerate(waves(x, like), start=1):
        root = weight * (-1.0 / (math.sqrt(2.0) * math.pi * n))
        yield root * sine
        yield root * (1.0 - cosine)


def _retention(kappa: float) -> float:
    """Return what a Fourier window keeps of the window before it."""
    return (2.0 - kappa) / (2.0 + kappa)


def _waves_before(s: Knots, like: Array) -> Iterator[Array]:
    """Yield the integrals of the waves of the whole history from 0 to s."""
    yield asarray_like(s, like)
    for n, (cosine, sine) in enumerate(waves(s, like), start=1):
        scale = 1.0 / (math.sqrt(2.0) * math.pi * n)
        yield scale * sine
        yield scale * (1.0 - cosine)


_OLDER: Mapping[str, Callable[..., Iterator[Array]]] = {
    "jacs": _jacobi_older,
    "legt": _legendre_older,
    "lagt": _laguerre_older,
    "fout": _waves_older,
    "foud": _waves_older,
    "fous": _waves_before,
}
