r"""Ancestral samplers: a deterministic step below the next noise level, then noise up to it.

With :math:`\kappa = \sigma/\alpha`, the step goes to :math:`\kappa_{down}`, and noise of the deviation
:math:`\kappa_{up}` is added,

.. math:: \kappa_{up}^2 = \eta^2 \kappa_t^2 (\kappa_s^2 - \kappa_t^2)/\kappa_s^2, \qquad
   \kappa_{down}^2 = \kappa_t^2 - \kappa_{up}^2 .

For small steps it is the reverse SDE with the noise level eta. Source: Ho, Jain & Abbeel (2020),
arXiv:2006.11239; Song, Meng & Ermon (2021), arXiv:2010.02502, eq. 16.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from diffmath import ode
from diffmath.diffusion._methods import Method, Step, exponential_clock, preset
from diffmath.diffusion._process import Process
from diffmath.diffusion._singlestep.exponential import ExponentialStep
from diffmath.diffusion._singlestep.interval import first_order, interval
from diffmath.diffusion._singlestep.runge_kutta import COORDINATES, time_at
from diffmath.diffusion._singlestep.tableaux import midpoint_tableau, shown

__all__ = ["ddpm", "dpm_2_ancestral", "dpmpp_2s_ancestral", "euler_ancestral"]

_HALF = Fraction(1, 2)
_DDPM = "Ho, Jain & Abbeel (2020), arXiv:2006.11239"


def _ancestral(name: str, eta: float, inner: ExponentialStep, weak_order: int) -> Method:
    if not 0 < eta <= 1:
        raise ValueError(f"eta must be in (0, 1]; got {eta}")
    name = shown(name, eta=None if eta == 1 else f"{eta:g}")
    step = _AncestralStep(inner, float(eta))
    return Method(
        name, 1, weak_order, "Song, Meng & Ermon (2021), arXiv:2010.02502, eq. 16", step,
        exponential_clock(step.eta), evaluations=inner.tableau.stages, form=inner.form,
    )  # fmt: skip


@dataclass(frozen=True)
class _AncestralStep:
    inner: ExponentialStep
    eta: float

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        step = interval(process, times, n)
        if step.sigma_t == 0:
            return first_order(step, self.inner.form)
        kappa = step.sigma_t / step.alpha_t
        shrink = math.exp(-2 * step.h)  # (kappa_t / kappa_s)^2, 0 from pure noise
        down = kappa * math.sqrt(1 - self.eta**2 * (1 - shrink))
        low = time_at(process, COORDINATES["sigma"], down)
        found = self.inner(process, [step.s, low], 0)
        scale = step.alpha_t / process.marginal(low)[0]
        up = step.sigma_t * self.eta * math.sqrt(-math.expm1(-2 * step.h))
        return _scaled_at_the_end(found, scale, up)


@dataclass(frozen=True)
class _DDPMStep:
    large: bool

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        step = interval(process, times, n)
        if step.is_infinite or not self.large:
            return ExponentialStep(ode.etd1.tableau, tau=1.0)(process, times, n)
        decay = step.sigma_t / step.sigma_s * math.exp(-step.h)
        size = step.sigma_s * math.sqrt(-math.expm1(-2 * step.h))
        return Step(decay, (step.alpha_t * -math.expm1(-2 * step.h),), size)


def _scaled_at_the_end(step: Step, scale: float, noise: float) -> Step:
    """Return the step with its last update multiplied and noised."""
    last = step.updates[-1]
    weights = tuple(scale * weight for weight in last.weights)
    if not step.stages:
        return Step(scale * step.decay, weights, noise)
    end = replace(step.stages[-1], decay=scale * last.decay, weights=weights, noise=noise)
    return replace(step, stages=(*step.stages[:-1], end))


@preset
def euler_ancestral(*, eta: float = 1.0) -> Method:
    r"""The ancestral Euler sampler.

    .. math:: \frac{x_t}{\alpha_t} = D + \frac{\kappa_{down}}{\kappa_s} \Big(\frac{x_s}{\alpha_s} - D\Big)
       + \kappa_{up} z

    Parameters
    ----------
    eta : float
        In (0, 1]; 1 is the sampler of DDPM, ``ddim(eta=1)``.

    Raises
    ------
    ValueError
        `eta` outside (0, 1].

    Notes
    -----
    Strong and weak order 1.

    References
    ----------
    .. [1] Song, Meng & Ermon (2021), arXiv:2010.02502, eq. 16.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.euler_ancestral
    Method(euler_ancestral, order=1, weak_order=1)
    """
    return _ancestral("euler_ancestral", eta, ExponentialStep(ode.etd1.tableau), 1)


@preset
def dpm_2_ancestral(*, eta: float = 1.0) -> Method:
    r"""The ancestral sampler whose deterministic step is `dpm_2`.

    Parameters
    ----------
    eta : float
        In (0, 1].

    Raises
    ------
    ValueError
        `eta` outside (0, 1].

    Notes
    -----
    Strong order 1, weak order 2, two evaluations a step. It cannot start at alpha = 0.

    References
    ----------
    .. [1] Karras et al. (2022), arXiv:2206.00364; Song, Meng & Ermon (2021), arXiv:2010.02502, eq. 16.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.dpm_2_ancestral
    Method(dpm_2_ancestral, order=1, weak_order=2)
    """
    inner = ExponentialStep(midpoint_tableau("dpm_2", _HALF, _DDPM), "noise")
    return _ancestral("dpm_2_ancestral", eta, inner, 2)


@preset
def dpmpp_2s_ancestral(*, eta: float = 1.0) -> Method:
    r"""The ancestral sampler whose deterministic step is `dpmpp_2s`.

    Parameters
    ----------
    eta : float
        In (0, 1].

    Raises
    ------
    ValueError
        `eta` outside (0, 1].

    Notes
    -----
    Strong order 1, weak order 2, two evaluations a step; on every process, flows included, by the noise level
    sigma/alpha.

    References
    ----------
    .. [1] Lu et al. (2022), arXiv:2211.01095; Song, Meng & Ermon (2021), arXiv:2010.02502, eq. 16.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.dpmpp_2s_ancestral(eta=0.5)
    Method(dpmpp_2s_ancestral(eta=0.5), order=1, weak_order=2)
    """
    inner = ExponentialStep(midpoint_tableau("dpmpp_2s", _HALF, _DDPM))
    return _ancestral("dpmpp_2s_ancestral", eta, inner, 2)


@preset
def ddpm(*, variance: Literal["small", "large"] = "small") -> Method:
    r"""The ancestral sampler of DDPM.

    .. math:: x_t = \frac{\sigma_t}{\sigma_s} e^{-h} x_s + \alpha_t (1 - e^{-2h}) D + \varsigma z

    Parameters
    ----------
    variance : {"small", "large"}
        :math:`\varsigma^2 = \sigma_t^2 (1 - e^{-2h})`, exact for a point mass, or
        :math:`\alpha_s^2 (\kappa_s^2 - \kappa_t^2)`, which is :math:`\beta = 1 - \alpha_s^2/\alpha_t^2` for a
        variance-preserving process and exact for normal data. A step to sigma = 0 adds no noise.

    Raises
    ------
    ValueError
        Another `variance`.

    Notes
    -----
    Strong and weak order 1.

    References
    ----------
    .. [1] Ho, Jain & Abbeel (2020), arXiv:2006.11239, section 3.2.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.ddpm(variance="large")
    Method(ddpm(variance=large), order=1, weak_order=1)
    """
    if variance not in ("small", "large"):
        raise ValueError(f"variance must be 'small' or 'large'; got {variance!r}")
    name = shown("ddpm", variance="large" if variance == "large" else None)
    return Method(name, 1, 1, _DDPM, _DDPMStep(variance == "large"), exponential_clock(1.0))
