r"""The variance-preserving processes with :math:`\alpha(1) = 0` exactly: `vp_cosine` and `vp_sigmoid`.

.. math:: \text{cosine}: \; \alpha = \frac{\cos\frac\pi2\frac{t + s}{1 + s}}{\cos\frac\pi2\frac{s}{1 + s}},
   \qquad \text{sigmoid}: \; \alpha^2 = \frac{S(e/\tau) - S((b + (e - b)t)/\tau)}{S(e/\tau) - S(b/\tau)}

Both are written without subtractions, so that they are exact at t = 0 and at t = 1. Source: Nichol & Dhariwal
(2021), arXiv:2102.09672, eq. 17; Jabri, Fleet & Chen (2023), arXiv:2212.11972, and Chen (2023),
arXiv:2301.10972, for the sigmoid S.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from diffmath._arrays.scalars import elementary
from diffmath._core.typing import Time
from diffmath.diffusion._process.derived import log, logistic, ratio
from diffmath.diffusion._process.process import Process
from diffmath.diffusion._process.times import functions_of

__all__ = ["Preserving", "vp_cosine", "vp_sigmoid"]


def vp_cosine(offset: float = 0.008, *, t_min: float = 1e-3) -> Process:
    r"""Return the variance-preserving process with the cosine schedule.

    .. math:: \alpha_t = \frac{\cos\bigl(\frac\pi2\frac{t + s}{1 + s}\bigr)}
       {\cos\bigl(\frac\pi2\frac{s}{1 + s}\bigr)} = \frac{\sin\bigl(\frac\pi2\frac{1 - t}{1 + s}\bigr)}
       {\cos\bigl(\frac\pi2\frac{s}{1 + s}\bigr)}, \qquad \alpha^2 + \sigma^2 = 1

    Parameters
    ----------
    offset : float
        s, at least 0. With 0, alpha and sigma are the cosine and the sine of :math:`\pi t/2`.
    t_min : float
        Default end of sampling; times may go down to 0.

    Returns
    -------
    Process

    Raises
    ------
    ValueError
        A negative offset, or an invalid `t_min`.

    Notes
    -----
    alpha is 0 at t = 1: a denoiser, a velocity or a flow starts there, a score or a noise cannot. The table
    of betas that the paper makes of it is clipped at 0.999.

    References
    ----------
    .. [1] Nichol & Dhariwal (2021), arXiv:2102.09672, eq. 17.

    Examples
    --------
    >>> process = vp_cosine()
    >>> process
    Process('vp_cosine(0.008)', t: 0.001 -> 1)
    >>> process.marginal(1.0)
    (0.0, 1.0)
    """
    if not 0 <= offset < math.inf:
        raise ValueError(f"offset must be finite and not negative; got {offset}")
    curve = (_Cosine if offset else _Trigonometric)(float(offset))
    return curve.process(f"vp_cosine({offset:g})", t_min)


def vp_sigmoid(start: float = -3.0, end: float = 3.0, tau: float = 1.0, *, t_min: float = 1e-3) -> Process:
    r"""Return the variance-preserving process whose :math:`\alpha^2` is a piece of a logistic curve.

    .. math:: \alpha_t^2 = \frac{S(e/\tau) - S((b + (e - b)t)/\tau)}{S(e/\tau) - S(b/\tau)}, \quad
       S(y) = \frac{1}{1 + e^{-y}}

    Parameters
    ----------
    start, end : float
        b and e, with ``start < end``.
    tau : float
        Temperature, positive.
    t_min : float
        Default end of sampling; times may go down to 0.

    Returns
    -------
    Process

    Raises
    ------
    ValueError
        Parameters in the wrong order, or an invalid `t_min`.

    Notes
    -----
    alpha is 0 at t = 1, where its derivative is infinite: a denoiser or a velocity starts there, a score or a
    noise cannot. It is not the "sigmoid" of tables of betas, in which the betas are logistic.

    References
    ----------
    .. [1] Chen (2023), On the importance of noise scheduling, arXiv:2301.10972, algorithm 1.

    Examples
    --------
    >>> process = vp_sigmoid()
    >>> process
    Process('vp_sigmoid(-3, 3, 1)', t: 0.001 -> 1)
    >>> round(process.log_snr(0.5), 12), process.marginal(1.0)[0]
    (0.0, 0.0)
    """
    if not (start < end and tau > 0 and math.isfinite((end - start) / tau)):
        raise ValueError(f"need start < end and tau > 0, finite; got start={start}, end={end}, tau={tau}")
    return _Sigmoid(start / tau, end / tau).process(f"vp_sigmoid({start:g}, {end:g}, {tau:g})", t_min)


# Objects instead of closures, so that a process can be pickled.
class Preserving(ABC):
    """A curve with alpha^2 + sigma^2 = 1; `loss` is -(alpha^2)'/2, which is finite at both ends."""

    @abstractmethod
    def alpha(self, t: Time) -> Any: ...
    @abstractmethod
    def sigma(self, t: Time) -> Any: ...
    @abstractmethod
    def loss(self, t: Time) -> Any: ...
    @abstractmethod
    def log_snr(self, t: Time) -> Any: ...
    @abstractmethod
    def time_of_log_snr(self, lam: Time) -> Any: ...

    def d_alpha(self, t: Time) -> Any:
        return -ratio(self.loss(t), self.alpha(t))

    def d_sigma(self, t: Time) -> Any:  # infinite at t = 0
        return ratio(self.loss(t), self.sigma(t))

    def f(self, t: Time) -> Any:
        return ratio(self.d_alpha(t), self.alpha(t))

    def g2(self, t: Time) -> Any:
        return -2 * self.f(t)

    def process(self, name: str, t_min: float, t_max: float = 1.0) -> Process:
        return Process(
            **functions_of(self),
            t_min=t_min,
            t_max=t_max,
            name=name,
        )


