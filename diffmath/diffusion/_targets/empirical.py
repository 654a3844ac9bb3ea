r"""Data points as a target: the exact score of a finite data set, optionally smoothed.

.. math:: p_t = \sum_j w_j\,\mathcal N(\alpha y_j, v I), \quad v = \alpha^2 h^2 + \sigma^2, \qquad
   \hat y = \sum_j r_j y_j, \quad r = \mathrm{softmax}_j\big(\ln w_j - |x - \alpha y_j|^2 / 2v\big), \qquad
   \nabla\log p_t = -\frac{x - \alpha \hat y}{v}

Two matrix products per evaluation: x against the points, r against the points. Source: Karras et al. (2022),
arXiv:2206.00364, appendix B.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath.diffusion._exact import (
    LOG_2PI,
    HostArray,
    Measurement,
    check_weights,
    frozen,
    host_parameter,
    normalise,
    posterior_weights,
    send,
)
from diffmath.diffusion._targets.components import ComponentTarget
from diffmath.diffusion._targets.mixture import GaussianMixture
from diffmath.diffusion._targets.rows import in_each_row, log, row_product
from diffmath.random import Key, fold_in, normal, uniform

__all__ = ["EmpiricalData"]


@dataclass(frozen=True, eq=False, repr=False)
class EmpiricalData(ComponentTarget):
    r"""The distribution of given points, each smoothed by a Gaussian of width `bandwidth`.

    .. math:: p_0(x) = \sum_j w_j\,\mathcal N(x; y_j, h^2 I)

    Parameters
    ----------
    points : array_like, shape (n, d)
        Host numbers.
    bandwidth : float
        Standard deviation h of the kernel; 0 is the data set itself, which has no density at sigma = 0.
    weights : array_like, shape (n,), optional
        Positive, summing to 1; by default equal.

    Raises
    ------
    TypeError
        Points that are not host numbers.
    ValueError
        A wrong shape, values that are not finite, a negative bandwidth, or weights that are not positive or
        do not sum to 1.

    Notes
    -----
    O(batch n d) by two matrix products, in chunks of bounded memory. The points are centred before the
    squares are expanded: a log-weight has an absolute error of about ``eps |x - mean|^2 / v``, so float32
    needs sqrt(v) above about 1e-3 times the extent of the data.

    References
    ----------
    .. [1] Karras et al. (2022), arXiv:2206.00364, eq. 57 of appendix B.3.

    Examples
    --------
    >>> import numpy as np
    >>> target = EmpiricalData([[0.0, 0.0], [1.0, 1.0]], bandwidth=0.1)
    >>> target
    EmpiricalData(points=2, dim=2, bandwidth=0.1)
    >>> target.log_density(np.array([[0.0, 0.0]])).round(4)
    array([2.0741])
    """

    points: HostArray
    bandwidth: float
    weights: HostArray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        points = host_parameter("points", self.points, "(n, d)", (2,))
        bandwidth = float(self.bandwidth)
        if not 0 <= bandwidth < np.inf:
            raise ValueError(f"bandwidth must be finite and not negative; got {bandwidth}")
        n = len(points)
        weights = frozen(np.full(n, 1 / n))
        if self.weights is not None:
            weights = host_parameter("weights", self.weights, "(n,)", (1,))
            check_weights(weights)
        if len(weights) != n:
            raise ValueError(f"weights must have shape ({n},), one per point; got {weights.shape}")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "bandwidth", bandwidth)

    @property
    def dim(self) -> int:
        """Dimension of the data."""
        return int(self.points.shape[1])

    @property
    def mean(self) -> HostArray:
        """Mean of the data, shape (dim,), on the host."""
        return np.asarray(self.weights @ self.points)

    @property
    def covariance(self) -> HostArray:
        """Covariance of the data (of the smoothed points), shape (dim, dim), on the host."""
        centred = self.points - self.mean
        between = (centred.T * self.weights) @ centred
        return np.asarray(between + self.bandwidth**2 * np.eye(self.dim))

    @cached_property
    def _centred(self) -> tuple[HostArray, HostArray, HostArray, HostArray]:
        """The mean, the centred points, their squared lengths, and the logarithms of the weights."""
        points = self.points - self.mean
        parts = (self.mean, points, np.sum(points**2, axis=1), np.log(self.weights))
        return tuple(frozen(part) for part in parts)  # type: ignore[return-value]

    @cached_property
    def _bounds(self) -> HostArray | None:
        """Upper ends of the intervals of the unit interval that draw a point; none if all are equal."""
        bounds = np.cumsum(self.weights)[:-1]
        return None if np.ptp(self.weights) == 0 else frozen(bounds)

    @property
    def _width(self) -> int:
        return len(self.points) + self.dim

    @property
    def _smooth(self) -> bool:
        return self.bandwidth > 0

    def _rows(self, x: Array, alpha: Any, sigma: Any) -> _PointRows:
        return _PointRows(self, x, alpha, sigma)

    def _sample_data(self, key: Key, n: int, like: Array) -> Array:
        u = uniform(fold_in(key, "point"), (n, 1), like=like)
        xp = array_namespace(u)
        points = send(self.points, u)
        if self._bounds is None:
            index = xp.astype(xp.floor(u[:, 0] * len(self.points)), xp.int32)
            # For u close to 1, u times n may round up to n.
            index = xp.where(index < len(self.points), index, index - 1)
        else:
            index = xp.searchsorted(send(self._bounds, u), u[:, 0], side="right")
        x = xp.take(points, index, axis=0)
        return x + self.bandwidth * normal(fold_in(key, "normal"), (n, self.dim), like=like)

    def _projected_components(self, direction: HostArray) -> tuple[HostArray, HostArray, HostArray]:
        variance = self.bandwidth**2 * float(direction @ direction)
        return self.weights, self.points @ direction, np.full(len(self.points), variance)

    def _measured(self, measurement: Measurement) -> tuple[ComponentTarget, float]:
        covariance = self.bandwidth**2 * np.eye(self.dim)
        means, covariance, log_density = measurement.update(self.points, covariance)
        weights, log_evidence = posterior_weights(np.log(self.weights), log_density)
        kept = weights > 0
        if not self._smooth:
            return EmpiricalData(self.points[kept], 0.0, weights[kept]), log_evidence
        covariances = np.broadcast_to(covariance, (int(kept.sum()), *covariance.shape))
        return GaussianMixture(weights[kept], means[kept], covariances), log_evidence

    def __repr__(self) -> str:
        return f"EmpiricalData(points={len(self.points)}, dim={self.dim}, bandwidth={self.bandwidth:g})"


class _PointRows:
    """The smoothed points at rows x, in coordinates whose origin is the mean of the points."""

    def __init__(self, target: EmpiricalData, x: Array, alpha: Any, sigma: Any) -> None:
        self.xp = array_namespace(x)
        self.alpha = alpha
        self.sigma = sigma
        self.variance = alpha**2 * target.bandwidth**2 + sigma**2
        self.data_variance = target.bandwidth**2
        parts = (send(part, x) for part in target._centred)
        self.mean, self.points, self.squares, self.log_weights = parts
        self.x = x - alpha * self.mean
        self.dim = target.dim

    @cached_property
    def normalised(self) -> tuple[Array, Array]:
        """Responsibilities (batch, point) and the log-sum-exp of -|x - alpha y|^2 / 2v without its |x|^2."""
        pull = self.alpha / self.variance
        cross = row_product(pull * self.x, self.xp.matrix_transpose(self.points))
        return normalise(cross - (0.5 * self.alpha * pull) * self.squares + self.log_weights, axis=1)

    @cached_property
    def centre(self) -> Array:
        """Mean of the points given x, in centred coordinates."""
        return row_product(self.normalised[0], self.points)

    @cached_property
    def gap(self) -> Array:
        return self.x - self.alpha * self.centre

    def log_density(self) -> Array:
        variance = in_each_row(self.variance)
        square = self.xp.sum(self.x**2, axis=1) / variance
        log_scale = self.dim * (LOG_2PI + log(variance, self.xp))
        return self.normalised[1] - 0.5 * (square + log_scale)

    def score(self) -> Array:
        return -self.gap / self.variance

    def denoiser(self) -> Array:
        return self.mean + self.centre + (self.alpha * self.data_variance / self.variance) * self.gap

    @cached_property
    def spread(self) -> Array:
        """Trace of the covariance of the points given x."""
        second = self.xp.sum(self.normalised[0] * self.squares, axis=1)
        return second - self.xp.sum(self.centre**2, axis=1)

    def divergence(self) -> Array:
        alpha, variance = in_each_row(self.alpha), in_each_row(self.variance)
        return (alpha / variance) ** 2 * self.spread - self.dim / variance

    def denoiser_divergence(self) -> Array:
        alpha, variance, sigma = (in_each_row(part) for part in (self.alpha, self.variance, self.sigma))
        return (alpha / variance) * (self.data_variance * self.dim + sigma**2 / variance * self.spread)

    def denoiser_along(self, v: Array) -> Array:
        xp, weights = self.xp, self.normalised[0]
        gaps = row_product(v, xp.matrix_transpose(self.points)) - xp.sum(v * self.centre, axis=1)[:, None]
        change = row_product(weights * gaps, self.points)  # the covariance of the points given x, times v
        return (self.alpha / self.variance) * (
            self.data_variance * v + self.sigma**2 / self.variance * change
        )
