r"""The processes of an exponential: `ve` (geometric noise levels) and `vp_exponential`.

.. math:: \text{VE}: \quad \alpha = 1, \; \sigma^2 = \sigma_0^2 (r^{2t} - 1), \qquad\qquad
   \text{VP}: \quad \alpha = e^{-c t^2}, \; \sigma^2 = 1 - e^{-2 c t^2}

Source: Song et al. (2021), arXiv:2011.13456, eq. 9 and 30-31; Ho, Jain & Abbeel (2020), arXiv:2006.11239,
whose linear betas start near 0.
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

__all__ = ["ve", "vp_exponential"]


def ve(
    sigma_min: float = 0.01,
    sigma_max: float = 50.0,
    *,
    t_min: float = 1e-5,
    t_max: float = 1.0,
    as_published: bool = False,
) -> Process:
    r"""Return the variance-exploding process with geometric noise levels.

    .. math:: dx = \sqrt{2 \ln r}\,\sigma_{\min} r^t\,dW, \quad r = \sigma_{\max} / \sigma_{\min}, \qquad
       \alpha_t = 1, \quad \sigma_t^2 = \sigma_{\min}^2 (r^{2t} - 1)

    Parameters
    ----------
    sigma_min, sigma_max : float
        ``0 < sigma_min < sigma_max``.
    t_min, t_max : float
        Default end and start of sampling.
    as_published : bool
        Use :math:`\sigma_t = \sigma_{\min} r^t` as the paper's code does.

    Returns
    -------
    Process

    Raises
    ------
    ValueError
        Noise levels or times in the wrong order.

    Notes
    -----
    The default is the law of the SDE that starts at the data. The published standard deviation
    :math:`\sigma_{\min} r^t` solves the same Fokker-Planck equation, but for data to which
    :math:`\mathcal N(0, \sigma_{\min}^2)` has been added: at t = 0 it is not 0. A network trained with it
    needs ``as_published=True``.

    References
    ----------
    .. [1] Song et al. (2021), arXiv:2011.13456, eq. 9 and 30-31, appendix C.

    Examples
    --------
    >>> ve()
    Process('ve(0.01, 50)', t: 1e-05 -> 1)
    >>> ve().marginal(0.0), ve(as_published=True).marginal(0.0)
    ((1.0, 0.0), (1.0, 0.01))
    """
    if not 0 < sigma_min < sigma_max < math.inf:
        raise ValueError(
            f"need 0 < sigma_min < sigma_max, finite; got sigma_min={sigma_min}, sigma_max={sigma_max}"
        )
    rate = math.log(sigma_max / sigma_min)
    levels = (_Published if as_published else _Geometric)(float(sigma_min), rate)
    return Process(
        **functions_of(levels),
        t_min=t_min,
        t_max=t_max,
        name=f"ve({sigma_min:g}, {sigma_max:g}{', as_published=True' if as_published else ''})",
    )


def vp_exponential(rate: float = 5.0, *, t_min: float = 1e-3, t_max: float = 1.0) -> Process:
    r"""Return the variance-preserving process whose :math:`\beta` grows from 0.

    .. math:: \alpha_t = e^{-c t^2}, \quad \sigma_t^2 = 1 - e^{-2 c t^2}, \quad f = -2 c t, \quad g^2 = 4 c t

    Parameters
    ----------
    rate : float
        c, positive; the default 5 is the limit of DDPM's betas for a first beta of 0.
    t_min, t_max : float
        Default end and start of sampling.

    Returns
    -------
    Process

    Raises
    ------
    ValueError
        A rate that is not positive, or invalid times.

    Notes
    -----
    Unlike `vp`, sigma is smooth at t = 0 (:math:`\sigma \approx \sqrt{2c}\,t`), so that the flow is finite
    there.

    References
    ----------
    .. [1] Ho, Jain & Abbeel (2020), arXiv:2006.11239, section 4.

    Examples
    --------
    >>> process = vp_exponential()
    >>> process
    Process('vp_exponential(5)', t: 0.001 -> 1)
    >>> process.coefficients(0.5)
    (-5.0, 10.0)
    """
    if not 0 < rate < math.inf:
        raise ValueError(f"rate must be positive and finite; got {rate}")
    curve = _SquareExponential(float(rate))
    return Process(
        **functions_of(curve),
        t_min=t_min,
        t_max=t_max,
        name=f"vp_exponential({rate:g})",
    )


# Objects instead of closures, so that a process can be pickled.
@dataclass(frozen=True)
class _Published:
    """Geometric noise levels start * e^(rate t)."""

    start: float
    rate: float

    def alpha(self, t: Time) -> Any:
        return 1.0 if elementary(t) is math else 1.0 + 0 * t

    def d_alpha(self, t: Time) -> Any:
        return 0.0 if elementary(t) is math else 0 * t

    def sigma(self, t: Time) -> Any:
        return self.start * elementary(t).exp(self.rate * t)

    def d_sigma(self, t: Time) -> Any:
        return self.rate * self.sigma(t)

    def g2(self, t: Time) -> Any:
        return 2 * self.rate * self.start**2 * elementary(t).exp(2 * self.rate * t)

    def log_snr(self, t: Time) -> Any:
        return -math.log(self.start) - self.rate * t

    def time_of_log_snr(self, lam: Time) -> Any:
        return -(lam + math.log(self.start)) / self.rate


@dataclass(frozen=True)
class _Geometric(_Published):
    """The law of the SDE: the published variance less its value at t = 0."""

    def sigma(self, t: Time) -> Any:
        m = elementary(t)
        return self.start * m.sqrt(m.expm1(2 * self.rate * t))

    def d_sigma(self, t: Time) -> Any:  # infinite at t = 0
        return ratio(self.g2(t) / 2, self.sigma(t))

    def log_snr(self, t: Time) -> Any:
        # ln(expm1(y)) = y + ln(-expm1(-y)): no overflow for large y, no cancellation for small y.
        exponent = 2 * self.rate * t
        return -math.log(self.start) - (exponent + log(-elementary(t).expm1(-exponent))) / 2

    def time_of_log_snr(self, lam: Time) -> Any:
        return softplus(-2 * (lam + math.log(self.start))) / (2 * self.rate)


@dataclass(frozen=True)
class _SquareExponential:
    """The functions of `vp_exponential`."""

    rate: float

    def alpha(self, t: Time) -> Any:
        return elementary(t).exp(-self.rate * t**2)

    def sigma(self, t: Time) -> Any:
        m = elementary(t)
        return m.sqrt(-m.expm1(-2 * self.rate * t**2))

    def f(self, t: Time) -> Any:
        return -2 * self.rate * t

    def g2(self, t: Time) -> Any:
        return 4 * self.rate * t

    def d_alpha(self, t: Time) -> Any:
        return self.f(t) * self.alpha(t)

    def d_sigma(self, t: Time) -> Any:
        return 2 * self.rate * self.alpha(t) ** 2 * self._time_over_sigma(t)

    def _time_over_sigma(self, t: Time) -> Any:
        m, limit = elementary(t), (2 * self.rate) ** -0.5
        if m is math:
            return t / self.sigma(t) if t > 0 else limit
        positive = t > 0
        inner = m.where(positive, t, m.ones_like(t))
        return m.where(positive, inner / self.sigma(inner), m.full_like(t, limit))

    def log_snr(self, t: Time) -> Any:
        exponent = 2 * self.rate * t**2
        return -(exponent + log(-elementary(t).expm1(-exponent))) / 2

    def time_of_log_snr(self, lam: Time) -> Any:
        total = softplus(-2 * lam) / (2 * self.rate)
        return elementary(total).sqrt(total)
