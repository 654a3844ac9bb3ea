"""A Gaussian mixture on the line, in host numbers: distribution function and density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, ndtr

from diffmath._arrays.host_numbers import check_host

__all__ = ["LineMixture"]

Host = npt.NDArray[np.float64]
# Numbers held at once, 8 MiB of float64.
CHUNK = 1 << 20


@dataclass(frozen=True)
class LineMixture:
    """A one-dimensional Gaussian mixture; called, its CDF, in which a component without width is a step."""

    weights: Host
    means: Host
    deviations: Host

    def __call__(self, z: npt.ArrayLike) -> Host:
        check_host("z", z)
        values = np.asarray(z, dtype=np.float64)
        total = np.zeros(values.size)
        flat, step = values.ravel(), max(1, CHUNK // len(self.weights))
        for i in range(0, values.size, step):
            gap = flat[i : i + step, None] - self.means
            width = self.deviations > 0
            smooth = ndtr(gap / np.where(width, self.deviations, 1.0))
            total[i : i + step] = np.where(width, smooth, gap >= 0) @ self.weights
        return total.reshape(values.shape)

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
