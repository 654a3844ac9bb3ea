r"""The flow of a uniform law on the line: its quantiles, in the half of the line right of the middle.

With h half of the side, :math:`T(y) = P(X > y)` at the distance :math:`y \ge 0` from the middle is

.. math:: T(y) = \frac{1}{w} \int_{z}^{z + w} \bar\Phi(u)\,du, \qquad z = \frac{y - \alpha h}{\sigma}, \quad
   w = \frac{2 \alpha h}{\sigma}

which is computed by sums of positive terms, so that its logarithm is accurate at any distance.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from diffmath.diffusion._exact.quadrature import unit_rule
from diffmath.diffusion._exact.roots import in_chunks, increasing_root
from diffmath.diffusion._exact.truncated import CUT, NODES

__all__ = ["box_map"]

Host = npt.NDArray[np.float64]


def box_map(distance: Host, half: float, start: tuple[float, float], end: tuple[float, float]) -> Host:
    """Return the distances from the middle at `end` that correspond to those at `start`."""
    return in_chunks(lambda rows: _map(rows, half, start, end), distance, NODES)


def _map(distance: Host, half: float, start: tuple[float, float], end: tuple[float, float]) -> Host:
    (alpha_s, sigma_s), (alpha_t, sigma_t) = start, end
    if sigma_s == 0:
        level = np.log(0.5 - distance / (2 * alpha_s * half))
        # Tails of 1e-17, the least that float64 resolves here, lie within 10 deviations of the edge.
        low, high = np.zeros_like(distance), np.full_like(distance, alpha_t * half + 10 * sigma_t)
    else:
        level = log_tail(distance, alpha_s * half, sigma_s)
        # The points with the same z, for data at one edge and at the other.
        far, near = ((distance + side * alpha_s * half) / sigma_s for side in (1, -1))
        ends = sigma_t * far - alpha_t * half, sigma_t * near + alpha_t * half
        low, high = np.maximum(np.minimum(*ends), 0.0), np.maximum(*ends)
    if sigma_t == 0:
        edge: Host = alpha_t * half * (1 - 2 * np.exp(level))
        return edge

    def excess(y: Host, rows: npt.NDArray[np.intp]) -> tuple[Host, Host]:
        found = log_tail(y, alpha_t * half, sigma_t)
        return level[rows] - found, _hazard(y, alpha_t * half, sigma_t, found)

    found: Host = increasing_root(excess, low, high, np.full_like(distance, sigma_t))
    return found


def log_tail(y: Host, reach: float, sigma: float) -> Host:
    """Return ln T at distances y >= 0 from the middle of an interval of half-width `reach`."""
    near, width = (y - reach) / sigma, 2 * reach / sigma
    inside = np.maximum(-near, 0.0)  # the part of the interval below z = 0
    first = np.maximum(near, 0.0)
    top = log_ndtr(-first)
    reach_out = CUT / (first + np.sqrt(first**2 + CUT))
    beyond = _integral(first, np.minimum(width - inside, reach_out), top)
    # The normal tail is 1 less the opposite one: inside - integral over [0, inside] of the tail.
    mirrored = inside - _integral(np.zeros_like(y), np.minimum(inside, math.sqrt(CUT)), np.zeros_like(y))
    with np.errstate(divide="ignore", invalid="ignore"):
        total = (beyond + 2 * mirrored) / width  # where the mirrored part is not 0, e^top is 1/2
    return np.asarray(top + np.log(np.where(width > 0, total, 1.0)))


def _integral(first: Host, length: Host, top: Host) -> Host:
    """Integrate the upper normal tail, over e^top, over [first, first + length]."""
    points, weights = unit_rule(NODES)
    z = first[:, None] + length[:, None] * points
    return np.asarray(length * np.sum(np.exp(log_ndtr(-z) - top[:, None]) * weights, axis=1))


def _hazard(y: Host, reach: float, sigma: float, log_t: Host) -> Host:
    """Return the density over T, for Newton's slope: a few digits suffice."""
    near, width = (y - reach) / sigma, 2 * reach / sigma
    if width < 1e-3:
        return np.asarray(np.exp(-0.5 * (y / sigma) ** 2 - log_t) / (sigma * math.sqrt(2 * math.pi)))
    ends = np.exp(log_ndtr(-near) - log_t) - np.exp(log_ndtr(-near - width) - log_t)
    return np.asarray(ends / (width * sigma))
