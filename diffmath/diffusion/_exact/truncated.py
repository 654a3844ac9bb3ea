r"""Normal laws truncated to an interval, by sums of positive terms.

For z = z_near + v, v in [0, width], with density proportional to :math:`e^{-z^2/2}`, where the middle of the
interval is not negative (mirror it otherwise). The integrals

.. math:: \int_0^{w} v^k e^{-(z_{near} + v)^2/2}\,dv

run over the part of the interval where the integrand is above e^-40 of its largest value, by Gauss-Legendre
quadrature: no difference of distribution functions, so that the moments keep their relative accuracy for
narrow intervals, wide ones, and those far in a tail.
"""

from __future__ import annotations

import math
from typing import Any

from diffmath._core.typing import Array
from diffmath.diffusion._exact.parameters import LOG_2PI, send
from diffmath.diffusion._exact.quadrature import unit_rule

__all__ = ["NODES", "TruncatedNormal"]

# 48 nodes integrate exp(-40 s), and exp(-40 (2 s - 1)^2), over [0, 1] to a few eps.
NODES = 48
# The integrand is cut at exp(-CUT / 2) of its largest value: 4e-18.
CUT = 80.0


class TruncatedNormal:
    """The truncated normal law for arrays `near` = z_near and `width`; width = 0 is the limit, a uniform law.

    `start` and `length` are the part of the interval that counts, in the unit of its width; `middle` is the
    middle of the interval, in z.
    """

    def __init__(self, xp: Any, near: Array, middle: Array, width: Array) -> None:
        # States so far out that z overflows are as far as z goes.
        most = xp.full_like(near, float(xp.finfo(near.dtype).max) / 1e10)
        near, middle = xp.where(near < most, near, most), xp.where(middle < most, middle, most)
        self.xp, self.near, self.middle, self.width = xp, near, middle, width
        zero = xp.zeros_like(near)
        self.peak = xp.where(near > 0, near, zero)  # the largest density is at max(z_near, 0)
        start = self._larger(-near - math.sqrt(CUT), zero)
        high = self.peak > 1e5  # where CUT is lost beside its square
        root = xp.sqrt(xp.where(high, zero, self.peak) ** 2 + CUT)
        reach = CUT / (self.peak + xp.where(high, self.peak, root))
        end = xp.where(near > 0, zero, -near) + reach
        end = xp.where(end < width, end, width)
        some = width > 0
        safe = xp.where(some, width, xp.ones_like(width))
        self.start, self.length = start / safe, xp.where(some, (end - start) / safe, xp.ones_like(width))
        # Distance from the peak in z at the nodes.
        first = self._larger(xp.where(near > 0, zero, near), zero - math.sqrt(CUT))
        self.span = xp.where(some, end - start, zero)
        points, weights = unit_rule(NODES)
        self.points = send(points, near)
        offset = first[..., None] + self.span[..., None] * self.points
        density = xp.exp(-0.5 * offset * (2 * self.peak[..., None] + offset))
        self.density = density * send(weights, near)
        self.total = xp.sum(self.density, axis=-1)

    def _larger(self, a: Array, b: Array) -> Array:
        return self.xp.where(a > b, a, b)

    def log_mass(self) -> Array:
        """Return the logarithm of the normal probability of the interval, over its width."""
        return self.xp.log(self.total * self.length) - 0.5 * (self.peak**2 + LOG_2PI)

    def position(self) -> Array:
        """Return the mean of v / width, in [0, 1]."""
        return self.start + self.length * self._local_mean()

    def spread(self) -> Array:
        """Return the variance of v / width."""
        return self.length**2 * self._local_variance()

    def mean(self) -> Array:
        r"""Return the mean of z, as :math:`(\varphi(z_{near}) - \varphi(z_{far}))` over the mass.

        It keeps its relative accuracy where it is tiny, in a wide interval around 0.
        """
        xp = self.xp
        # 1 - exp(-y), with y = (z_far^2 - z_near^2) / 2, over the width: the limit at 0 is the middle.
        product = self.width * self.middle
        one, many = xp.ones_like(product), product > 1
        few = xp.where((product > 0) & ~many, product, one)
        rise = xp.where(product > 0, -xp.expm1(-few) / few, one) * self.middle / self.length
        steep = -xp.expm1(-xp.where(many, product, one)) / xp.where(many, self.span, one)
        return self._edge_density() * xp.where(many, steep, rise) / self.total

    def excess_variance(self) -> Array:
        """Return the variance of z less 1; in a wide interval around 0 it is tiny, and accurate."""
        xp = self.xp
        far = self.near + self.width
        product = self.width * self.middle
        # -(|z_near| phi(z_near) + z_far phi(z_far)) / mass - mean^2: all terms of one sign, for z_near < 0.
        edges = (far * xp.exp(-product) - self.near) * self._edge_density() / (self.total * self.span)
        inside = -edges - self.mean() ** 2
        return xp.where(self.near < 0, inside, self.span**2 * self._local_variance() - 1)

    def _local_mean(self) -> Array:
        return self.xp.sum(self.density * self.points, axis=-1) / self.total

    def _local_variance(self) -> Array:
        gap = self.points - self._local_mean()[..., None]
        return self.xp.sum(self.density * gap**2, axis=-1) / self.total

    def _edge_density(self) -> Array:
        """Density at z_near, over that at the peak."""
        below = self.xp.where(self.near < 0, self.near, self.xp.zeros_like(self.near))
        return self.xp.exp(-0.5 * below**2)
