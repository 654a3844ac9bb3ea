r"""Samplers as data: a named recipe for the coefficients of every step, with its orders and its cost.

A method is a frozen object; `sample` and `trajectory` only execute its steps. A method of your own is any
`Method` whose ``step(process, times, n)`` returns the `Step` from ``times[n]`` to ``times[n + 1]``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from diffmath.diffusion._adams import Step, adams_step
from diffmath.diffusion._process import Process, log_snr_at

__all__ = ["Method", "ddim", "dpmpp_2m", "euler_maruyama", "sde_dpmpp_2m"]

StepRule = Callable[[Process, Sequence[float], int], Step]
Clock = Callable[[Process, Sequence[float]], list[float]]


@dataclass(frozen=True)
class Method:
    """A sampler with one model evaluation per step.

    Parameters
    ----------
    name : str
    order : int
        Order of convergence: of the trajectory (deterministic), strong (stochastic).
    weak_order : int
        Order of the distribution.
    reference : str
        Where it is defined.
    step : callable
        ``step(process, times, n)`` -> `Step`, on the host.
    clock : callable, optional
        ``clock(process, times)``: the variance clock of the Brownian path that drives a stochastic method;
        None for a deterministic one. It is increasing, and shorter by one where the last step has no noise.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> def hold(process, times, n):
    ...     return diffusion.Step(decay=1.0, weights=(0.0,))
    >>> diffusion.Method("hold", order=0, weak_order=0, reference="none", step=hold)
    Method(hold, order=0, weak_order=0)
    """

    name: str
    order: int
    weak_order: int
    reference: str
    step: StepRule
    clock: Clock | None = None

    @property
    def needs_key(self) -> bool:
        """Whether the method is stochastic."""
        return self.clock is not None

    def nfe(self, steps: int) -> int:
        """Return the number of model evaluations of so many steps."""
        return steps

    def __repr__(self) -> str:
        return f"Method({self.name}, order={self.order}, weak_order={self.weak_order})"


def ddim(*, eta: float = 0.0) -> Method:
    r"""Return DDIM, the first-order exponential step, with stochasticity `eta`.

    .. math:: x_t = \alpha_t D + \sqrt{\sigma_t^2 - \varsigma^2}\,\frac{x_s - \alpha_s D}{\sigma_s}
       + \varsigma z, \qquad \varsigma = \eta\,\sigma_t \sqrt{1 - e^{-2h}}

    Parameters
    ----------
    eta : float
        In [0, 1]: 0 is deterministic, 1 is the ancestral sampler of DDPM; above 0 a key is needed.

    Returns
    -------
    Method

    Raises
    ------
    ValueError
        `eta` outside [0, 1].

    Notes
    -----
    Order 1. As h goes to 0 it follows the reverse SDE with :math:`\tau = \eta`, whose Brownian path (clock
    :math:`e^{2\eta^2\lambda}`) it is driven by: grids of any length share one path.

    References
    ----------
    .. [1] Song, Meng & Ermon (2021), arXiv:2010.02502, eq. 12 and 16.

    Examples
    --------
    >>> ddim()
    Method(ddim, order=1, weak_order=1)
    >>> ddim(eta=0.5).needs_key
    True
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must be in [0, 1]; got {eta}")
    name = f"ddim(eta={eta:g})" if eta else "ddim"
    step = functools.partial(_ddim_step, eta=float(eta))
    return Method(name, 1, 1, "Song, Meng & Ermon (2021), arXiv:2010.02502, eq. 12", step, _clock_of(eta))


def dpmpp_2m(*, variant: Literal["midpoint", "taylor"] = "midpoint") -> Method:
    r"""Return DPM-Solver++(2M), the two-step exponential-Adams method in data form.

    .. math:: x_t = \frac{\sigma_t}{\sigma_s} x_s + \alpha_t (1 - e^{-h})
       \Big(D_0 + \frac{h}{2 h_{prev}} (D_0 - D_{-1})\Big)

    Parameters
    ----------
    variant : {"midpoint", "taylor"}
        The published weight above, or the exact one :math:`h\varphi_2(-h)` for the difference ("heun" in some
        code bases, RES-2M and SA-Solver in others).

    Returns
    -------
    Method

    Raises
    ------
    ValueError
        An unknown variant.

    Notes
    -----
    Order 2, one evaluation per step; the first step, and a last one to sigma = 0, are DDIM.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver++, arXiv:2211.01095, algorithm 2.

    Examples
    --------
    >>> dpmpp_2m()
    Method(dpmpp_2m, order=2, weak_order=2)
    """
    return _two_step("dpmpp_2m", "Lu et al. (2022), arXiv:2211.01095, algorithm 2", 2, 0.0, variant)