@dataclass(frozen=True)
class _Cosine(Preserving):
    """cos(w (t + s)) = sin(w (1 - t)), cos^2 - cos^2 = sin(w t) sin(w (t + 2 s)), w = pi / (2 + 2 s)."""

    offset: float

    @property
    def speed(self) -> float:
        return math.pi / 2 / (1 + self.offset)

    @property
    def scale(self) -> float:
        return math.cos(self.speed * self.offset)

    def alpha(self, t: Time) -> Any:
        return elementary(t).sin(self.speed * (1 - t)) / self.scale

    def sigma(self, t: Time) -> Any:
        m = elementary(t)
        return m.sqrt(m.sin(self.speed * t) * m.sin(self.speed * (t + 2 * self.offset))) / self.scale

    def d_alpha(self, t: Time) -> Any:
        return -self.speed / self.scale * elementary(t).sin(self.speed * (t + self.offset))

    def loss(self, t: Time) -> Any:
        return -self.alpha(t) * self.d_alpha(t)

    def log_snr(self, t: Time) -> Any:
        return log(self.alpha(t)) - log(self.sigma(t))

    def time_of_log_snr(self, lam: Time) -> Any:
        # The angle w t is that between (cos, sin) of w s and of w (t + s), by its sine and cosine.
        m, sine = elementary(lam), math.sin(self.speed * self.offset)
        cos = self.scale * m.sqrt(logistic(2 * lam))
        extra = self.scale**2 * logistic(-2 * lam)
        sin = m.sqrt(sine**2 + extra)
        of_difference = extra / (sin * self.scale + cos * sine)
        return m.atan2(of_difference, cos * self.scale + sin * sine) / self.speed


@dataclass(frozen=True)
class _Trigonometric(_Cosine):
    """The cosine schedule without offset, whose sigma is smooth at t = 0."""

    def sigma(self, t: Time) -> Any:
        return elementary(t).sin(self.speed * t)

    def d_sigma(self, t: Time) -> Any:
        return self.speed * elementary(t).sin(self.speed * (1 - t))

    def time_of_log_snr(self, lam: Time) -> Any:
        m = elementary(lam)
        return m.atan2(m.sqrt(logistic(-2 * lam)), m.sqrt(logistic(2 * lam))) / self.speed


@dataclass(frozen=True)
class _Sigmoid(Preserving):
    """S(x) - S(y) = sinh((x - y)/2) / (2 cosh(x/2) cosh(y/2)); start and end are in units of tau."""

    start: float
    end: float

    def _place(self, t: Time) -> tuple[Any, Any]:
        """The distances from the place on the logistic curve to its end and from its start, halved."""
        width = (self.end - self.start) / 2
        return width * (1 - t), width * t

    def _square(self, t: Time, far: float, sinh: Any) -> Any:
        here = elementary(t).cosh(self.start / 2 + self._place(t)[1])
        return math.cosh(far / 2) * sinh / (here * math.sinh((self.end - self.start) / 2))

    def alpha(self, t: Time) -> Any:
        m = elementary(t)
        return m.sqrt(self._square(t, self.start, m.sinh(self._place(t)[0])))

    def sigma(self, t: Time) -> Any:
        m = elementary(t)
        return m.sqrt(self._square(t, self.end, m.sinh(self._place(t)[1])))

    def loss(self, t: Time) -> Any:
        width = (self.end - self.start) / 2
        here = elementary(t).cosh(self.start / 2 + self._place(t)[1])
        return width * math.cosh(self.start / 2) * math.cosh(self.end / 2) / (2 * math.sinh(width) * here**2)

    def log_snr(self, t: Time) -> Any:
        m, (to_end, from_start) = elementary(t), self._place(t)
        tilt = math.log(math.cosh(self.start / 2) / math.cosh(self.end / 2))
        return (log(m.sinh(to_end)) - log(m.sinh(from_start)) + tilt) / 2

    def time_of_log_snr(self, lam: Time) -> Any:
        # tanh of half the distance from the start, from coth(u) = (e^(2 lam) c + cosh(w)) / sinh(w).
        m, width = elementary(lam), (self.end - self.start) / 2
        tilt = math.cosh(self.end / 2) / math.cosh(self.start / 2)
        data, noise = logistic(2 * lam), logistic(-2 * lam)
        return m.atanh(math.sinh(width) * noise / (tilt * data + math.cosh(width) * noise)) / width
