r"""Why a row could not go on: its solution blows up, or f is stiff there, or too rough for any step.

A solution that blows up like :math:`(T - t)^{-\alpha}` grows on the time scale
:math:`|x| / |x'| = (T - t) / \alpha`, which vanishes with the time left. At a jump or at a root of x', where
steps shrink as well, it does not.

Source: Sommeijer, Shampine & Verwer (1998), J. Comput. Appl. Math. 88, 315-326, for the nonlinear power
method.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from diffmath._arrays.namespace import array_namespace, asarray_like, expand_like, real_dtype, to_numpy
from diffmath._core.typing import Array, Drift, Time
from diffmath._stepping.clocks import Mask, Rows

__all__ = ["Spectrum", "blows_up", "roughness", "spectrum", "steps_left"]

# Share of the time passed, and units in the last place of t, below which a time scale counts as none.
_SHARE, _GRAINS = 1e-8, 1e4

# h |lambda| that no explicit method survives: beyond it, f is not smooth on the scale of a step.
_ROUGH = 1e3

# An explicit method held back by stability has h |lambda| of its stability interval, 2 to 7; steps vary
# around that. Fewer steps than `_FEW` to the end are no complaint.
_STIFF, _FEW = (1.0, 100.0), 100.0

# Two vectors of length 1 are one if the square of the sine of their angle is below this many roundings: the
# products are differences, and know half of the digits.
_PARALLEL = 1e4

# Steps are steady if the next has this share of their mean, and this share of the trials was accepted. Steps
# that are still this many times longer than their mean grow. An estimate of those to come is a bit too high.
_STEADY, _ACCEPTED, _GROWING, _MARGIN = 0.2, 0.6, 10.0, 1.1


def blows_up(x0: Array, x: Array, slope: Array, t: Rows, start: float, direction: float, atol: float) -> Mask:
    """Return which rows are about to become infinite: twice as large as at the start, in no time.

    What counts is the largest component of a row, which must grow.
    """
    shape = (x.shape[0], math.prod(x.shape[1:]))
    if not shape[1]:
        return np.zeros(shape[0], dtype=bool)
    before, now, slopes = (to_numpy(array).reshape(shape) for array in (x0, x, slope))
    largest = (np.arange(shape[0]), np.abs(now).argmax(axis=1))
    size, change = np.abs(now[largest]).astype(float), slopes[largest]
    unit = now[largest] / np.where(size > 0, size, 1.0)
    growth = direction * (np.conj(unit) * change).real.astype(float)
    grown = size >= 2 * np.maximum(np.abs(before).max(axis=1), atol)
    soon = np.maximum(_SHARE * np.abs(t - start), _GRAINS * np.spacing(np.abs(t)))
    return np.asarray(grown & (growth > 0) & (size <= soon * growth))


class Spectrum(NamedTuple):
    """Largest eigenvalue of the Jacobian: its modulus and its real part."""

    radius: float
    real: float


def spectrum(f: Drift, t: Time, x: Array, rows: Mask, atol: float) -> Spectrum:
    """Estimate the largest eigenvalue of the Jacobian of f in some rows, by ten evaluations.

    The power method with differences of f for products. Its last three vectors satisfy the characteristic
    equation of a dominant pair of eigenvalues: exact for a real one and for a complex pair, which a quotient
    of two vectors would get wrong (an oscillation would look damped).
    """
    xp = array_namespace(x)
    chosen = expand_like(asarray_like(rows, x, xp.bool), x)
    base = f(t, x)
    vector = xp.where(chosen, base, 0.0 * x)
    if not _norm(vector) > 0:
        vector = xp.where(chosen, 1.0 + 0.0 * x, 0.0 * x)
    reach = math.sqrt(float(xp.finfo(real_dtype(x)).eps)) * max(_norm(xp.where(chosen, x, 0.0 * x)), atol)
    found, before = complex(math.nan), None
    for _ in range(9):
        size = _norm(vector)
        if not (math.isfinite(size) and size > 0 and reach > 0):
            break
        vector = vector / size
        image = xp.where(chosen, (f(t, x + reach * vector) - base) / reach, 0.0 * x)
        found = _dominant(before, vector, image, size)
        before, vector = vector, image
    return Spectrum(abs(found), found.real)


def _dominant(before: Array | None, vector: Array, image: Array, growth: float) -> complex:
    """Return the eigenvalue of J with J vector = image and J before = growth vector, both of length 1.

    Least squares for the s and m of J vector = s vector + m before give lambda^2 = s lambda + m growth.
    """
    quotient = _inner(vector, image)
    overlap = 1.0 if before is None else _inner(vector, before)
    distinct = 1.0 - abs(overlap) ** 2
    if before is None or not distinct > _PARALLEL * float(array_namespace(image).finfo(image.dtype).eps):
        return quotient
    other = _inner(before, image)
    s = (quotient - overlap * other) / distinct
    m = (other - overlap.conjugate() * quotient) / distinct
    if not np.isfinite([s, m]).all():
        return complex(math.nan)
    roots = np.roots([1.0, -s, -m * growth])
    largest = roots[np.abs(roots) >= 0.99 * np.abs(roots).max()]
    return complex(largest[np.argmax(largest.real)])  # of a pair of both signs, the one that grows


def _inner(x: Array, y: Array) -> complex:
    xp = array_namespace(x)
    return complex(xp.sum(xp.conj(x) * y) if _complex(x) else xp.sum(x * y))


def steps_left(done: float, remaining: float, step: float, trials: int, accepted: int) -> int:
    """Return about how many more trial steps the rest takes, if steps are steady; 0 if they are not.

    They are not where the next is much shorter than those before, or where many were rejected: something
    ahead may stop them, and no number of steps is known to be enough.
    """
    if not (done > 0 and step >= _STEADY * done / trials and accepted >= _ACCEPTED * trials):
        return 0
    more = remaining / max(done / trials, step / _GROWING)
    unit: int = 10 ** (max(0, math.floor(math.log10(more)) - 1) if more >= 1 else 0)
    return math.ceil(_MARGIN * more / unit - 1e-9) * unit


def roughness(found: Spectrum, step: float, remaining: float) -> str:
    """Say what kept the steps of an explicit method small, or nothing."""
    product = found.radius * step
    if product > _ROUGH:
        return (
            f"f is noisy or discontinuous there: it changes {product:.1e} times faster than a step of "
            f"{step:.2g} could follow"
        )
    low, high = _STIFF
    if low <= product <= high and found.real <= -0.5 * found.radius and found.radius * remaining > _FEW:
        return (
            f"f is stiff there: its Jacobian has an eigenvalue of about {found.real:.2g}, stability keeps "
            f"the step near {step:.2g}, and the rest would take some {remaining / step:.1g} steps"
        )
    return ""


def _complex(x: Array) -> bool:
    return bool(array_namespace(x).isdtype(x.dtype, "complex floating"))


def _norm(x: Array) -> float:
    xp = array_namespace(x)
    size = xp.abs(x)
    largest = float(xp.max(size)) if math.prod(x.shape) else 0.0
    if not (math.isfinite(largest) and largest > 0):
        return largest
    return largest * math.sqrt(float(xp.sum((size / largest) ** 2)))
