"""The law of a later state given an earlier one, per row: Gaussians and mixtures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array, same_kind
from diffmath._core.typing import Array
from diffmath.diffusion._exact import LOG_2PI, HostArray, normalise, send
from diffmath.diffusion._targets.rows import row_product
from diffmath.random import Key, fold_in, normal, uniform

__all__ = ["Transition"]


@dataclass(frozen=True, eq=False, repr=False)
class Transition:
    r"""The exact law of :math:`x_t` given :math:`x_s`: in each row a mixture of k Gaussians.

    Made by `Gaussian.transition`, with k = 1, and `GaussianMixture.transition`.

    Parameters
    ----------
    weights : array, shape (batch, k)
        Weights of the components in each row.
    means : array, shape (batch, k, dim)
    variances : numpy.ndarray, shape (k, dim)
        Eigenvalues of the covariances, the same in every row, on the host.
    axes : numpy.ndarray, shape (k, dim, dim), optional
        Their eigenvectors, as columns; by default those of the coordinates.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion, random
    >>> law = diffusion.Gaussian([0.0], 1.0).transition(diffusion.edm(), np.ones((3, 1)), 2.0, 1.0)
    >>> law
    Transition(batch=3, components=1, dim=1)
    >>> law.mean[0], law.covariance
    (array([0.4]), array([[1.2]]))
    >>> law.sample(random.key(0)).shape
    (3, 1)
    """

    weights: Array
    means: Array
    variances: HostArray
    axes: HostArray | None = None

    @property
    def mean(self) -> Array:
        """Mean, shape (batch, dim)."""
        xp = array_namespace(self.means)
        return xp.sum(self.weights[:, :, None] * self.means, axis=1)

    @property
    def covariances(self) -> HostArray:
        """Covariances of the components, shape (k, dim, dim), on the host."""
        if self.axes is None:
            return np.eye(self.variances.shape[1]) * self.variances[:, None, :]
        return np.asarray((self.axes * self.variances[:, None, :]) @ self.axes.transpose(0, 2, 1))

    @property
    def covariance(self) -> HostArray:
        """Covariance of a law with one component, shape (dim, dim), on the host.

        Raises
        ------
        ValueError
            There are several components: the covariance then differs from row to row.
        """
        if len(self.variances) != 1:
            raise ValueError(f"{self!r} has a covariance per row; those of its components are `covariances`")
        return np.asarray(self.covariances[0])

    @on_its_device
    def sample(self, key: Key) -> Array:
        """Draw one state per row, shape (batch, dim); the domain "diffusion.transition" is folded in.

        With the same key, row i has the same random numbers whatever the law.
        """
        key = fold_in(key, "diffusion.transition")
        batch, k, dim = self.means.shape
        z = normal(fold_in(key, "normal"), (batch, dim), like=self.means)
        xp = array_namespace(z)
        noise = send(np.sqrt(self.variances), z) * z[:, None, :]
        drawn = self.means + (noise if self.axes is None else row_product(noise, send(self._inverse, z)))
        if k == 1:
            return drawn[:, 0, :]
        u = uniform(fold_in(key, "component"), (batch, 1), like=z)
        above = xp.cumulative_sum(self.weights, axis=1)[:, :-1]
        chosen = xp.sum(xp.astype(u > above, xp.int32), axis=1)
        one_hot = chosen[:, None] == xp.arange(k, dtype=chosen.dtype, device=chosen.device)[None, :]
        return xp.sum(xp.where(one_hot[:, :, None], drawn, xp.zeros_like(drawn)), axis=1)

    @on_its_device
    def log_density(self, x: Array) -> Array:
        """Return the log-density at one state per row, shape (batch,).

        Parameters
        ----------
        x : array, shape (batch, dim)

        Raises
        ------
        ValueError
            A wrong shape, or a law without a density (tau = 0, or an end at point masses).
        """
        x = check_array("x", x, ndim=2)
        same_kind("x", x, "the states of the law", self.means)
        batch, _, dim = self.means.shape
        if tuple(x.shape) != (batch, dim):
            raise ValueError(f"x must have one state per row, shape ({batch}, {dim}); got {tuple(x.shape)}")
        if not np.all(self.variances > 0):
            raise ValueError("the law has no density: its variance is 0 in a direction")
        xp = array_namespace(x)
        gap = x[:, None, :] - self.means
        if self.axes is not None:
            gap = row_product(gap, send(self.axes, x))
        variances = send(self.variances, x)
        with np.errstate(all="ignore"):
            terms = xp.sum(gap**2 / variances + xp.log(variances) + LOG_2PI, axis=2)
            return normalise(xp.log(self.weights) - 0.5 * terms, axis=1)[1]

    @property
    def _inverse(self) -> HostArray:
        assert self.axes is not None
        return self.axes.transpose(0, 2, 1)

    def __repr__(self) -> str:
        batch, k, dim = self.means.shape
        return f"Transition(batch={batch}, components={k}, dim={dim})"