def sde_dpmpp_2m(*, tau: float = 1.0, variant: Literal["midpoint", "taylor"] = "midpoint") -> Method:
    r"""Return SDE-DPM-Solver++(2M), the two-step method for the reverse SDE.

    .. math:: x_t = \frac{\sigma_t}{\sigma_s} e^{-h} x_s + \alpha_t (1 - e^{-2h})
       \Big(D_0 + \frac{h}{2 h_{prev}} (D_0 - D_{-1})\Big) + \sigma_t \sqrt{1 - e^{-2h}}\; z

    Parameters
    ----------
    tau : float
        Noise level of the family of reverse SDEs; 1 as published and above, 0 is `dpmpp_2m` and needs no key.
    variant : {"midpoint", "taylor"}
        The weight of the difference, as in `dpmpp_2m`.

    Returns
    -------
    Method

    Raises
    ------
    ValueError
        A negative tau, or an unknown variant.

    Notes
    -----
    Weak order 2, strong order 1, one evaluation per step. The noise is
    :math:`\sigma_t e^{-\tau^2\lambda_t}` times a Brownian increment in the clock :math:`e^{2\tau^2\lambda}`,
    so that one key gives one path, whatever the number of steps.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver++, arXiv:2211.01095, appendix on SDE-DPM-Solver++.
    .. [2] Xue et al. (2023), SA-Solver, arXiv:2305.14267, section 4, for tau.

    Examples
    --------
    >>> sde_dpmpp_2m()
    Method(sde_dpmpp_2m, order=1, weak_order=2)
    """
    if not 0 <= tau < math.inf:
        raise ValueError(f"tau must be finite and not negative; got {tau}")
    name = "sde_dpmpp_2m" if tau == 1 else f"sde_dpmpp_2m(tau={tau:g})"
    return _two_step(name, "Lu et al. (2022), arXiv:2211.01095", 1 if tau else 2, float(tau), variant)


def euler_maruyama() -> Method:
    r"""Return the Euler-Maruyama method on the reverse SDE.

    .. math:: x_t = x_s + \big(f x_s - g^2\,\mathrm{score}(x_s)\big)\,\Delta t + g \sqrt{|\Delta t|}\; z,
       \qquad \Delta t = t - s < 0

    Returns
    -------
    Method

    Notes
    -----
    Weak and strong order 1 (the noise is additive). It needs small steps where sigma is small; the
    exponential methods do not. Driven by a Brownian path in t.

    References
    ----------
    .. [1] Song et al. (2021), arXiv:2011.13456, eq. 6 and appendix E.

    Examples
    --------
    >>> euler_maruyama()
    Method(euler_maruyama, order=1, weak_order=1)
    """
    reference = "Song et al. (2021), arXiv:2011.13456, eq. 6"
    return Method("euler_maruyama", 1, 1, reference, _euler_maruyama_step, _time_clock)


def _two_step(name: str, reference: str, order: int, tau: float, variant: str) -> Method:
    if variant not in ("midpoint", "taylor"):
        raise ValueError(f"variant must be 'midpoint' or 'taylor'; got {variant!r}")
    if variant == "taylor":
        name = f"{name}:taylor"
    step = functools.partial(adams_step, order=2, tau=tau, midpoint=variant == "midpoint")
    return Method(name, order, 2, reference, step, _clock_of(tau))


def _ddim_step(process: Process, times: Sequence[float], n: int, *, eta: float) -> Step:
    s, t = times[n], times[n + 1]
    if not eta:
        return adams_step(process, times, n, order=1)
    (_, sigma_s), (alpha_t, sigma_t) = process.marginal(s), process.marginal(t)
    if sigma_t == 0:
        return Step(0.0, (alpha_t,))
    h = log_snr_at(process, t) - log_snr_at(process, s)
    lost = -math.expm1(-2 * h)
    # ln sqrt(1 - eta^2 (1 - e^-2h)), the share of the old noise that stays; 0 at h infinite, eta 1.
    log_kept = 0.5 * math.log1p(-(eta**2) * lost) if eta**2 * lost < 1 else -math.inf
    decay = sigma_t / sigma_s * math.exp(log_kept)
    return Step(decay, (-alpha_t * math.expm1(log_kept - h),), eta * sigma_t * math.sqrt(lost))


def _euler_maruyama_step(process: Process, times: Sequence[float], n: int) -> Step:
    s, dt = times[n], times[n + 1] - times[n]
    try:
        (alpha, sigma), (f, g2) = process.marginal(s), process.coefficients(s)
    except ZeroDivisionError:
        f = g2 = alpha = sigma = math.nan
    if not (math.isfinite(f) and math.isfinite(g2)):
        raise ValueError(f"euler_maruyama needs finite f and g2; they are not at t={s:g}: start below it")
    # g^2 score dt = pull (x - alpha D), the score written with the denoised data D.
    pull = -g2 * dt / sigma**2
    return Step(1 + f * dt - pull, (alpha * pull,), math.sqrt(g2 * abs(dt)))


def _time_clock(process: Process, times: Sequence[float]) -> list[float]:
    """The clock of the reverse Euler-Maruyama method: time itself, counted from the start."""
    return [times[0] - t for t in times]


def _clock_of(tau: float) -> Clock | None:
    return functools.partial(_exponential_clock, tau=float(tau)) if tau else None


def _exponential_clock(process: Process, times: Sequence[float], *, tau: float) -> list[float]:
    """e^(2 tau^2 lambda), scaled to end at 1; a last time with sigma = 0 has no noise and no place in it."""
    lam = [log_snr_at(process, t) for t in times]
    if lam[-1] == math.inf:
        lam.pop()
    return [math.exp(2 * tau**2 * (value - lam[-1])) for value in lam]
