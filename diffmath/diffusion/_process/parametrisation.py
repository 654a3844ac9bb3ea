r"""Parametrisations of a model: score, denoiser, noise, velocity, flow, all linear in data and noise.

.. math:: s\,p = a\,D + b\,E, \qquad x = \alpha D + \sigma E, \qquad D = E[x_0 \mid x_t = x]

A parametrisation is its row (a, b, s). To convert p to q, solve two equations for D and E:

.. math:: \delta = \alpha b_p - \sigma a_p, \qquad
   s_q\,q = \frac{a_q b_p - b_q a_p}{\delta}\,x + s_p \frac{\alpha b_q - \sigma a_q}{\delta}\,p .

The conversion exists wherever it is determined, also at alpha = 0 and at sigma = 0: a velocity gives all
others there, a denoiser gives the noise at alpha = 0, and so on. Source: Kingma et al. (2021),
arXiv:2107.00630; Salimans & Ho (2022), arXiv:2202.00512, for v; Lipman et al. (2023),
arXiv:2210.02747, for the flow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Time
from diffmath.diffusion._process.derived import ratio
from diffmath.diffusion._process.process import Process

__all__ = [
    "DENOISER", "FLOW", "FORMS", "NOISE", "SCORE", "STRAIGHT", "VELOCITY", "Form", "Pair", "Parametrisation",
    "conversion",
]  # fmt: skip

Pair = tuple[Any, Any]
Row = tuple[Any, Any, Any]


@dataclass(frozen=True)
class Parametrisation:
    """What a model predicts: ``scale * p = a D + b E``, with ``row(process, t)`` -> (a, b, scale)."""

    name: str
    row: Callable[[Process, Time], Row]


def _denoiser(process: Process, t: Time) -> Row:
    return 1.0, 0.0, 1.0


def _noise(process: Process, t: Time) -> Row:
    return 0.0, 1.0, 1.0


def _score(process: Process, t: Time) -> Row:
    return 0.0, 1.0, -process.marginal(t)[1]


def _velocity(process: Process, t: Time) -> Row:
    alpha, sigma = process.marginal(t)
    return -sigma, alpha, 1.0


def _flow(process: Process, t: Time) -> Row:
    d_alpha, d_sigma = process.rates(t)
    if isinstance(d_sigma, float):
        if math.isinf(d_alpha):
            return math.nan, math.nan, 1.0  # the flow itself is infinite
        return (0.0, 1.0, 0.0) if math.isinf(d_sigma) else (d_alpha, d_sigma, 1.0)
    xp = array_namespace(d_sigma)
    d_alpha = xp.where(xp.isfinite(d_alpha), d_alpha, xp.full_like(d_alpha, math.nan))
    regular = xp.astype(xp.isfinite(d_sigma), d_sigma.dtype)
    return d_alpha * regular, xp.where(regular > 0, d_sigma, xp.ones_like(d_sigma)), regular


def _straight(process: Process, t: Time) -> Row:
    return -1.0, 1.0, 1.0


DENOISER = Parametrisation("denoiser", _denoiser)
NOISE = Parametrisation("noise", _noise)
SCORE = Parametrisation("score", _score)
VELOCITY = Parametrisation("velocity", _velocity)
FLOW = Parametrisation("flow", _flow)
# Noise minus data: the flow of the rectified flow at the same signal-to-noise ratio.
STRAIGHT = Parametrisation("straight flow", _straight)

# The forms of a sampler: what its weights multiply.
Form = Literal["data", "noise", "velocity", "flow"]
FORMS: dict[Form, Parametrisation] = {
    "data": DENOISER,
    "noise": NOISE,
    "velocity": VELOCITY,
    "flow": STRAIGHT,
}


def conversion(given: Parametrisation, wanted: Parametrisation, process: Process, t: Time) -> Pair:
    """Return per_x and per_prediction of ``wanted = per_x x + per_prediction p``; not finite for none."""
    if given is wanted:
        return 0.0, 1.0
    (alpha, sigma), (a, b, scale) = process.marginal(t), given.row(process, t)
    wanted_a, wanted_b, wanted_scale = wanted.row(process, t)
    if {given, wanted} == {NOISE, SCORE}:  # proportional, so also where neither gives the data
        return 0.0, ratio(scale, wanted_scale)
    determinant = alpha * b - sigma * a
    per_x = wanted_a * b - wanted_b * a
    per_prediction = scale * (alpha * wanted_b - sigma * wanted_a)
    pair = ratio(per_x, determinant * wanted_scale), ratio(per_prediction, determinant * wanted_scale)
    return _or_of_the_sde(pair, process, t, wanted) if {given, wanted} == {SCORE, FLOW} else pair


def _or_of_the_sde(pair: Pair, process: Process, t: Time, wanted: Parametrisation) -> Pair:
    """Return the pair; where it is not finite, that of flow = f x - g2/2 score, finite where g2 is."""
    f, g2 = process.coefficients(t)
    other = (f, -g2 / 2) if wanted is FLOW else (ratio(2 * f, g2), ratio(-2.0, g2))
    if isinstance(f, float):
        return pair if all(map(math.isfinite, pair)) else other
    xp = array_namespace(f)
    known = xp.isfinite(pair[0]) & xp.isfinite(pair[1])
    return xp.where(known, pair[0], other[0]), xp.where(known, pair[1], other[1])
