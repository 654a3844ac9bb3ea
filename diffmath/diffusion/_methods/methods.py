r"""The simplest samplers, as objects: `ddim`, `euler_maruyama`.

Parameters are set by a call, ``ddim(eta=1)``. To write a sampler, make a `Method` whose
``step(process, times, n)`` returns the `Step` from ``times[n]`` to ``times[n + 1]``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from diffmath.diffusion._methods.clocks import exponential_clock
from diffmath.diffusion._methods.method import Method
from diffmath.diffusion._methods.preset import preset
from diffmath.diffusion._methods.step import Step
from diffmath.diffusion._process import Process, log_snr_at

__all__ = ["ddim", "euler_maruyama"]


# Steps are data classes, not closures, so that they can be pickled and compared.
@dataclass(frozen=True)
class _DDIMStep:
    eta: float

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        s, t, eta = times[n], times[n + 1], self.eta
        (alpha_s, sigma_s), (alpha_t, sigma_t) = process.marginal(s), process.marginal(t)
        if sigma_t == 0:
            return Step(0.0, (alpha_t,))
        if alpha_t == 0:  # encoding to pure noise, the limit h -> -infinity
            return Step(sigma_t / sigma_s, (-alpha_s * sigma_t / sigma_s,))
        h = log_snr_at(process, t) - log_snr_at(process, s)
        if not eta:
            return Step(sigma_t / sigma_s, (-alpha_t * math.expm1(-h),))
        lost = -math.expm1(-2 * h)
        # ln sqrt(1 - eta^2 (1 - e^-2h)), the factor of the remaining old noise; 0 if h is infinite and eta is
        # 1.
        log_kept = 0.5 * math.log1p(-(eta**2) * lost) if eta**2 * lost < 1 else -math.inf
        decay = sigma_t / sigma_s * math.exp(log_kept)
        return Step(decay, (-alpha_t * math.expm1(log_kept - h),), eta * sigma_t * math.sqrt(lost))


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
