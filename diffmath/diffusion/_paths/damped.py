r"""Critically damped Langevin diffusion: noise enters the velocity only, and the data through it.

.. math:: dx = \frac{\beta}{M} v\,dt, \qquad
   dv = -\beta x\,dt - \frac{\Gamma\beta}{M} v\,dt + \sqrt{2\Gamma\beta}\,dW, \qquad \Gamma^2 = 4 M

The stationary law is :math:`\mathcal N(0, I) \times \mathcal N(0, M I)`. Only the score in v is needed, since
noise is added to v only. Source: Dockhorn, Vahdat & Kreis (2022), arXiv:2112.07068, section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.callables import check_model
from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._arrays.scalars import elementary
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array, Score, Time
from diffmath.diffusion._paths.damped_fields import DampedDiffusion, DampedDrift, DampedFlow, GaussianScore
from diffmath.diffusion._paths.damped_kernel import (
    covariance_entries,
    mean_entries,
    noise_entries,
    ratio_or_zero,
    score_scale,
)
from diffmath.diffusion._process import noise_for, row_times
from diffmath.random import Key, fold_in, normal
from diffmath.sde import SDE

__all__ = ["DampedLangevin", "cld"]

HostArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DampedLangevin:
    r"""A critically damped Langevin diffusion of data with velocities; `cld` makes it.

    A state has shape (batch, 2, \*state): x first, v second.

    Parameters
    ----------
    beta_min, beta_max : float
        :math:`\beta` at t = 0 and t = 1, linear between them.
    mass : float
        M, positive; the friction is :math:`\Gamma = 2\sqrt M`.
    velocity_variance : float
        Variance of the velocities at t = 0, positive.
    t_min, t_max : float
        Default end and start of sampling.

    Raises
    ------
    ValueError
        Parameters that are not positive, or times in the wrong order.

    Notes
    -----
    The mean and the covariance at every time are exact. Networks learn the score in v with the velocities at
    t = 0 integrated out (hybrid score matching).

    References
    ----------
    .. [1] Dockhorn, Vahdat & Kreis (2022), arXiv:2112.07068, section 3 and appendix B.

    Examples
    --------
    >>> process = cld()
    >>> process
    DampedLangevin(beta_min=4.0, beta_max=4.0, mass=0.25, velocity_variance=0.01, t_min=0.001, t_max=1.0)
    >>> process.covariance(1.0, data_variance=1.0).round(3)
    array([[1.  , 0.  ],
           [0.  , 0.25]])
    """

    beta_min: float
    beta_max: float
    mass: float
    velocity_variance: float
    t_min: float
    t_max: float

    def __post_init__(self) -> None:
        if not 0 < self.beta_min <= self.beta_max < math.inf:
            raise ValueError(
                f"need 0 < beta_min <= beta_max, finite; got beta_min={self.beta_min}, "
                f"beta_max={self.beta_max}"
            )
        for name in ("mass", "velocity_variance"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive and finite; got {getattr(self, name)}")
        if not 0 < self.t_min < self.t_max < math.inf:
            raise ValueError(f"need 0 < t_min < t_max, finite; got t_min={self.t_min}, t_max={self.t_max}")

    def beta(self, t: Time) -> Any:
        r"""Return :math:`\beta(t)`."""
        return self.beta_min + (self.beta_max - self.beta_min) * t

    def transition(self, start: float, end: float) -> tuple[HostArray, HostArray]:
        """Return the matrix E and the covariance Q of (x, v) at `end` given (x, v) at `start`, both 2 x 2.

        Examples
        --------
        >>> E, Q = cld().transition(0.2, 0.7)
        >>> bool(np.allclose(E @ np.diag([1.0, 0.25]) @ E.T + Q, np.diag([1.0, 0.25])))   # stationary
        True
        """
        if not 0 <= start <= end < math.inf:
            raise ValueError(f"need 0 <= start <= end, finite; got start={start}, end={end}")
        total = self.total(float(end)) - self.total(float(start))
        xx, xv, vv = noise_entries(total, self.mass)
        return np.reshape(mean_entries(total, self.mass), (2, 2)), np.array([[xx, xv], [xv, vv]])

    def covariance(self, t: float, *, data_variance: float = 0.0) -> HostArray:
        """Return the covariance of (x, v) at a time, 2 x 2, for data with a variance per component."""
        xx, xv, vv = covariance_entries(
            self.total(float(t)), self.mass, float(data_variance), self.velocity_variance
        )
        return np.array([[xx, xv], [xv, vv]])

    @on_its_device
    def perturb(self, x0: Array, t: Time, *, key: Key | None = None, noise: Array | None = None) -> Array:
        r"""Return (x, v) at time `t` given the data, with the velocities at t = 0 drawn too.

        Parameters
        ----------
        x0 : array, shape (batch, \*state)
        t : float or array, shape (batch,)
        key : Key, optional
            Key to draw the noise (domain "diffusion.perturb"); pass this or `noise`.
        noise : array, shape (batch, 2, \*state), optional
            Standard normal numbers :math:`(z_x, z_v)`; `training_target` takes them too.

        Returns
        -------
        array, shape (batch, 2, \*state)

        Examples
        --------
        >>> cld().perturb(np.ones((1, 1)), 0.0, noise=np.zeros((1, 2, 1)))[:, 0]
        array([[1.]])
        """
        x0 = check_array("x0", x0, min_ndim=2)
        xp = array_namespace(x0)
        z = noise_for("perturb", xp.stack([x0, x0], axis=1), key, noise)
        total = self.total(row_times(t, x0))
        xx, xv, vv = covariance_entries(total, self.mass, 0.0, self.velocity_variance)
        to_x, _, to_v, _ = mean_entries(total, self.mass)
        m = elementary(xx)
        root = m.sqrt(xx)
        # The last entry of the Cholesky factor; at t = 0 x is the data, and v is independent of it.
        across = ratio_or_zero(xv, root)
        x = to_x * x0 + root * z[:, 0, ...]
        v = to_v * x0 + across * z[:, 0, ...] + m.sqrt(vv - across**2) * z[:, 1, ...]
        return xp.stack([x, v], axis=1)

    @on_its_device
    def training_target(self, noise: Array, t: Time) -> Array:
        r"""Return the score in v of the law of (x, v) given the data, :math:`-\ell_t z_v`.

        Parameters
        ----------
        noise : array, shape (batch, 2, \*state)
            That of `perturb`.
        t : float or array, shape (batch,)
            Above 0.

        Returns
        -------
        array, shape (batch, \*state)

        Raises
        ------
        ValueError
            A time of 0, where the score is infinite.
        """
        z = check_array("noise", noise, min_ndim=3)
        times = row_times(t, z[:, 1, ...])
        if not _positive(times):
            raise ValueError("the score in v given the data is infinite at t=0; train on t >= t_min")
        entries = covariance_entries(self.total(times), self.mass, 0.0, self.velocity_variance)
        return -score_scale(entries) * z[:, 1, ...]

    def forward(self) -> SDE:
        r"""Return the SDE that adds noise, of states (batch, 2, \*state), for `diffmath.sde.solve`."""
        return SDE(DampedDrift(self, None), DampedDiffusion(self, reverse=False), noise="additive")

    def reverse(self, score: Score) -> SDE:
        r"""Return the reverse SDE in the time :math:`\tau = t_{\max} - t`.

        Parameters
        ----------
        score : callable
            ``score(u, t)``, the gradient in v of the log-density at states u of shape (batch, 2, \*state):
            shape (batch, \*state).

        Returns
        -------
        SDE
        """
        check_model(score, "score")
        return SDE(DampedDrift(self, score), DampedDiffusion(self, reverse=True), noise="additive")

    def flow(self, score: Score) -> DampedFlow:
        r"""Return the probability-flow ODE ``f(t, u)`` of a score in v, for `diffmath.ode.solve`.

        .. math:: \dot x = \frac\beta M v, \qquad \dot v = -\beta x - \frac{\Gamma\beta}{M} v
           - \Gamma\beta\,\nabla_v \ln p_t
        """
        check_model(score, "score")
        return DampedFlow(self, score)

    @on_its_device
    def sample_prior(self, key: Key, shape: tuple[int, ...], *, like: Array, dtype: Any = None) -> Array:
        r"""Draw states from the stationary law.

        Parameters
        ----------
        key : Key
            The domain "diffusion.prior" is folded in.
        shape : tuple of int
            (batch, \*state), the shape of the data.
        like, dtype
            As in `Process.sample_prior`.

        Returns
        -------
        array, shape (batch, 2, \*state)
        """
        z = normal(fold_in(key, "diffusion.prior"), (shape[0], 2, *shape[1:]), like=like, dtype=dtype)
        return array_namespace(z).stack([z[:, 0, ...], math.sqrt(self.mass) * z[:, 1, ...]], axis=1)

    def gaussian_score(self, mean: float = 0.0, variance: float = 1.0) -> GaussianScore:
        """Return the exact score in v for data with normal, independent components: a reference."""
        if not 0 <= variance < math.inf:
            raise ValueError(f"variance must be finite and not negative; got {variance}")
        return GaussianScore(self, float(mean), float(variance))

    def total(self, t: Any) -> Any:
        r"""Return :math:`\int_0^t \beta`."""
        return t * (self.beta_min + (self.beta_max - self.beta_min) * t / 2)


def cld(
    beta_min: float = 4.0,
    beta_max: float = 4.0,
    *,
    mass: float = 0.25,
    velocity_variance: float = 0.01,
    t_min: float = 1e-3,
    t_max: float = 1.0,
) -> DampedLangevin:
    r"""Return the critically damped Langevin diffusion, which noises data through a velocity.

    Parameters, errors and equations are those of `DampedLangevin`; the defaults are those of the paper
    (:math:`\beta = 4`, :math:`M^{-1} = 4`, velocities with a variance of 0.04 M at t = 0).

    References
    ----------
    .. [1] Dockhorn, Vahdat & Kreis (2022), arXiv:2112.07068, section 5.

    Examples
    --------
    Sample normal data exactly through the probability-flow ODE:

    >>> from diffmath import ode, random
    >>> process = cld()
    >>> u = process.sample_prior(random.key(0), (1000, 1), like=np.empty(0))
    >>> f = process.flow(process.gaussian_score(mean=2.0, variance=0.25))
    >>> x = ode.solve(f, u, (1.0, 1e-3), method=ode.dopri5, batch="shared").x[-1][:, 0]
    >>> bool(abs(x.mean() - 2.0) < 0.1)
    True
    """
    return DampedLangevin(
        float(beta_min), float(beta_max), float(mass), float(velocity_variance), float(t_min), float(t_max)
    )


def _positive(value: Any) -> bool:
    return value > 0 if isinstance(value, float) else all_true(value > 0)
