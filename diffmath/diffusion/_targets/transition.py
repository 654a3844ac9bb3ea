"""The Gaussian law of a later state given an earlier one, per row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath.diffusion._exact import HostArray, send
from diffmath.diffusion._targets.rows import row_product
from diffmath.random import Key, fold_in, normal

__all__ = ["Transition"]


@dataclass(frozen=True, eq=False, repr=False)
class Transition:
    r"""The exact law of :math:`x_t` given :math:`x_s`: a Gaussian with a mean per row and one covariance.

    Made by `Gaussian.transition`.

    Parameters
    ----------
    mean : array, shape (batch, dim)
    variances : numpy.ndarray, shape (dim,)
        Eigenvalues of the covariance, on the host.
    axes : numpy.ndarray, shape (dim, dim), optional
        Its eigenvectors, as columns; by default those of the coordinates.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion, random
    >>> law = diffusion.Gaussian([0.0], 1.0).transition(diffusion.edm(), np.ones((3, 1)), 2.0, 1.0)
    >>> law
    Transition(batch=3, dim=1)
    >>> law.mean[0], law.covariance
    (array([0.4]), array([[1.2]]))
    >>> law.sample(random.key(0)).shape
    (3, 1)
    """

    mean: Array
    variances: HostArray
    axes: HostArray | None = None

    @property
    def covariance(self) -> HostArray:
        """Covariance, the same in every row, shape (dim, dim), on the host."""
        if self.axes is None:
            return np.diag(self.variances)
        return np.asarray(self.axes * self.variances @ self.axes.T)

    @on_its_device
    def sample(self, key: Key) -> Array:
        """Draw one state per row, shape (batch, dim); the domain "diffusion.transition" is folded in.

        With the same key, row i has the same noise whatever the law.
        """
        z = normal(fold_in(key, "diffusion.transition"), tuple(self.mean.shape), like=self.mean)
        noise = send(np.sqrt(self.variances), z) * z
        if self.axes is not None:
            noise = row_product(noise, array_namespace(z).matrix_transpose(send(self.axes, z)))
        return self.mean + noise

    def __repr__(self) -> str:
        return f"Transition(batch={self.mean.shape[0]}, dim={self.mean.shape[1]})"
