r"""The processes with linear beta: `vp` and `sub_vp`.

.. math:: B(t) = \beta_0 t + (\beta_1 - \beta_0) t^2 / 2, \quad \alpha = e^{-B/2}, \qquad
   \text{VP}: \; \sigma^2 = 1 - e^{-B}, \qquad \text{sub-VP}: \; \sigma = 1 - e^{-B}

Source: Song et al. (2021), arXiv:2011.13456, eq. 11 and 12, appendix C.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from diffmath._arrays.scalars import elementary
from diffmath._core.typing import Time
from diffmath.diffusion._process.derived import log, ratio, softplus
from diffmath.diffusion._process.process import Process
from diffmath.diffusion._process.times import functions_of

__all__ = ["sub_vp", "vp"]


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
    return _process("vp", _LinearBeta, beta_min, beta_max, t_min, t_max)


def sub_vp(
    beta_min: float = 0.1, beta_max: float = 20.0, *, t_min: float = 1e-3, t_max: float = 1.0
) -> Process:
    r"""Return the sub-variance-preserving process with linear :math:`\beta`.

    .. math:: dx = -\tfrac12\beta(t)\,x\,dt + \sqrt{\beta(t) (1 - e^{-2B(t)})}\,dW, \quad
       \alpha = e^{-B/2}, \quad \sigma = 1 - e^{-B}

    Parameters, returns and errors are those of `vp`.

    Notes
    -----
    sigma is a standard deviation: the variance :math:`(1 - e^{-B})^2` is below that of `vp` at every time.
    sigma is smooth at t = 0, so the flow is finite there.

    References
    ----------
    .. [1] Song et al. (2021), arXiv:2011.13456, eq. 12 and 29.

    Examples
    --------
    >>> sub_vp()
    Process('sub_vp(0.1, 20)', t: 0.001 -> 1)
    >>> round(sub_vp().sigma(0.3) / vp().sigma(0.3) ** 2, 12)
    1.0
    """
    return _process("sub_vp", _SubLinearBeta, beta_min, beta_max, t_min, t_max)


def _process(
    name: str, kind: type[_LinearBeta], beta_min: float, beta_max: float, t_min: float, t_max: float
) -> Process:
    if not 0 < beta_min <= beta_max < math.inf:
        raise ValueError(
            f"need 0 < beta_min <= beta_max, finite; got beta_min={beta_min}, beta_max={beta_max}"
        )
    linear = kind(float(beta_min), float(beta_max))
    return Process(
        **functions_of(linear),
        t_min=t_min,
        t_max=t_max,
        name=f"{name}({beta_min:g}, {beta_max:g})",
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

    def g2(self, t: Time) -> Time:
        return self.beta(t)

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
        return self._time_of_integral(softplus(-2 * lam))

    def _time_of_integral(self, total: Time) -> Time:
        slope = self.end - self.start
        # The form of the root of slope t^2/2 + start t = B without a subtraction.
        return 2 * total / (self.start + elementary(total).sqrt(self.start**2 + 2 * slope * total))


@dataclass(frozen=True)
class _SubLinearBeta(_LinearBeta):
    """The functions of `sub_vp`."""

    def g2(self, t: Time) -> Time:
        return -self.beta(t) * elementary(t).expm1(-2 * self.integral(t))

    def sigma(self, t: Time) -> Time:
        return -elementary(t).expm1(-self.integral(t))

    def d_sigma(self, t: Time) -> Any:
        return self.beta(t) * elementary(t).exp(-self.integral(t))

    def log_snr(self, t: Time) -> Time:
        total = self.integral(t)
        return -0.5 * total - log(-elementary(t).expm1(-total))

    def time_of_log_snr(self, lam: Time) -> Time:
        # alpha / (1 - alpha^2) = e^lam has the root B = 2 asinh(e^-lam / 2).
        m = elementary(lam)
        small = m.exp(-abs(lam))
        if m is math:
            total = 2 * math.asinh(small / 2) if lam > 0 else -2 * lam + _grown(small)
        else:
            total = m.where(lam > 0, 2 * m.asinh(small / 2), -2 * lam + _grown(small))
        return self._time_of_integral(total)


def _grown(small: Any) -> Any:
    """2 asinh(1 / (2 small)) + 2 ln(small), without overflow."""
    m = elementary(small)
    return 2 * m.log((1 + m.sqrt(1 + 4 * small**2)) / 2)
