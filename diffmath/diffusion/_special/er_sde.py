r"""ER-SDE-Solvers: multistep samplers of reverse SDEs with any noise scale, with exact coefficients.

With :math:`w = x/\alpha`, :math:`\kappa = \sigma/\alpha` and a noise scale :math:`\phi(\kappa)`,

.. math:: w_t = \frac{\phi_t}{\phi_s} w_s + \phi_t\int_{\kappa_t}^{\kappa_s} D\,\frac{\phi'}{\phi^2}\,d\kappa
   + \phi_t \big(W(\psi_t^{-2}) - W(\psi_s^{-2})\big), \qquad \psi = \phi/\kappa

solves an SDE with the marginals of the process: the probability-flow ODE for :math:`\phi = \kappa`, the
reverse SDE for :math:`\phi = \kappa^2`. D is replaced by a polynomial in kappa through its last values; with
:math:`q = \phi_t/\phi - 1` the integral of :math:`(\kappa - \kappa_s)^k` is
:math:`k\int_{\kappa_t}^{\kappa_s} (\kappa - \kappa_s)^{k-1} q\,d\kappa`. Source: Cui et al. (2023),
arXiv:2309.06169.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from diffmath.diffusion._methods import Method, Stage, Step, preset
from diffmath.diffusion._process import Process

__all__ = ["er_sde"]

NoiseScale = Literal["default", "sde", "ode"] | Callable[[float], float]
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


# Rules are data classes that stand before the preset, which is evaluated when it is defined.
@dataclass(frozen=True)
class _Scale:
    r"""The logarithm of psi = phi/kappa, a function that does not decrease."""

    noise_scale: NoiseScale

    def __call__(self, kappa: float) -> float:
        if self.noise_scale == "ode":
            return 0.0
        if callable(self.noise_scale):
            return self._of_callable(kappa)
        if kappa == math.inf:
            return math.inf
        if self.noise_scale == "sde":
            return math.log(kappa)
        return float(np.logaddexp(kappa**0.3, math.log(10.0)))

    def _of_callable(self, kappa: float) -> float:
        assert callable(self.noise_scale)
        if kappa == math.inf:
            raise ValueError(
                "a noise_scale that is a callable has no value at alpha = 0: start where alpha > 0, or use "
                "noise_scale='default', 'sde' or 'ode'"
            )
        value = float(self.noise_scale(kappa))
        if not 0 < value < math.inf:
            raise ValueError(
                f"noise_scale(kappa) must be positive and finite; got {value} at kappa={kappa:g}"
            )
        return math.log(value / kappa)


@dataclass(frozen=True)
class _Clock:
    """The clock psi^-2 of the path, scaled to end at 1; a last time with sigma = 0 is omitted."""

    scale: _Scale

    def __call__(self, process: Process, times: Sequence[float]) -> list[float]:
        logs = [self.scale(kappa) for t in times if (kappa := _kappa(process, t))]
        return [math.exp(2 * (logs[-1] - value)) for value in logs]


@dataclass(frozen=True)
class _Interval:
    """The integrals of a step from kappa_s to a smaller kappa_t, for constant, linear and quadratic data."""

    scale: _Scale
    s: float
    t: float

    @property
    def gain(self) -> float:
        """The logarithm of psi_t/psi_s, at most 0."""
        found = self.scale(self.t) - self.scale(self.s) if self.t else 0.0  # at 0 it has no effect
        if found > 1e-12:
            raise ValueError(
                "noise_scale(kappa)/kappa must not decrease with kappa: from "
                f"{self.t:g} to {self.s:g} its logarithm changes by {-found:.3g}"
            )
        return min(found, 0.0)

    @property
    def constant(self) -> float:
        """The integral for constant data, 1 - phi_t/phi_s."""
        return 1.0 if math.isinf(self.s) or not self.t else -math.expm1(self.gain + math.log(self.t / self.s))

    def moments(self) -> tuple[float, float]:
        """Return the integrals for (kappa - kappa_s) and its square, by Gauss-Legendre in ln kappa."""
        if not self.t:
            return -self.s, self.s**2
        length, last = math.log(self.s / self.t), math.log(self.t) + self.scale(self.t)
        panels = max(1, math.ceil(abs(length)))
        width, first, second = length / panels, 0.0, 0.0
        for panel in range(panels):
            for node, weight in zip(_NODES, _WEIGHTS, strict=True):
                u = math.log(self.t) + width * (panel + 0.5 * (1 + node))
                kappa = math.exp(u)
                part = 0.5 * width * weight * kappa * math.expm1(last - u - self.scale(kappa))
                first += part
                second += 2 * (kappa - self.s) * part
        return first, second


@dataclass(frozen=True)
class _Rule:
    order: int
    scale: _Scale
    recentred: bool

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        s, t = times[n], times[n + 1]
        (_, sigma_s), (alpha_t, sigma_t) = process.marginal(s), process.marginal(t)
        if alpha_t == 0:
            raise ValueError(f"er_sde cannot step to alpha = 0; alpha is 0 at t={t:g}")
        step = _Interval(self.scale, _kappa(process, s), sigma_t / alpha_t)
        gain = step.gain
        decay, noise = sigma_t / sigma_s * math.exp(gain), sigma_t * math.sqrt(-math.expm1(2 * gain))
        past = [_kappa(process, u) for u in reversed(times[max(0, n - self.order + 1) : n])]
        past = [kappa for kappa in past if math.isfinite(kappa)]
        first = (alpha_t * step.constant,)
        if self.order == 1 or math.isinf(step.s):
            return Step(decay, first, noise)
        linear, quadratic = step.moments()
        if past:
            weights = self._weights(step, past, linear, quadratic)
            return Step(decay, tuple(alpha_t * b for b in weights), noise)
        if self.order == 2 or not self.recentred or n == len(times) - 2:
            return Step(decay, first, noise)
        # The first step of order 3: linear data through the predicted end too, at no further evaluation.
        slope = linear / (step.s - step.t)
        corrected = (-alpha_t * slope, alpha_t * (step.constant + slope))
        return Step(decay, first, noise, (Stage(t, decay, corrected, noise),), carries=True)

    def _weights(
        self, step: _Interval, past: Sequence[float], linear: float, quadratic: float
    ) -> tuple[float, ...]:
        """Return the weights of the data at kappa_s and before: Newton's form of the polynomial."""
        near = step.s - past[0]
        weights = [step.constant + linear / near, -linear / near]
        if len(past) == 2:
            far, wide = past[0] - past[1], step.s - past[1]
            curved = (quadratic + near * linear if self.recentred else quadratic) / wide
            weights[0] += curved / near
            weights[1] -= curved * (1 / near + 1 / far)
            weights.append(curved / far)
        return tuple(weights)


