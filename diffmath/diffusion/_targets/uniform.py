r"""The uniform law on a box: truncated normals in each axis.

.. math:: p_t(x) = \prod_i \frac{\Phi(z_i^{low}) - \Phi(z_i^{high})}{\alpha (b_i - a_i)}, \qquad
   z_i^{low} = \frac{x_i - \alpha a_i}{\sigma}, \quad z_i^{high} = \frac{x_i - \alpha b_i}{\sigma}

Given x, the data coordinate is :math:`(x_i - \sigma z)/\alpha` with z standard normal, truncated to
:math:`[z_i^{high}, z_i^{low}]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from diffmath._arrays.host_numbers import check_host
from diffmath._arrays.namespace import array_namespace, asarray_like, to_numpy
from diffmath._core.typing import Array
from diffmath.diffusion._exact import (
    NODES,
    HostArray,
    Marginal,
    TruncatedNormal,
    box_map,
    host_parameter,
    send,
)
from diffmath.diffusion._targets.rows import in_each_row
from diffmath.diffusion._targets.target import Target
from diffmath.random import Key, fold_in, uniform

__all__ = ["Uniform"]


@dataclass(frozen=True, eq=False, repr=False)
class Uniform(Target):
    r"""The uniform distribution on a box.

    .. math:: p_0(x) = \prod_i \frac{1}{b_i - a_i}, \quad a_i \le x_i \le b_i

    Parameters
    ----------
    low, high : array_like, shape (d,)
        Corners a and b of the box.

    Raises
    ------
    TypeError
        Corners that are not host numbers.
    ValueError
        Shapes that differ, values that are not finite, or a side that is not positive.

    Notes
    -----
    At sigma = 0 it has a density (minus infinity is the logarithm outside the box), but no score. The
    integrals are sums of 48 positive terms per axis, with relative errors of a few eps from the middle of the
    box to any distance outside. The flow map is that of quantiles, on the host.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> target = Uniform([0.0, 0.0], [1.0, 2.0])
    >>> target
    Uniform(dim=2)
    >>> target.log_density(np.array([[0.5, 0.5], [0.5, 3.0]])).round(4)
    array([-0.6931,    -inf])
    >>> target.denoiser(diffusion.edm())(np.array([[9.0, 1.0]]), 0.5).round(4)
    array([[0.969, 1.   ]])
    """

    low: HostArray
    high: HostArray

    def __post_init__(self) -> None:
        low, high = (
            host_parameter("low", self.low, "(d,)", (1,)),
            host_parameter("high", self.high, "(d,)", (1,)),
        )
        if low.shape != high.shape:
            raise ValueError(f"low and high must have one shape (d,); got {low.shape} and {high.shape}")
        bad = np.flatnonzero(high <= low)
        if bad.size:
            i = int(bad[0])
            raise ValueError(f"high must be above low; low[{i}]={low[i]} and high[{i}]={high[i]}")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    @property
    def dim(self) -> int:
        """Dimension of the data."""
        return len(self.low)

    @property
    def mean(self) -> HostArray:
        """Middle of the box, shape (dim,), on the host."""
        return self._parts[0]

    @property
    def covariance(self) -> HostArray:
        """Covariance of the data, shape (dim, dim), on the host."""
        return np.diag(self._parts[1] ** 2 / 3)

    @cached_property
    def _parts(self) -> tuple[HostArray, HostArray]:
        """The middle of the box and half of its sides."""
        half = 0.5 * self.high - 0.5 * self.low
        parts = self.low + half, half
        for part in parts:
            part.flags.writeable = False
        return parts

    @property
    def _width(self) -> int:
        return NODES * self.dim

    @property
    def _smooth(self) -> bool:
        return False

    @property
    def _has_density(self) -> bool:
        return True

    @property
    def _rough(self) -> str:
        return "its density jumps at the edges; take t > 0"

    @property
    def _bounded(self) -> bool:
        return True

    def _rows(self, x: Array, alpha: Any, sigma: Any) -> _UniformRows:
        return _UniformRows(self, x, alpha, sigma)

    def _sample_data(self, key: Key, n: int, like: Array) -> Array:
        u = uniform(fold_in(key, "uniform"), (n, self.dim), like=like)
        middle, half = (send(part, u) for part in self._parts)
        return middle + half * (2 * u - 1)

    def _no_flow(self) -> str:
        return ""

    def _flow(self, x: Array, start: Marginal, end: Marginal) -> tuple[Array, Array]:
        check_host("x", x, "quantiles are computed on the host, ")
        here = to_numpy(x).astype(np.float64)
        middle, half = self._parts
        gap = here - start[0] * middle
        if start[1] == 0 and np.any(np.abs(gap) >= start[0] * half):
            raise ValueError(f"x must lie inside the box at sigma=0; {self!r} has no mass outside")
        columns = [box_map(np.abs(gap[:, i]), float(half[i]), start, end) for i in range(self.dim)]
        there = end[0] * middle + np.sign(gap) * np.stack(columns, axis=1)
        change = self._rows(here, *start).log_density() - self._rows(there, *end).log_density()
        return asarray_like(there, x), asarray_like(change, x)

    def __repr__(self) -> str:
        return f"Uniform(dim={self.dim})"


class _UniformRows:
    """The noised box at rows x; each axis is mirrored where x is left of the middle."""

    def __init__(self, target: Uniform, x: Array, alpha: Any, sigma: Any) -> None:
        self.xp = xp = array_namespace(x)
        self.alpha, self.sigma = alpha, sigma
        self.middle, self.half = (send(part, x) for part in target._parts)
        gap = x - alpha * self.middle
        self.sign = xp.where(gap < 0, -xp.ones_like(x), xp.ones_like(x))
        self.distance = self.sign * gap
        # At sigma = 0 only the density is asked for, and replaced.
        self.scale = xp.where(xp.zeros_like(x) + sigma == 0, xp.ones_like(x), xp.zeros_like(x) + sigma)

    @cached_property
    def law(self) -> TruncatedNormal:
        reach = self.alpha * self.half
        near, middle = (self.distance - reach) / self.scale, self.distance / self.scale
        return TruncatedNormal(self.xp, near, middle, 2 * reach / self.scale)

    def log_density(self) -> Array:
        xp = self.xp
        noised = self.law.log_mass() - xp.log(self.scale)
        inside = self.distance <= self.alpha * self.half
        size = xp.zeros_like(noised) + 2 * self.alpha * self.half
        flat = -xp.log(xp.where(size > 0, size, xp.ones_like(size)))
        bare = xp.where(inside, flat, xp.full_like(flat, -xp.inf))
        return xp.sum(xp.where(xp.zeros_like(noised) + self.sigma == 0, bare, noised), axis=1)

    def score(self) -> Array:
        return -self.sign * self.law.mean() / self.sigma

    def denoiser(self) -> Array:
        return self.middle + self.sign * self.half * (1 - 2 * self.law.position())

    def divergence(self) -> Array:
        return self.xp.sum(self.law.excess_variance() / self.sigma**2, axis=1)

    def denoiser_divergence(self) -> Array:
        variance = 4 * self.half**2 * self.law.spread()
        return in_each_row(self.alpha) * self.xp.sum(variance / self.sigma**2, axis=1)

    def denoiser_along(self, v: Array) -> Array:
        variance = 4 * self.half**2 * self.law.spread()
        return self.alpha * variance / self.sigma**2 * v
