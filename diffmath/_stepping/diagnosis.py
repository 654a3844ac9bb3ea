r"""Diagnose why a row could not continue: its solution blows up, or f is stiff or rough there.

A solution that blows up like :math:`(T - t)^{-\alpha}` grows on the time scale
:math:`|x| / |x'| = (T - t) / \alpha`, which vanishes with the remaining time. At a jump or at a root of x',
steps also become short, but this time scale does not vanish.

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

# A time scale is zero if it is below this fraction of the elapsed time, and this many units in the last place
# of t.
_SHARE, _GRAINS = 1e-8, 1e4

# For h |lambda| above this value, no explicit method is stable: f is then not smooth on the scale of a step.
_ROUGH = 1e3

# If stability limits an explicit method, h |lambda| is near its stability interval, 2 to 7, with variations.
# If fewer than `_FEW` steps remain, no stiffness is reported.
_STIFF, _FEW = (1.0, 100.0), 100.0

# Two unit vectors are equal if the squared sine of their angle is below this many roundings; the products are
# differences, which have half of the digits.
_PARALLEL = 1e4

# Steps are steady if the next one has at least this fraction of their mean, and this fraction of the trials
# was accepted. Steps that are more than this factor longer than their mean are growing. The estimate of the
# remaining steps is slightly too high.
_STEADY, _ACCEPTED, _GROWING, _MARGIN = 0.2, 0.6, 10.0, 1.1


def blows_up(x0: Array, x: Array, slope: Array, t: Rows, start: float, direction: float, atol: float) -> Mask:
    """Return which rows are about to become infinite: twice as large as at the start, on a vanishing time
    scale.

    The criterion uses the largest component of a row, which must grow.
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
    """Estimate the largest eigenvalue of the Jacobian of f in some rows, with ten evaluations.

    The power method, with differences of f for products. The last three vectors satisfy the characteristic
    equation of a dominant pair of eigenvalues. This is exact for a real eigenvalue and for a complex pair; a
    quotient of two vectors would be wrong for a pair (an oscillation would look damped).
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

    A least-squares fit of s and m in J vector = s vector + m before gives lambda^2 = s lambda + m growth.
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
    return complex(largest[np.argmax(largest.real)])  # of a pair of both signs, the growing one


def _inner(x: Array, y: Array) -> complex:
    xp = array_namespace(x)
    return complex(xp.sum(xp.conj(x) * y) if _complex(x) else xp.sum(x * y))


def steps_left(done: float, remaining: float, step: float, trials: int, accepted: int) -> int:
    """Return the approximate number of remaining trial steps if the steps are steady; 0 if they are not.

    They are not steady if the next step is much shorter than those before, or if many were rejected: a
    difficulty ahead may stop the solve, and no number of steps is known to be sufficient.
    """
    if not (done > 0 and step >= _STEADY * done / trials and accepted >= _ACCEPTED * trials):
        return 0
    more = remaining / max(done / trials, step / _GROWING)
    unit: int = 10 ** (max(0, math.floor(math.log10(more)) - 1) if more >= 1 else 0)
    return math.ceil(_MARGIN * more / unit - 1e-9) * unit


def roughness(found: Spectrum, step: float, remaining: float) -> str:
    """Return why the steps of an explicit method stayed small, or an empty text."""
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
            f"the step near {step:.2g}, and the rest would take about {remaining / step:.1g} steps"
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