def _kappa(process: Process, t: float) -> float:
    alpha, sigma = process.marginal(t)
    return sigma / alpha if alpha else math.inf


@preset
def er_sde(*, order: int = 3, noise_scale: NoiseScale = "default", as_published: bool = False) -> Method:
    r"""ER-SDE-Solver, multistep, one evaluation a step.

    .. math:: x_t = \frac{\alpha_t\phi_t}{\alpha_s\phi_s} x_s
       + \alpha_t\phi_t\int_{\kappa_t}^{\kappa_s} \hat D\,\frac{\phi'}{\phi^2}\,d\kappa
       + \alpha_t\sqrt{\kappa_t^2 - \kappa_s^2\phi_t^2/\phi_s^2}\;z, \qquad \kappa = \sigma/\alpha

    with the polynomial :math:`\hat D` through the last `order` values of the denoised data.

    Parameters
    ----------
    order : {1, 2, 3}
        Number of values; 1 with "ode" is `ddim`.
    noise_scale : {"default", "sde", "ode"} or callable
        phi: :math:`\kappa(e^{\kappa^{0.3}} + 10)`, the published choice; :math:`\kappa^2`, the reverse SDE;
        :math:`\kappa`, the probability-flow ODE; or ``noise_scale(kappa)``, for which phi/kappa must not
        decrease.
    as_published : bool
        For order 3, take the difference of the last two values for the slope at the present, as published.
        Then the order is 2 for the ODE.

    Raises
    ------
    ValueError
        Another `order` or `noise_scale`; a phi/kappa that decreases, or a callable at alpha = 0.

    Notes
    -----
    For "ode" the order is `order`, otherwise strong order 1 and weak order min(2, `order`). The first step of
    order 3 is corrected with the second evaluation, so that it keeps the order. Integrals are computed by
    Gauss-Legendre quadrature, to about 1e-13; the published sums of 100 or 200 terms limit the accuracy.

    References
    ----------
    .. [1] Cui et al. (2023), Elucidating the solution space of extended reverse-time SDE for diffusion
       models, arXiv:2309.06169, algorithms 1 to 3.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.er_sde, diffusion.er_sde(noise_scale="ode")
    (Method(er_sde, order=1, weak_order=2), Method(er_sde(noise_scale=ode), order=3, weak_order=3))
    """
    if order not in (1, 2, 3):
        raise ValueError(f"order must be 1, 2 or 3; got {order!r}")
    if not callable(noise_scale) and noise_scale not in ("default", "sde", "ode"):
        raise ValueError(f"noise_scale must be 'default', 'sde', 'ode' or a callable; got {noise_scale!r}")
    shown = [f"order={order}"] if order != 3 else []
    shown += (
        [] if noise_scale == "default" else [f"noise_scale={getattr(noise_scale, '__name__', noise_scale)}"]
    )
    shown += ["as_published=True"] if as_published else []
    scale, is_ode = _Scale(noise_scale), noise_scale == "ode"
    reached = 2 if as_published and order == 3 else order
    return Method(
        f"er_sde({', '.join(shown)})" if shown else "er_sde",
        reached if is_ode else 1,
        reached if is_ode else min(2, order),
        "Cui et al. (2023), arXiv:2309.06169, algorithms 1 to 3",
        _Rule(order, scale, not as_published),
        None if is_ode else _Clock(scale),
        end_order=min(2, reached) if is_ode else 1,
    )
