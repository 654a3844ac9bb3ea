r"""The samplers by name, as objects: `ddim`, `dpmpp_2m`, `sde_dpmpp_2m`, `euler_maruyama`.

Parameters are set by a call, ``ddim(eta=1)``. To write a sampler, make a `Method` whose
``step(process, times, n)`` returns the `Step` from ``times[n]`` to ``times[n + 1]``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from diffmath.diffusion._methods.adams import adams_step
from diffmath.diffusion._methods.clocks import exponential_clock
from diffmath.diffusion._methods.method import Method
from diffmath.diffusion._methods.preset import preset
from diffmath.diffusion._methods.step import Step
from diffmath.diffusion._process import Process, log_snr_at

__all__ = ["ddim", "dpmpp_2m", "euler_maruyama", "sde_dpmpp_2m"]

Variant = Literal["midpoint", "taylor"]


# Steps are data classes, not closures, so that they can be pickled and compared.
@dataclass(frozen=True)
class _TwoStep:
    tau: float
    variant: Variant

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        return adams_step(process, times, n, order=2, tau=self.tau, midpoint=self.variant == "midpoint")


@dataclass(frozen=True)
class _DDIMStep:
    eta: float

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        s, t, eta = times[n], times[n + 1], self.eta
        if not eta:
            return adams_step(process, times, n, order=1)
        (_, sigma_s), (alpha_t, sigma_t) = process.marginal(s), process.marginal(t)
        if sigma_t == 0:
            return Step(0.0, (alpha_t,))
        h = log_snr_at(process, t) - log_snr_at(process, s)
        lost = -math.expm1(-2 * h)
        # ln sqrt(1 - eta^2 (1 - e^-2h)), the factor of the remaining old noise; 0 if h is infinite and eta is
        # 1.
        log_kept = 0.5 * math.log1p(-(eta**2) * lost) if eta**2 * lost < 1 else -math.inf
        decay = sigma_t / sigma_s * math.exp(log_kept)
        return Step(decay, (-alpha_t * math.expm1(log_kept - h),), eta * sigma_t * math.sqrt(lost))


def _named(name: str, variant: str) -> str:
    if variant not in ("midpoint", "taylor"):
        raise ValueError(f"variant must be 'midpoint' or 'taylor'; got {variant!r}")
    return name if variant == "midpoint" else f"{name}:{variant}"


@preset
def ddim(*, eta: float = 0.0) -> Method:
    r"""DDIM, the first-order exponential step, with stochasticity `eta`.

    .. math:: x_t = \alpha_t D + \sqrt{\sigma_t^2 - \varsigma^2}\,\frac{x_s - \alpha_s D}{\sigma_s}
       + \varsigma z, \qquad \varsigma = \eta\,\sigma_t \sqrt{1 - e^{-2h}}

    Parameters
    ----------
    eta : float
        In [0, 1]: 0, the default, is deterministic, 1 is the ancestral sampler of DDPM; above 0 a key is
        required.

    Raises
    ------
    ValueError
        `eta` outside [0, 1].

    Notes
    -----
    Order 1. For h to 0 it converges to the reverse SDE with :math:`\tau = \eta`, driven by the same Brownian
    path (clock :math:`e^{2\eta^2\lambda}`): grids that refine one another share one path.

    References
    ----------
    .. [1] Song, Meng & Ermon (2021), arXiv:2010.02502, eq. 12 and 16.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.ddim
    Method(ddim, order=1, weak_order=1)
    >>> diffusion.ddim(eta=0.5)
    Method(ddim(eta=0.5), order=1, weak_order=1)
    >>> diffusion.ddim(eta=0.5).needs_key
    True
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must be in [0, 1]; got {eta}")
    name = f"ddim(eta={eta:g})" if eta else "ddim"
    reference = "Song, Meng & Ermon (2021), arXiv:2010.02502, eq. 12"
    return Method(name, 1, 1, reference, _DDIMStep(float(eta)), exponential_clock(eta))


