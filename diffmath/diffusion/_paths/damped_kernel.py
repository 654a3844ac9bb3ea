r"""The exact transition of critically damped Langevin dynamics.

.. math:: e^{-y}\begin{pmatrix} 1 + y & B/M \\ -B & 1 - y \end{pmatrix}, \qquad
   Q = S - E S E^\top, \quad S = \mathrm{diag}(1, M), \quad y = B/\sqrt M, \quad B = \int \beta\,dt

The drift matrix has one double eigenvalue, so its exponential is a polynomial times e^-y. S is stationary,
which gives Q without an integral; its entries are written without subtractions of nearly equal numbers.
Source: Dockhorn, Vahdat & Kreis (2022), arXiv:2112.07068, appendix B.1.
"""

from __future__ import annotations

import math
from typing import Any

from diffmath._arrays.scalars import elementary

__all__ = ["Entries", "covariance_entries", "mean_entries", "noise_entries", "ratio_or_zero", "score_scale"]

Entries = tuple[Any, Any, Any]  # xx, xv, vv


def mean_entries(total: Any, mass: float) -> tuple[Any, Any, Any, Any]:
    """Return E = (xx, xv, vx, vv) for an integral of beta."""
    y = total / math.sqrt(mass)
    decay = elementary(y).exp(-y)
    return decay * (1 + y), decay * total / mass, -decay * total, decay * (1 - y)


def noise_entries(total: Any, mass: float) -> Entries:
    """Return Q = (xx, xv, vv), the covariance that the noise has added."""
    y = total / math.sqrt(mass)
    decay, tail = elementary(y).exp(-2 * y), _tail(2 * y)
    return tail, 2 * total * y * decay, mass * (tail + 4 * y * decay)


def covariance_entries(total: Any, mass: float, data: float, velocity: float) -> Entries:
    """Return the covariance of (x, v) for independent variances of both at the start."""
    xx, xv, vx, vv = mean_entries(total, mass)
    q_xx, q_xv, q_vv = noise_entries(total, mass)
    return (
        xx**2 * data + xv**2 * velocity + q_xx,
        xx * vx * data + xv * vv * velocity + q_xv,
        vx**2 * data + vv**2 * velocity + q_vv,
    )


def score_scale(entries: Entries) -> Any:
    """Return l, with which -l z is the score in v of a sample with the noise z of v (Cholesky, x first)."""
    xx, xv, vv = entries
    return elementary(xx).sqrt(xx / (xx * vv - xv**2))


def ratio_or_zero(numerator: Any, root: Any) -> Any:
    """Return a quotient that is 0 where the denominator is: at t = 0 x and v are independent."""
    m = elementary(root)
    if m is math:
        return numerator / root if root > 0 else 0.0
    return m.where(root > 0, numerator / m.where(root > 0, root, m.ones_like(root)), m.zeros_like(root))


def _tail(z: Any) -> Any:
    """1 - e^-z (1 + z + z^2/2), by its series where the terms cancel."""
    m = elementary(z)
    series, term = 0.0 * z, z**3 / 6
    for n in range(4, 24):  # 1^23 / 23! is 4e-23
        series, term = series + term, term * z / n
    small, large = m.exp(-z) * series, 1 - m.exp(-z) * (1 + z + z**2 / 2)
    if m is math:
        return small if z < 1 else large
    return m.where(z < 1, small, large)
