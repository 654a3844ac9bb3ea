r"""The exact velocity and score of an interpolant between two Gaussian mixtures.

.. math:: p_t = \sum_{ij} w_i w'_j\,\mathcal N(\mu_{ij}, S_{ij}), \qquad \mu_{ij} = a m_i + b m'_j, \quad
   S_{ij} = a^2 C_i + b^2 C'_j + \gamma^2 I

with independent ends. Given the pair of components all is normal: with :math:`y = S^{-1}(x - \mu)`,
:math:`E[x_0|x] = m + a C y`, :math:`E[x_1|x] = m' + b C' y`, :math:`\nabla\ln p = -y`. Source: Albergo, Boffi
& Vanden-Eijnden (2023), arXiv:2303.08797.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, asarray_like, check_array
from diffmath._core.typing import Array
from diffmath.diffusion._paths.interpolant import Interpolant
from diffmath.diffusion._targets import GaussianMixture

__all__ = ["MixtureInterpolant"]


@dataclass(frozen=True, eq=False)
class MixtureInterpolant:
    r"""An interpolant between two independent Gaussian mixtures, with everything in closed form.

    Parameters
    ----------
    interpolant : Interpolant
    start, end : GaussianMixture
        The laws of x0 and x1, of one dimension d.

    Raises
    ------
    TypeError
        Other objects.
    ValueError
        Mixtures of two dimensions; in a call, a time where a covariance is singular (point masses at an end).

    Notes
    -----
    A reference for networks and solvers: times are host numbers, results have the library, dtype and device
    of x. A call costs O(k k' d^3) on the host, for k and k' components, and O(batch k k' d^2).

    References
    ----------
    .. [1] Albergo, Boffi & Vanden-Eijnden (2023), arXiv:2303.08797.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import diffusion
    >>> start = diffusion.GaussianMixture([1.0], [[0.0]], [1.0])
    >>> end = diffusion.GaussianMixture([1.0], [[3.0]], [1.0])
    >>> exact = MixtureInterpolant(diffusion.interpolant(gamma="zero"), start, end)
    >>> exact.flow(np.zeros((1, 1)), 0.0), exact.flow(np.full((1, 1), 1.5), 0.5)
    (array([[3.]]), array([[3.]]))
    """

    interpolant: Interpolant
    start: GaussianMixture
    end: GaussianMixture

    def __post_init__(self) -> None:
        if not isinstance(self.interpolant, Interpolant):
            raise TypeError(f"interpolant must be an Interpolant; got {type(self.interpolant).__name__}")
        for name, law in (("start", self.start), ("end", self.end)):
            if not isinstance(law, GaussianMixture):
                raise TypeError(f"{name} must be a GaussianMixture; got {type(law).__name__}")
        if self.start.dim != self.end.dim:
            raise ValueError(
                f"start and end must have one dimension; got {self.start.dim} and {self.end.dim}"
            )

    def velocity(self, x: Array, t: float) -> Array:
        r"""Return :math:`v = E[\dot a x_0 + \dot b x_1 \mid x_t = x]`, shape (batch, d)."""
        return self._mean(x, t, "velocity")

    def score(self, x: Array, t: float) -> Array:
        r"""Return :math:`\nabla \ln p_t(x)`, shape (batch, d)."""
        return self._mean(x, t, "score")

    def flow(self, x: Array, t: float) -> Array:
        r"""Return :math:`u = v - \gamma\dot\gamma\,\nabla\ln p_t`, shape (batch, d)."""
        return self._mean(x, t, "flow")

    @on_its_device
    def log_density(self, x: Array, t: float) -> Array:
        r"""Return :math:`\ln p_t(x)`, shape (batch,)."""
        x = check_array("x", x, min_ndim=2)
        xp, logs = array_namespace(x), self._components(x, float(t))[0]
        top = xp.max(logs, axis=1)
        return top + xp.log(xp.sum(xp.exp(logs - top[:, None]), axis=1))

    @on_its_device
    def _mean(self, x: Array, t: float, wanted: str) -> Array:
        """The mean over the components given x of a field that is affine in y in each."""
        x = check_array("x", x, min_ndim=2)
        xp, path, at = array_namespace(x), self.interpolant, float(t)
        logs, y = self._components(x, at)
        weights = xp.exp(logs - xp.max(logs, axis=1)[:, None])
        weights = weights / xp.sum(weights, axis=1)[:, None]
        if wanted == "score":
            return -xp.sum(weights[:, :, None] * y, axis=1)
        a, b, d_a, d_b = (float(f(at)) for f in (path.a, path.b, path.d_a, path.d_b))
        (_, m, C), (_, n, D) = self._pairs()
        slope = a * d_a * C + b * d_b * D
        if wanted == "flow":  # u = v - gamma gamma' s, and s = -y
            slope = slope + float(path.gamma_rate(at)) * np.eye(self.start.dim)
        moved = asarray_like(d_a * m + d_b * n, x) + (asarray_like(slope, x) @ y[..., None])[..., 0]
        return xp.sum(weights[:, :, None] * moved, axis=1)

    def _components(self, x: Array, t: float) -> tuple[Array, Array]:
        """Return ln(w N(x)) and y = S^-1 (x - mu) for each pair of components."""
        if not 0 <= t <= 1:
            raise ValueError(f"t must lie in [0, 1]; got {t}")
        xp, path, d = array_namespace(x), self.interpolant, self.start.dim
        if x.ndim != 2 or x.shape[1] != d:
            raise ValueError(f"x must have shape (batch, {d}); got {tuple(x.shape)}")
        a, b, gamma = (float(f(t)) for f in (path.a, path.b, path.gamma))
        (v, m, C), (w, n, D) = self._pairs()
        S = a**2 * C + b**2 * D + gamma**2 * np.eye(d)
        try:
            inverse = np.linalg.inv(np.linalg.cholesky(S))
        except np.linalg.LinAlgError:
            raise ValueError(
                f"a covariance of the interpolant is singular at t={t:g}; use times inside (0, 1), or "
                "mixtures with positive variances"
            ) from None
        centred = x[:, None, :] - asarray_like(a * m + b * n, x)
        shifted = (asarray_like(inverse, x) @ centred[..., None])[..., 0]
        scales = np.diagonal(inverse, axis1=1, axis2=2) / math.sqrt(2 * math.pi)
        constant = np.log(v * w) + np.sum(np.log(scales), axis=1)
        logs = asarray_like(constant, x) - xp.sum(shifted**2, axis=2) / 2
        return logs, (asarray_like(np.swapaxes(inverse, 1, 2).copy(), x) @ shifted[..., None])[..., 0]

    def _pairs(self) -> tuple[Any, Any]:
        """Weights, means and covariances of both ends, one row for each pair of components."""
        first, second = _full(self.start), _full(self.end)
        k, n = len(first[0]), len(second[0])
        return (
            tuple(np.repeat(part, n, axis=0) for part in first),
            tuple(np.tile(part, (k,) + (1,) * (part.ndim - 1)) for part in second),
        )


def _full(law: GaussianMixture) -> tuple[npt.NDArray[np.float64], ...]:
    covariances, d = np.asarray(law.covariances), law.dim
    if covariances.ndim < 3:
        covariances = np.eye(d) * covariances.reshape(len(covariances), -1, 1)
    return np.asarray(law.weights), np.asarray(law.means), covariances