@preset
def dpmpp_2m(*, variant: Variant = "midpoint") -> Method:
    r"""DPM-Solver++(2M), the two-step exponential-Adams method in data form.

    .. math:: x_t = \frac{\sigma_t}{\sigma_s} x_s + \alpha_t (1 - e^{-h})
       \Big(D_0 + \frac{h}{2 h_{prev}} (D_0 - D_{-1})\Big)

    Parameters
    ----------
    variant : {"midpoint", "taylor"}
        The published weight above, the default, or the exact weight :math:`h\varphi_2(-h)` of the difference
        ("heun" in some code bases, RES-2M and SA-Solver in others).

    Raises
    ------
    ValueError
        Another `variant`.

    Notes
    -----
    Order 2, one evaluation per step. The first step, and a last step to sigma = 0, are DDIM steps.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver++, arXiv:2211.01095, algorithm 2.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.dpmpp_2m
    Method(dpmpp_2m, order=2, weak_order=2)
    >>> diffusion.dpmpp_2m(variant="taylor")
    Method(dpmpp_2m:taylor, order=2, weak_order=2)
    """
    name = _named("dpmpp_2m", variant)
    return Method(name, 2, 2, "Lu et al. (2022), arXiv:2211.01095, algorithm 2", _TwoStep(0.0, variant))


@preset
def sde_dpmpp_2m(*, tau: float = 1.0, variant: Variant = "midpoint") -> Method:
    r"""SDE-DPM-Solver++(2M), the two-step method for the reverse SDE.

    .. math:: x_t = \frac{\sigma_t}{\sigma_s} e^{-h} x_s + \alpha_t (1 - e^{-2h})
       \Big(D_0 + \frac{h}{2 h_{prev}} (D_0 - D_{-1})\Big) + \sigma_t \sqrt{1 - e^{-2h}}\; z

    Parameters
    ----------
    tau : float
        Noise level of the family of reverse SDEs, not negative: 1, the default, is the published method
        above; 0 is `dpmpp_2m` and needs no key.
    variant : {"midpoint", "taylor"}
        The weight of the difference, as in `dpmpp_2m`.

    Raises
    ------
    ValueError
        A negative or infinite `tau`, another `variant`.

    Notes
    -----
    Weak order 2, strong order 1, one evaluation per step. The noise is :math:`\sigma_t e^{-\tau^2\lambda_t}`
    times a Brownian increment in the clock :math:`e^{2\tau^2\lambda}`, so one key gives one path for any
    number of steps.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver++, arXiv:2211.01095, appendix on SDE-DPM-Solver++.
    .. [2] Xue et al. (2023), SA-Solver, arXiv:2309.05019, section 4, for tau.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.sde_dpmpp_2m
    Method(sde_dpmpp_2m, order=1, weak_order=2)
    >>> diffusion.sde_dpmpp_2m(tau=0.5)
    Method(sde_dpmpp_2m(tau=0.5), order=1, weak_order=2)
    """
    if not 0 <= tau < math.inf:
        raise ValueError(f"tau must be finite and not negative; got {tau}")
    tau = float(tau)
    name = _named("sde_dpmpp_2m" if tau == 1 else f"sde_dpmpp_2m(tau={tau:g})", variant)
    reference, order = "Lu et al. (2022), arXiv:2211.01095", 1 if tau else 2
    return Method(name, order, 2, reference, _TwoStep(tau, variant), exponential_clock(tau))


def _euler_maruyama_step(process: Process, times: Sequence[float], n: int) -> Step:
    r"""Return the step :math:`(f x - g^2\,\mathrm{score})\,\Delta t + g \sqrt{|\Delta t|}\; z`."""
    s, dt = times[n], times[n + 1] - times[n]
    try:
        (alpha, sigma), (f, g2) = process.marginal(s), process.coefficients(s)
    except ZeroDivisionError:
        f = g2 = alpha = sigma = math.nan
    if not (math.isfinite(f) and math.isfinite(g2)):
        raise ValueError(f"euler_maruyama needs finite f and g2; they are not at t={s:g}: start below it")
    # g^2 score dt = pull (x - alpha D), with the score in terms of the denoised data D.
    pull = -g2 * dt / sigma**2
    return Step(1 + f * dt - pull, (alpha * pull,), math.sqrt(g2 * abs(dt)))


def _time_clock(process: Process, times: Sequence[float]) -> list[float]:
    """The clock of the reverse Euler-Maruyama method: time itself, counted from the start."""
    return [times[0] - t for t in times]


# Euler-Maruyama on the reverse SDE: weak and strong order 1 (the noise is additive), driven by a path in t.
# It needs small steps where sigma is small; the exponential methods do not.
euler_maruyama = Method(
    "euler_maruyama", 1, 1, "Song et al. (2021), arXiv:2011.13456, eq. 6", _euler_maruyama_step, _time_clock
)
