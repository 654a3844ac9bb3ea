r"""Bayes' rule for linear measurements of Gaussian components.

.. math:: y = H x_0 + n, \quad n \sim \mathcal N(0, R), \qquad S = H C H^T + R, \quad K = C H^T S^{-1}, \qquad
   m' = m + K (y - H m), \quad C' = (I - K H) C (I - K H)^T + K R K^T, \qquad
   w' \propto w\,\mathcal N(y; H m, S)

The form of C' is Joseph's: a sum of squares, so that rounding leaves it positive semi-definite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.special import logsumexp

from diffmath.diffusion._exact.parameters import LOG_2PI, HostArray, host_parameter
from diffmath.diffusion._exact.spectrum import spectrum

__all__ = ["Measurement", "posterior_weights"]


@dataclass(frozen=True)
class Measurement:
    """A linear measurement y = H x + n, shapes (m, d), (m,) and (m, m)."""

    H: HostArray
    y: HostArray
    noise: HostArray

    @classmethod
    def checked(cls, H: npt.ArrayLike, y: npt.ArrayLike, noise: npt.ArrayLike, dim: int) -> Measurement:
        """Return the measurement of data of this dimension, or refuse its parts by name."""
        H, y = host_parameter("H", H, "(m, dim)", (2,)), host_parameter("y", y, "(m,)", (1,))
        shape = "(), (m,) or (m, m)"
        noise = host_parameter("noise", noise, shape, (0, 1, 2))
        m = len(y)
        if H.shape != (m, dim) or noise.shape != (m, m)[: noise.ndim]:
            raise ValueError(
                f"H, y and noise must have shapes (m, {dim}), (m,) and {shape}; "
                f"got {H.shape}, {y.shape} and {noise.shape}"
            )
        spectrum("noise", noise[None], (1, m))
        return cls(H, y, noise if noise.ndim == 2 else np.eye(m) * noise)

    def moved(self, shift: HostArray, rotation: HostArray) -> Measurement:
        """Return the measurement of z that this is of x = rotation z + shift."""
        return Measurement(self.H @ rotation, self.y - self.H @ shift, self.noise)

    def update(self, means: HostArray, covariance: HostArray) -> tuple[HostArray, HostArray, HostArray]:
        """Return the means (k, d) and the covariance given y, and the log-density of y under each component.

        The components have one covariance, (d, d).
        """
        cross = covariance @ self.H.T
        factor = self._factor(self.H @ cross)
        gain = np.asarray(cho_solve(factor, cross.T)).T
        gap = self.y - means @ self.H.T
        rest = np.eye(len(covariance)) - gain @ self.H
        updated = rest @ covariance @ rest.T + gain @ self.noise @ gain.T
        whitened = np.asarray(cho_solve(factor, gap.T)).T
        log_scale = 2 * np.sum(np.log(np.diag(factor[0]))) + len(self.y) * LOG_2PI
        log_density = -0.5 * (np.sum(gap * whitened, axis=1) + log_scale)
        return means + gap @ gain.T, 0.5 * (updated + updated.T), log_density

    def _factor(self, signal: HostArray) -> tuple[HostArray, bool]:
        total = signal + self.noise
        scale = np.diag(total)
        # Singular up to rounding: the least pivot of the correlation matrix is no more than its rounding.
        bad = bool(np.any(scale <= 0))
        if not bad:
            root = np.sqrt(scale)
            try:
                pivots = np.diag(np.linalg.cholesky(total / np.outer(root, root)))
                bad = bool(pivots.min() ** 2 <= 8 * len(scale) * np.finfo(np.float64).eps)
            except np.linalg.LinAlgError:
                bad = True
        if bad:
            raise ValueError(
                "y must have a density: H C H^T + noise is singular or not positive; "
                "pass a positive definite noise"
            )
        factor: tuple[HostArray, bool] = cho_factor(total, lower=True)
        return factor


def posterior_weights(log_weights: HostArray, log_density: HostArray) -> tuple[HostArray, float]:
    """Return the weights given y, which may be 0, and the log-density of y."""
    joint = log_weights + log_density
    total = float(logsumexp(joint))
    weights = np.exp(joint - total)
    return weights / weights.sum(), total
