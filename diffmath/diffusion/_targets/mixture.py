r"""Gaussian mixtures: targets with all quantities in closed form.

.. math:: p_t = \sum_k w_k\,\mathcal N(\alpha m_k, \Sigma_k), \quad \Sigma_k = \alpha^2 C_k + \sigma^2 I,
   \qquad \nabla\log p_t = \sum_k r_k s_k, \quad s_k = -\Sigma_k^{-1}(x - \alpha m_k), \qquad
   D = \sum_k r_k \big(m_k - \alpha C_k s_k\big)

with responsibilities r = softmax(ln w_k + ln N_k). The trace of the Hessian is
:math:`\sum_k r_k(|s_k - s|^2 - \mathrm{tr}\,\Sigma_k^{-1})`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from diffmath._arrays.devices import on_its_device
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
    spectrum,
    transition_factors,
)
from diffmath.diffusion._process import Process
from diffmath.diffusion._targets.components import ComponentTarget
from diffmath.diffusion._targets.rows import per_row, row_product, row_sum
from diffmath.diffusion._targets.transition import Transition
from diffmath.random import Key, fold_in, normal, uniform

__all__ = ["GaussianMixture"]


@dataclass(frozen=True, eq=False, repr=False)
class GaussianMixture(ComponentTarget):
    r"""A mixture of k Gaussians in d dimensions, with its exact score at every time.

    .. math:: p_0(x) = \sum_k w_k\,\mathcal N(x; m_k, C_k)

    Parameters
    ----------
    weights : array_like, shape (k,)
        Positive, summing to 1.
    means : array_like, shape (k, d)
    covariances : array_like, shape (k,), (k, d) or (k, d, d)
        Multiples of the identity, diagonals, or full matrices; zero variance is a point mass.

    Raises
    ------
    TypeError
        Parameters that are not host numbers.
    ValueError
        Shapes that do not fit, weights that are not positive or do not sum to 1, a covariance that is not
        symmetric positive semi-definite (the message has its least eigenvalue).

    Notes
    -----
    Parameters are host constants; results have the library, dtype and device of x. An evaluation costs
    O(batch k d), with full matrices O(batch k d^2), in chunks of bounded memory.

    Examples
    --------
    >>> import numpy as np
    >>> target = GaussianMixture(weights=[0.3, 0.7], means=[[-2.0, 0.0], [2.0, 1.0]], covariances=[0.1, 0.2])
    >>> target
    GaussianMixture(components=2, dim=2)
    >>> target.mean
    array([0.8, 0.7])
    >>> target.log_density(np.array([[2.0, 1.0]])).round(4)
    array([-0.5851])
    """

    weights: HostArray
    means: HostArray
    covariances: HostArray
    # Eigenvalues (k, d) and, for full matrices, eigenvectors (k, d, d) of the covariances.
    _variances: HostArray = field(init=False)
    _axes: HostArray | None = field(init=False)
    _log_weights: HostArray = field(init=False)

    def __post_init__(self) -> None:
        weights = host_parameter("weights", self.weights, "(k,)", (1,))
        means = host_parameter("means", self.means, "(k, d)", (2,))
        shape = "(k,), (k, d) or (k, d, d)"
        covariances = host_parameter("covariances", self.covariances, shape, (1, 2, 3))
        check_weights(weights)
        k, d = means.shape
        if len(weights) != k or covariances.shape != (k, d, d)[: covariances.ndim]:
            raise ValueError(
                f"weights, means and covariances must have shapes (k,), (k, d) and {shape}; "
                f"got {weights.shape}, {means.shape} and {covariances.shape}"
            )
        variances, axes = spectrum("covariances", covariances, (k, d))
        values: dict[str, Any] = {"weights": weights, "means": means, "covariances": covariances}
        values |= {"_variances": variances, "_axes": axes, "_log_weights": np.log(weights)}
        for name, value in values.items():
            object.__setattr__(self, name, None if value is None else frozen(value))

    @property
    def dim(self) -> int:
        """Dimension of the data."""
        return int(self.means.shape[1])

    @property
    def mean(self) -> HostArray:
        """Mean of the data, shape (dim,), on the host."""
        return np.asarray(self.weights @ self.means)

    @property
    def covariance(self) -> HostArray:
        """Covariance of the data, shape (dim, dim), on the host."""
        centred = self.means - self.mean
        between = np.einsum("k,ki,kj->ij", self.weights, centred, centred)
        return np.asarray(np.einsum("k,kij->ij", self.weights, self._matrices()) + between)

    @on_its_device
    def transition(self, process: Process, x: Array, s: float, t: float) -> Transition:
        r"""Return the law of :math:`x_t` given :math:`x_s` under the process or its reverse, a `Transition`.

        .. math:: x_t \mid x_s \sim \sum_k r_k(x_s)\,\mathcal N(\mu_k, P_k)

        with the responsibilities of the components at :math:`x_s`, and of each the transition of a
        `Gaussian`.

        Parameters
        ----------
        process : Process
        x : array, shape (batch, dim)
            States at `s`.
        s, t : float
            Times, in either order: towards data the reverse SDE, towards noise the forward one.

        Returns
        -------
        Transition

        Raises
        ------
        ValueError
            A wrong shape, values that are not finite, or point masses at `s`.

        Notes
        -----
        Only for tau = 1, where the component does not change along a path: the reverse SDE is the forward
        process, run backwards.

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion
        >>> pair = diffusion.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.0, 0.0])
        >>> law = pair.transition(diffusion.edm(), np.array([[0.5]]), 1.0, 0.0)
        >>> law.weights.round(4), law.means[0, :, 0]
        (array([[0.2689, 0.7311]]), array([-1.,  1.]))
        """
        x, start, end = self._checked_step(process, x, s, t)
        factors, variances = transition_factors(self._variances, start, end, 1.0)
        with np.errstate(all="ignore"):
            rows = self._rows(x, *start)
            moved = rows.from_eigenbasis(rows.gap * send(factors, x))
            return Transition(rows.normalised[0], end[0] * rows.means + moved, variances, self._axes)

    @property
    def _width(self) -> int:
        return int(self.means.size)

    @property
    def _smooth(self) -> bool:
        return bool(np.all(self._variances > 0))

    def _matrices(self) -> HostArray:
        return self.covariances if self._axes is not None else np.eye(self.dim) * self._variances[:, None, :]

    def _rows(self, x: Array, alpha: Any, sigma: Any) -> _MixtureRows:
        return _MixtureRows(self, x, alpha, sigma)

    def _sample_data(self, key: Key, n: int, like: Array) -> Array:
        u = uniform(fold_in(key, "component"), (n, 1), like=like)
        z = normal(fold_in(key, "normal"), (n, self.dim), like=like)
        xp = array_namespace(z)
        bounds = send(np.cumsum(self.weights)[:-1], z)
        component = xp.sum(xp.astype(u > bounds[None, :], xp.int32), axis=1)
        x = xp.take(send(self.means, z), component, axis=0)
        if self._axes is None:
            return x + xp.take(send(np.sqrt(self._variances), z), component, axis=0) * z
        for k, root in enumerate(self._axes * np.sqrt(self._variances)[:, None, :]):
            chosen = xp.astype(component == k, z.dtype)[:, None]
            x = x + chosen * (z @ send(root.T, z))
        return x

    def _measured(self, measurement: Measurement) -> tuple[GaussianMixture, float]:
        updates = [
            measurement.update(mean[None], matrix) for mean, matrix in zip(self.means, self._matrices())
        ]
        means, covariances, log_densities = (list(part) for part in zip(*updates))
        weights, log_evidence = posterior_weights(self._log_weights, np.concatenate(log_densities))
        kept = weights > 0
        found = (weights[kept], np.concatenate(means)[kept], np.stack(covariances)[kept])
        return GaussianMixture(*found), log_evidence

    def _projected_components(self, direction: HostArray) -> tuple[HostArray, HostArray, HostArray]:
        along = direction if self._axes is None else np.einsum("i,kij->kj", direction, self._axes)
        return self.weights, self.means @ direction, np.sum(self._variances * along**2, axis=1)

    def __repr__(self) -> str:
        return f"GaussianMixture(components={len(self.weights)}, dim={self.dim})"


class _MixtureRows:
    """The mixture at rows x: arrays are (batch, component, dim), in the eigenbasis of each covariance.

    The sums over components run along an axis before the last, so that a row is summed in the same order
    whatever the number of rows.
    """

    def __init__(self, target: GaussianMixture, x: Array, alpha: Any, sigma: Any) -> None:
        self.xp = array_namespace(x)
        self.alpha = per_row(alpha)
        self.means = send(target.means, x)
        self.data_variance = send(target._variances, x)
        self.axes = None if target._axes is None else send(target._axes, x)
        self.log_weights = send(target._log_weights, x)
        gap = x[:, None, :] - self.alpha * self.means
        self.gap = gap if self.axes is None else row_product(gap, self.axes)
        variance = self.alpha**2 * self.data_variance + per_row(sigma) ** 2
        self.variance = variance if variance.ndim == 3 else variance[None, :, :]

    @cached_property
    def normalised(self) -> tuple[Array, Array]:
        """Responsibilities (batch, component) and log-density (batch,)."""
        log_normal = -0.5 * row_sum(self.gap**2 / self.variance + self.xp.log(self.variance) + LOG_2PI, 2)
        return normalise(self.log_weights + log_normal, axis=1)

    @cached_property
    def scores(self) -> Array:
        """Score of each component."""
        return self.from_eigenbasis(-self.gap / self.variance)

    @cached_property
    def denoised(self) -> Array:
        """Mean of the data given x and the component."""
        # m + alpha C Sigma^-1 gap instead of (x + sigma^2 s)/alpha: exact for point masses, and at alpha = 0.
        return self.means + self.from_eigenbasis(self.alpha * self.data_variance * self.gap / self.variance)

    def log_density(self) -> Array:
        return self.normalised[1]

    def score(self) -> Array:
        return self._average(self.scores)

    def denoiser(self) -> Array:
        return self._average(self.denoised)

    def divergence(self) -> Array:
        spread = row_sum((self.scores - self.score()[:, None, :]) ** 2, 2)
        return self._total(spread - row_sum(1 / self.variance, 2))

    def denoiser_divergence(self) -> Array:
        # (alpha/sigma^2) (D_k - D).(D_k - D) = (D_k - D).(s_k - s): regular at alpha = 0 and at sigma = 0.
        moved = self.denoised - self.denoiser()[:, None, :]
        between = row_sum(moved * (self.scores - self.score()[:, None, :]), 2)
        within = row_sum(self.alpha * self.data_variance / self.variance, 2)
        return self._total(between + within)

    def denoiser_along(self, v: Array) -> Array:
        # d r_k = r_k (s_k - s).v; sum of r_k (s_k - s) is 0, so D_k may be centred.
        along = v[:, None, :] + self.xp.zeros_like(self.gap)
        inside = along if self.axes is None else row_product(along, self.axes)
        within = self.from_eigenbasis(self.alpha * self.data_variance * inside / self.variance)
        moved = self.denoised - self.denoiser()[:, None, :]
        change = self.xp.sum((self.scores - self.score()[:, None, :]) * v[:, None, :], axis=2)
        return self._average(within + change[:, :, None] * moved)

    def _average(self, per_component: Array) -> Array:
        return row_sum(self.normalised[0][:, :, None] * per_component, 1)

    def _total(self, per_component: Array) -> Array:
        return row_sum(self.normalised[0] * per_component, 1)

    def from_eigenbasis(self, y: Array) -> Array:
        return y if self.axes is None else row_product(y, self.xp.matrix_transpose(self.axes))
