"""A Gaussian mixture on the line, in host numbers: distribution function and density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, ndtr

from diffmath._arrays.host_numbers import check_host
from diffmath.diffusion._exact.roots import in_chunks

__all__ = ["LineMixture"]

Host = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LineMixture:
    """A one-dimensional Gaussian mixture; called, its CDF, in which a component without width is a step."""

    weights: Host
    means: Host
    deviations: Host

    def __call__(self, z: npt.ArrayLike) -> Host:
        check_host("z", z)
        values = np.asarray(z, dtype=np.float64)
        return in_chunks(self._cdf, values.ravel(), len(self.weights)).reshape(values.shape)

    def _cdf(self, z: Host) -> Host:
        gap, width = z[:, None] - self.means, self.deviations > 0
        smooth = ndtr(gap / np.where(width, self.deviations, 1.0))
        return np.asarray(np.sum(np.where(width, smooth, gap >= 0) * self.weights, axis=1))

    def log_density(self, z: Host) -> Host:
        """Return the log-density at values of shape (batch,); every component has a width."""
        found: Host = logsumexp(self.log_terms(self.scaled(z)), axis=1)
        return found

    def scaled(self, z: Host) -> Host:
        """Return the distance of each value from each mean in deviations, shape (batch, component)."""
        return (z[:, None] - self.means) / self.deviations

    def log_terms(self, scaled: Host) -> Host:
        """Return the logarithm of each component's share of the density."""
        log_scale = np.log(self.deviations) + 0.5 * np.log(2 * np.pi)
        return np.asarray(np.log(self.weights) - log_scale - 0.5 * scaled**2)
