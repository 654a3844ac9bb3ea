r"""Guidance by a linear measurement: the denoised data are moved as a Kalman filter would.

The likelihood of the measurement given a noisy state is approximated by a Gaussian with a covariance R of the
data given the state,

.. math:: \tilde p(y \mid x_t) = \mathcal N(y;\, HD,\, S), \quad S = H R H^\mathsf T + \sigma_y^2 I, \qquad
   \nabla\ln\tilde p \approx J^\mathsf T H^\mathsf T S^{-1} (y - HD), \quad J = \partial D/\partial x .

The guided denoised data are :math:`D + (\sigma^2/\alpha)\,\nabla\ln\tilde p`. The exact J is
:math:`(\alpha/\sigma^2)\,\mathrm{Cov}[x_0 \mid x_t]`. The derivative of R is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array, Time
from diffmath.diffusion._conditional.jacobian import Pullback, denoised_and_pullback
from diffmath.diffusion._conditional.measurement import LinearMeasurement, check_measurement
from diffmath.diffusion._guidance import Scale, check_models, check_scale, scale_at
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import DENOISER, row_times

__all__ = ["Guided", "Point", "Twist", "guided_model"]


@dataclass(frozen=True, eq=False)
class Point:
    """A state (x, t), the denoised data, y - HD, and products with the transposed Jacobian."""

    x: Array
    alpha: Any
    sigma: Any
    denoised: Array
    residual: Array
    pull: Pullback


@dataclass(frozen=True, eq=False)
class Twist:
    """The denoised data, the gradient of ln p(y | x_t) as an addition to them, and ln p(y | x_t)."""

    denoised: Array
    push: Array
    log_density: Array


# Point -> u = S^-1 r, the log-determinant of S, and J^T H^T u where it is a by-product.
Solver = Callable[[LinearMeasurement, Point], tuple[Array, Any, Array | None]]


@dataclass(frozen=True, eq=False)
class Guided:
    """The guided denoiser; a class, not a closure, so that it can be sent to worker processes."""

    model: Model
    measurement: LinearMeasurement
    scale: Scale
    solver: Solver

    def __call__(self, x: Array, t: Time) -> Array:
        twist = self.twist(x, t)
        return twist.denoised + scale_at(self.scale, t, x) * twist.push

    def twist(self, x: Array, t: Time) -> Twist:
        """Return the guidance at (x, t), without the scale."""
        alpha, sigma = self.model.process.marginal(row_times(t, x))
        if not (alpha > 0 if isinstance(alpha, float) else all_true(alpha > 0)):
            raise ValueError(
                "a measurement cannot guide where alpha is 0 (t_max of this process): start below that time"
            )
        denoised, pull = denoised_and_pullback(self.model, x, t)
        residual = self.measurement.residual(denoised)
        point = Point(x, alpha, sigma, denoised, residual, pull)
        xp, m = array_namespace(x), self.measurement.size
        # Without noise, a Jacobian that vanishes leaves no solution; the sampler reports that.
        with np.errstate(divide="ignore", invalid="ignore"):
            u, log_det, gradient = self.solver(self.measurement, point)
            if gradient is None:
                gradient = pull(self.measurement.operator.adjoint(u, x))
            log_density = -0.5 * (xp.sum(residual * u, axis=1) + log_det + m * math.log(2 * math.pi))
        return Twist(denoised, sigma**2 / alpha * gradient, log_density)


def guided_model(model: Model, measurement: Any, scale: Any, solver: Solver) -> Model:
    """Return the model of a guidance, having checked its arguments."""
    check_models(model=model)
    guided = Guided(model, check_measurement(measurement), check_scale(scale), solver)
    return Model(DENOISER, guided, model.process)
