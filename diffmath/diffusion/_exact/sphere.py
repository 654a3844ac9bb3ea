r"""Averages over a sphere of directions weighted by :math:`e^{\kappa \cos\theta}`, by sums of positive terms.

The law of the angle to a fixed direction in n dimensions is proportional to
:math:`e^{\kappa \cos\theta} \sin^{n-2}\theta`, whose integral is a Bessel function: in two dimensions
:math:`E[\cos\theta] = I_1(\kappa) / I_0(\kappa)`. The integrals run over the angles where the integrand
counts, by Gauss-Legendre quadrature; no Bessel function is evaluated, so they run in any array library, and
neither small nor large kappa needs a case of its own. Both ends keep their relative accuracy by

.. math:: E[\cos\theta] = \frac{\kappa}{n-1} E[\sin^2\theta], \qquad
   1 - E[\cos\theta] = 2 E[\sin^2 (\theta/2)]
"""

from __future__ import annotations

import math
from typing import Any

from diffmath._core.typing import Array
from diffmath.diffusion._exact.parameters import send
from diffmath.diffusion._exact.quadrature import unit_rule

__all__ = ["MOST_DIM", "SPHERE_NODES", "SphereAverage"]

SPHERE_NODES = 64
# At 64 dimensions 64 nodes leave errors of 1e-12, at 100 of 1e-8.
MOST_DIM = 32


class SphereAverage:
    """Averages for an array `kappa` >= 0 in `dim` dimensions."""

    def __init__(self, xp: Any, kappa: Array, dim: int) -> None:
        # An infinite kappa would make 0 times infinity of the exponent.
        most = float(xp.finfo(kappa.dtype).max) / 1e10
        kappa = xp.where(kappa < most, kappa, xp.full_like(kappa, most))
        self.xp, self.kappa, self.dim = xp, kappa, dim
        points, weights = (send(part, kappa) for part in unit_rule(SPHERE_NODES))
        # kappa (1 - cos) has nearly a Gamma((n - 1)/2) law; it is cut where 1e-18 of it is left.
        cut = 45.0 + 2.0 * dim
        ones = xp.ones_like(kappa)
        some = kappa > cut / 2
        limit = xp.sqrt(cut / (2 * xp.where(some, kappa, ones)))
        # The root of 1, whose derivative is infinite, is not taken.
        self.largest = xp.where(some, 2 * xp.asin(xp.where(some, limit, 0 * ones)), math.pi * ones)
        angle = self.largest[..., None] * points
        self.half_square = xp.sin(0.5 * angle) ** 2  # sin^2(theta / 2)
        self.square = xp.sin(angle) ** 2
        density = xp.exp(-2 * kappa[..., None] * self.half_square) * weights
        # Over the power of the largest angle, which may underflow.
        sine = xp.sin(angle) / self.largest[..., None]
        self.density = density * sine ** (dim - 2) if dim > 2 else density
        self.total = xp.sum(self.density, axis=-1)

    def log_mean(self) -> Array:
        r"""Return :math:`\ln E_u[e^{\kappa (\cos\theta - 1)}]` for a uniform direction u; 0 at kappa = 0."""
        whole = math.sqrt(math.pi) * math.exp(math.lgamma((self.dim - 1) / 2) - math.lgamma(self.dim / 2))
        return self.xp.log(self.total / whole) + (self.dim - 1) * self.xp.log(self.largest)

    def slope(self) -> Array:
        r"""Return :math:`E[\cos\theta] / \kappa`; 1/n at kappa = 0."""
        return self._average(self.square) / (self.dim - 1)

    def deficit(self) -> Array:
        r"""Return :math:`1 - E[\cos\theta]`."""
        return 2 * self._average(self.half_square)

    def _average(self, values: Array) -> Array:
        return self.xp.sum(self.density * values, axis=-1) / self.total
