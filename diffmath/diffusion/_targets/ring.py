r"""The uniform law on a circle or sphere: a ratio of Bessel functions.

.. math:: D = R\,\frac{I_{n/2}(\kappa)}{I_{n/2-1}(\kappa)}\,\frac{x}{|x|}, \qquad
   \kappa = \frac{\alpha R |x|}{\sigma^2}

The law of the direction of the data given x is von Mises-Fisher's, with concentration kappa. Source: Mardia &
Jupp (2000), Directional statistics, section 9.3.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from operator import index
from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath.diffusion._exact import LOG_2PI, MOST_DIM, SPHERE_NODES, HostArray, SphereAverage, frozen
from diffmath.diffusion._targets.rows import in_each_row, log
from diffmath.diffusion._targets.target import Target
from diffmath.random import Key, fold_in, normal

__all__ = ["Ring"]


@dataclass(frozen=True, eq=False, repr=False)
class Ring(Target):
    r"""The uniform distribution on the sphere of a radius about the origin, in two dimensions a ring.

    .. math:: |x_0| = R

    Parameters
    ----------
    radius : float
    dim : int
        Dimension of the space, 2 to 32.

    Raises
    ------
    ValueError
        A radius that is not positive and finite, or a dimension outside the range.

    Notes
    -----
    `Rotated` moves it elsewhere. There is no density at sigma = 0. The Bessel functions are integrals over
    the angle, sums of 64 positive terms, with relative errors of a few eps at any kappa; above 32 dimensions
    these sums lose digits.

    References
    ----------
    .. [1] Mardia & Jupp (2000), Directional statistics, section 9.3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> target = Ring(2.0)
    >>> target
    Ring(radius=2, dim=2)
    >>> target.denoiser(diffusion.edm())(np.array([[1.0, 0.0], [0.0, 0.0]]), 0.5).round(4)
    array([[1.8705, 0.    ],
           [0.    , 0.    ]])
    """

    radius: float
    dim: int = 2

    def __post_init__(self) -> None:
        radius, dim = float(self.radius), index(self.dim)
        if not 0 < radius < math.inf:
            raise ValueError(f"radius must be positive and finite; got {radius}")
        if not 2 <= dim <= MOST_DIM:
            raise ValueError(f"dim must be 2 to {MOST_DIM}; got {dim}")
        object.__setattr__(self, "radius", radius)
        object.__setattr__(self, "dim", dim)

    @property
    def mean(self) -> HostArray:
        """Mean of the data, 0, shape (dim,), on the host."""
        return frozen(np.zeros(self.dim))

    @property
    def covariance(self) -> HostArray:
        """Covariance of the data, shape (dim, dim), on the host."""
        return np.eye(self.dim) * (self.radius**2 / self.dim)

    @property
    def _width(self) -> int:
        return SPHERE_NODES + self.dim

    @property
    def _smooth(self) -> bool:
        return False

    @property
    def _rough(self) -> str:
        return "its data lie on a sphere; take t > 0"

    def _rows(self, x: Array, alpha: Any, sigma: Any) -> _RingRows:
        return _RingRows(self, x, alpha, sigma)

    def _sample_data(self, key: Key, n: int, like: Array) -> Array:
        z = normal(fold_in(key, "normal"), (n, self.dim), like=like)
        xp = array_namespace(z)
        return self.radius * z / xp.sqrt(xp.sum(z**2, axis=1))[:, None]

    def __repr__(self) -> str:
        return f"Ring(radius={self.radius:g}, dim={self.dim})"


class _RingRows:
    """The noised sphere at rows x."""

    def __init__(self, target: Ring, x: Array, alpha: Any, sigma: Any) -> None:
        self.xp = xp = array_namespace(x)
        self.x, self.dim, self.radius = x, target.dim, target.radius
        self.alpha, self.sigma = in_each_row(alpha), in_each_row(sigma)
        # Scaled by the largest coordinate, so that no square overflows or underflows.
        largest = xp.max(xp.abs(x), axis=1)
        some, one = largest > 0, xp.ones_like(largest)
        largest = xp.where(some, largest, one)
        square = xp.sum((x / largest[:, None]) ** 2, axis=1)
        # At the origin the derivative of the root is infinite, but that of no quantity.
        root = xp.sqrt(xp.where(some, square, one))
        self.length = xp.where(some, largest * root, xp.zeros_like(root))
        self.pull = self.alpha * self.radius / self.sigma**2

    @cached_property
    def average(self) -> SphereAverage:
        return SphereAverage(self.xp, self.pull * self.length, self.dim)

    @cached_property
    def ratio(self) -> Array:
        """Length of the denoised data over that of x."""
        return self.radius * self.pull * self.average.slope()

    def log_density(self) -> Array:
        gap = (self.length - self.alpha * self.radius) / self.sigma
        scale = self.dim * (0.5 * LOG_2PI + log(self.sigma, self.xp))
        return self.average.log_mean() - 0.5 * gap**2 - scale

    def score(self) -> Array:
        xp, reach = self.xp, self.alpha * self.radius
        # 1 - alpha |D| / |x|: near the ring as a small gap, near the origin as it stands.
        some = self.average.kappa > 1
        length = xp.where(some, self.length, xp.ones_like(self.length))
        near = (self.length - reach + reach * self.average.deficit()) / length
        rest = xp.where(some, near, 1 - self.alpha * self.ratio)
        return -self.x * (rest / self.sigma**2)[:, None]

    def denoiser(self) -> Array:
        return self.x * self.ratio[:, None]

    def divergence(self) -> Array:
        return (self.alpha * self.denoiser_divergence() - self.dim) / self.sigma**2

    def denoiser_divergence(self) -> Array:
        # (alpha / sigma^2) R^2 (1 - |D|^2 / R^2)
        deficit = self.average.deficit()
        return self.pull * self.radius * deficit * (2 - deficit)

    def denoiser_along(self, v: Array) -> Array:
        # D = x f(|x|): f in all directions, and |x| f', which the trace has too, along x.
        xp, ratio = self.xp, self.ratio
        towards = self.x / xp.where(self.length > 0, self.length, xp.ones_like(self.length))[:, None]
        along = (self.denoiser_divergence() - self.dim * ratio) * xp.sum(towards * v, axis=1)
        return ratio[:, None] * v + along[:, None] * towards
