r"""Named noising processes: functions that return a `Process`.

.. math:: \text{VP}: \quad B(t) = \beta_0 t + (\beta_1 - \beta_0) t^2 / 2, \quad
   \alpha = e^{-B/2}, \quad \sigma^2 = 1 - e^{-B}

Source: Song et al. (2021), arXiv:2011.13456, eq. 11 and appendix C.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from diffmath._arrays.scalars import elementary
from diffmath._core.typing import Time
from diffmath.diffusion._process.derived import log, ratio
from diffmath.diffusion._process.process import Process

__all__ = ["vp"]


def vp(beta_min: float = 0.1, beta_max: float = 20.0, *, t_min: float = 1e-3, t_max: float = 1.0) -> Process:
    r"""Return the variance-preserving process with linear :math:`\beta`.

    .. math:: dx = -\tfrac12\beta(t)\,x\,dt + \sqrt{\beta(t)}\,dW, \quad
       \beta(t) = \beta_0 + (\beta_1 - \beta_0)\,t, \quad \alpha^2 + \sigma^2 = 1

    Parameters
    ----------
    beta_min, beta_max : float
        :math:`\beta` at t = 0 and t = 1; ``0 < beta_min <= beta_max``.
    t_min, t_max : float
        Default end and start of sampling.

    Returns
    -------
    Process

    Raises
    ------
    ValueError
        Rates or times in the wrong order.

    Notes
    -----
    Exact at t = 0 (alpha 1, sigma 0, log-SNR infinite) and accurate to rounding for every t, by expm1 and
    log1p.

    References
    ----------
    .. [1] Song et al. (2021), arXiv:2011.13456, eq. 11 and 32-33.

    Examples
    --------
    >>> process = vp()
    >>> process
    Process('vp(0.1, 20)', t: 0.001 -> 1)
    >>> process.sigma(0.0), process.log_snr(0.0)
    (0.0, inf)
    """
    if not 0 < beta_min <= beta_max < math.inf:
        raise ValueError(
            f"need 0 < beta_min <= beta_max, finite; got beta_min={beta_min}, beta_max={beta_max}"
        )
    linear = _LinearBeta(float(beta_min), float(beta_max))
    return Process(
        alpha=linear.alpha,
        sigma=linear.sigma,
        d_alpha=linear.d_alpha,
        d_sigma=linear.d_sigma,
        f=linear.f,
        g2=linear.beta,
        log_snr=linear.log_snr,
        time_of_log_snr=linear.time_of_log_snr,
        t_min=t_min,
        t_max=t_max,
        name=f"vp({beta_min:g}, {beta_max:g})",
    )


@dataclass(frozen=True)
class _LinearBeta:
    """The functions of `vp`; an object instead of closures, so that a process can be pickled."""

    start: float
    end: float

    def beta(self, t: Time) -> Time:
        return self.start + (self.end - self.start) * t

    def integral(self, t: Time) -> Time:
        return t * (self.start + (self.end - self.start) * t / 2)

    def f(self, t: Time) -> Time:
        return -self.beta(t) / 2

    def alpha(self, t: Time) -> Time:
        return elementary(t).exp(-self.integral(t) / 2)

    def sigma(self, t: Time) -> Time:
        m = elementary(t)
        return m.sqrt(-m.expm1(-self.integral(t)))

    def d_alpha(self, t: Time) -> Time:
        return -self.beta(t) / 2 * self.alpha(t)

    def d_sigma(self, t: Time) -> Any:  # infinite at t = 0
        return ratio(self.beta(t) / 2 * self.alpha(t) ** 2, self.sigma(t))

    def log_snr(self, t: Time) -> Time:
        # ln(expm1(B)) = B + ln(-expm1(-B)): no overflow for large B, no cancellation for small B.
        total = self.integral(t)
        return -0.5 * (total + log(-elementary(t).expm1(-total)))

    def time_of_log_snr(self, lam: Time) -> Time:
        total = _softplus(-2 * lam)
        slope = self.end - self.start
        # The form of the root of slope t^2/2 + start t = B without a subtraction.
        return 2 * total / (self.start + elementary(total).sqrt(self.start**2 + 2 * slope * total))


def _softplus(z: Any) -> Any:
    """log(1 + e^z) without overflow, for a number or an array."""
    m = elementary(z)
    if m is math:
        return max(z, 0.0) + math.log1p(math.exp(-abs(z)))
    return m.logaddexp(m.zeros_like(z), z)
