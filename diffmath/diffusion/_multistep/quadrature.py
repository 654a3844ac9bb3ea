r"""Quadrature over one step: points, and weights that sum to the weight of a constant prediction.

.. math:: r_t \int_{\tau_s}^{\tau_t} g\,d\tau \approx \sum_i w_i\,g(\alpha_i, \sigma_i)

Flow and velocity are integrated in their own time, in which a step from alpha = 0 to sigma = 0 has length
1 or pi/2. The other integrals run in log-SNR :math:`\lambda`, in panels of length 1.2: their integrands are
analytic for :math:`|\mathrm{Im}\,\lambda| < \pi/2`, so that 12 points leave an error below 1e-16. Their
densities decay like :math:`e^{-|\lambda|}`, and what lies farther than 45 from the greater end is left out.
"""

from __future__ import annotations

import math

import numpy as np

from diffmath.diffusion._multistep.forms import Level
from diffmath.diffusion._multistep.nodes import Vector
from diffmath.diffusion._process import Form

__all__ = ["Points", "quadrature_in_log_snr", "quadrature_in_own_time"]

# alpha and sigma up to a common factor, log-SNR (in log-SNR only), weights.
Points = tuple[Vector, Vector, Vector, Vector]

REACH = 45.0  # e^-45 is 3e-20
PANEL = 1.2


def _unit_rule(points: int) -> tuple[Vector, Vector]:
    """Return the Gauss-Legendre rule on [0, 1]."""
    at, weights = np.polynomial.legendre.leggauss(points)
    return 0.5 * (at + 1), 0.5 * weights


SHORT, LONG = _unit_rule(12), _unit_rule(20)


def quadrature_in_own_time(form: Form, s: Level, t: Level, total: float) -> Points:
    """Return the rule of a flow or velocity in its own time; `total` is the weight of a constant."""
    at, weights = LONG
    if form == "flow":
        size = s.alpha + s.sigma
        moved = at * (t.sigma / (t.alpha + t.sigma) - s.sigma / size)
        alpha, sigma = s.alpha / size - moved, s.sigma / size + moved
    else:
        norm = math.hypot(s.alpha, s.sigma)
        turn = at * math.atan2(s.alpha * t.sigma - t.alpha * s.sigma, s.alpha * t.alpha + s.sigma * t.sigma)
        cosine, sine = np.cos(turn), np.sin(turn)
        alpha, sigma = (
            (s.alpha * cosine - s.sigma * sine) / norm,
            (s.sigma * cosine + s.alpha * sine) / norm,
        )
    return alpha, sigma, alpha, total * weights


def quadrature_in_log_snr(form: Form, s: Level, t: Level, tau: float) -> Points:
    """Return the rule of any form in log-SNR."""
    low, high = sorted((s.log_snr, t.log_snr))
    if form == "data":
        low = max(low, high - REACH)
    elif form == "noise":
        high = min(high, low + REACH)
    else:
        low, high = max(low, min(high, 0.0) - REACH), min(high, max(low, 0.0) + REACH)
    count = max(1, math.ceil((high - low) / PANEL))
    at, weights = SHORT
    if count > 1:
        at = ((np.arange(count)[:, None] + at) / count).ravel()
        weights = np.tile(weights / count, count)
    log_snr = low + (high - low) * at
    length = math.copysign(high - low, t.log_snr - s.log_snr)
    alpha, sigma = np.exp(0.5 * log_snr), np.exp(-0.5 * log_snr)
    return alpha, sigma, log_snr, length * weights * _density(form, t, log_snr, alpha, sigma, tau)


def _density(form: Form, t: Level, log_snr: Vector, alpha: Vector, sigma: Vector, tau: float) -> Vector:
    """Return the scale at t times the derivative of the own time by the log-SNR; `alpha sigma` is 1."""
    density: Vector
    if form == "data":
        power = 1 + tau**2
        density = (
            power * t.alpha * np.exp(power * (log_snr - t.log_snr)) if t.alpha else t.sigma * alpha / sigma
        )
    elif form == "noise":
        density = -t.sigma * np.exp(t.log_snr - log_snr) if t.sigma else -t.alpha * sigma / alpha
    elif form == "flow":
        density = -(t.alpha + t.sigma) / (alpha + sigma) ** 2
    else:
        density = -math.hypot(t.alpha, t.sigma) / (alpha**2 + sigma**2)
    return density
