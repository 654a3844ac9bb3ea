r"""Gaussian data: everything in closed form.

.. math:: p_t = \mathcal N(\alpha m, V), \quad V = \alpha^2 C + \sigma^2 I, \qquad
   \nabla\log p_t = -V^{-1}(x - \alpha m), \qquad D = m + \alpha C V^{-1} (x - \alpha m), \qquad
   \Psi_{s \to t}(x) = \alpha_t m + (V_t V_s^{-1})^{1/2} (x - \alpha_s m)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath.diffusion._exact import (
    LOG_2PI,
    HostArray,
    Marginal,
    Measurement,
    frozen,
    host_parameter,
    send,
    spectrum,
    transition_factors,
)
from diffmath.diffusion._process import Process
from diffmath.diffusion._targets.components import ComponentTarget
from diffmath.diffusion._targets.rows import row_product
from diffmath.diffusion._targets.transition import Transition
from diffmath.random import Key, fold_in, normal

__all__ = ["Gaussian"]


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Gaussian(ComponentTarget):
    r"""A Gaussian in d dimensions, whose flow map and transition laws are exact too.

    .. math:: p_0(x) = \mathcal N(x; m, C)

    Parameters
    ----------
    mean : array_like, shape (d,)
    covariance : array_like, shape (), (d,) or (d, d)
        A multiple of the identity, a diagonal, or a full matrix; zero variance is a point mass.

    Raises
    ------
    TypeError
        Parameters that are not host numbers.
    ValueError
        Shapes that do not fit, or a covariance that is not symmetric positive semi-definite.

    Notes
    -----
    Parameters are host constants; results have the library, dtype and device of x. An evaluation costs
    O(batch d), with a full matrix O(batch d^2).

    Examples
    --------
    >>> import numpy as np
    >>> target = Gaussian([1.0, 0.0], [[2.0, 0.5], [0.5, 1.0]])
    >>> target
    Gaussian(dim=2)
    >>> target.log_density(np.array([[1.0, 0.0]])).round(4)
    array([-2.1177])
    """

    _mean: HostArray
    _covariance: HostArray
    _variances: HostArray
    _axes: HostArray | None

    def __init__(self, mean: npt.ArrayLike, covariance: npt.ArrayLike) -> None:
        m = host_parameter("mean", mean, "(d,)", (1,))
        shape = "(), (d,) or (d, d)"
        c = host_parameter("covariance", covariance, shape, (0, 1, 2))
        d = len(m)
        if c.shape != (d, d)[: c.ndim]:
            raise ValueError(
                f"mean and covariance must have shapes (d,) and {shape}; got {m.shape} and {c.shape}"
            )
        variances, axes = spectrum("covariance", c[None], (1, d))
        matrix = c if c.ndim == 2 else np.diag(variances[0])
        object.__setattr__(self, "_mean", m)
        object.__setattr__(self, "_covariance", frozen(np.array(matrix)))
        object.__setattr__(self, "_variances", frozen(np.array(variances[0])))
        object.__setattr__(self, "_axes", None if axes is None else frozen(axes[0]))

    @property
    def dim(self) -> int:
        """Dimension of the data."""
        return len(self._mean)

    @property
    def mean(self) -> HostArray:
        """Mean of the data, shape (dim,), on the host."""
        return self._mean

    @property
    def covariance(self) -> HostArray:
        """Covariance of the data, shape (dim, dim), on the host."""
        return self._covariance

    @on_its_device
    def transition(self, process: Process, x: Array, s: float, t: float, *, tau: float = 1.0) -> Transition:
        r"""Return the law of :math:`x_t` given :math:`x_s` under the SDE of strength tau, a `Transition`.

        .. math:: x_t \mid x_s \sim \mathcal N\big(\alpha_t m + (V_t V_s^{-1})^{1/2} Q^{\tau^2/2}
           (x_s - \alpha_s m),\; V_t (I - Q^{\tau^2})\big), \qquad Q = \frac{V_t/\alpha_t^2}{V_s/\alpha_s^2}

        (its inverse where t is noisier than s).

        Parameters
        ----------
        process : Process
        x : array, shape (batch, dim)
            States at `s`.
        s, t : float
            Times, in either order: towards data the reverse SDE, towards noise the forward one.
        tau : float
            Strength of the noise: 0 is the probability-flow ODE, 1 the SDE of the process or its reverse.

        Returns
        -------
        Transition

        Raises
        ------
        ValueError
            A negative tau, a wrong shape, values that are not finite, or a point mass at `s`.

        Notes
        -----
        The reverse SDE of strength tau is :math:`dx = (f x - \frac{1 + \tau^2}{2} g^2 \nabla\log p)\,dt
        + \tau g\,dW`. All of them have the marginals of the process; samplers of any tau are tested against
        this law.

        References
        ----------
        .. [1] Xue et al. (2023), SA-Solver, arXiv:2309.05019, eq. 6, for the family.

        Examples
        --------
        >>> import numpy as np
        >>> from diffmath import diffusion
        >>> law = Gaussian([0.0], 1.0).transition(diffusion.vp(), np.ones((1, 1)), 0.5, 0.1)
        >>> law.mean.round(4), law.covariance.round(4)
        (array([[0.297]]), array([[0.9118]]))
        """
        x, start, end = self._checked_step(process, x, s, t)
        if not 0 <= tau < np.inf:
            raise ValueError(f"tau must be finite and not negative; got {tau}")
        factors, variances = transition_factors(self._variances, start, end, float(tau))
        mean = self._moved(x, start[0], end[0], factors)[:, None, :]
        axes = None if self._axes is None else self._axes[None]
        return Transition(array_namespace(x).ones_like(mean[:, :, 0]), mean, variances[None], axes)

    def _moved(self, x: Array, alpha_s: float, alpha_t: float, factors: HostArray) -> Array:
        """Return alpha_t m + U factors U^T (x - alpha_s m)."""
        mean = send(self._mean, x)
        gap = (self._into(x - alpha_s * mean)) * send(factors, x)
        return alpha_t * mean + self._back(gap)

    def _into(self, x: Array) -> Array:
        return x if self._axes is None else row_product(x, send(self._axes, x))

    def _back(self, y: Array) -> Array:
        return (
            y
            if self._axes is None
            else row_product(y, array_namespace(y).matrix_transpose(send(self._axes, y)))
        )

    def _no_flow(self) -> str:
        return ""

    def _flow(self, x: Array, start: Marginal, end: Marginal) -> tuple[Array, Array]:
        factors, _ = transition_factors(self._variances, start, end, 0.0)
        xp = array_namespace(x)
        change = float(np.sum(np.log(factors)))
        return self._moved(x, start[0], end[0], factors), xp.zeros_like(x[:, 0]) + change

    @property
    def _width(self) -> int:
        return self.dim

    @property
    def _smooth(self) -> bool:
        return bool(np.all(self._variances > 0))

    def _rows(self, x: Array, alpha: Any, sigma: Any) -> _GaussianRows:
        return _GaussianRows(self, x, alpha, sigma)

    def _sample_data(self, key: Key, n: int, like: Array) -> Array:
        z = normal(fold_in(key, "normal"), (n, self.dim), like=like)
        return send(self._mean, z) + self._back(send(np.sqrt(self._variances), z) * z)

    def _measured(self, measurement: Measurement) -> tuple[Gaussian, float]:
        means, covariance, log_density = measurement.update(self._mean[None], self._covariance)
        return Gaussian(means[0], covariance), float(log_density[0])

    def _projected_components(self, direction: HostArray) -> tuple[HostArray, HostArray, HostArray]:
        along = direction if self._axes is None else direction @ self._axes
        return np.ones(1), np.array([self._mean @ direction]), np.array([self._variances @ along**2])

    def __repr__(self) -> str:
        return f"Gaussian(dim={self.dim})"


class _GaussianRows:
    """The Gaussian at rows x, in the eigenbasis of its covariance."""

    def __init__(self, target: Gaussian, x: Array, alpha: Any, sigma: Any) -> None:
        self.xp, self.target, self.alpha = array_namespace(x), target, alpha
        self.mean, self.data_variance = send(target._mean, x), send(target._variances, x)
        self.gap = target._into(x - alpha * self.mean)
        # One row of variances for a common time; the zeros give it the rows of x.
        self.variance = alpha**2 * self.data_variance + sigma**2 + self.xp.zeros_like(x)

    def log_density(self) -> Array:
        terms = self.gap**2 / self.variance + self.xp.log(self.variance) + LOG_2PI
        return -0.5 * self.xp.sum(terms, axis=1)

    def score(self) -> Array:
        return self.target._back(-self.gap / self.variance)

    def denoiser(self) -> Array:
        return self.mean + self.target._back(self.alpha * self.data_variance * self.gap / self.variance)

    def divergence(self) -> Array:
        return -self.xp.sum(1 / self.variance, axis=1)

    def denoiser_divergence(self) -> Array:
        return self.xp.sum(self.alpha * self.data_variance / self.variance, axis=1)

    def denoiser_along(self, v: Array) -> Array:
        shares = self.alpha * self.data_variance / self.variance
        return self.target._back(shares * self.target._into(v))
