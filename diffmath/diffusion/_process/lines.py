r"""The processes along straight lines: `edm` (sigma = t), `flow` (rectified flow) and `flow_polynomial`.

.. math:: \text{EDM}: \quad \alpha = 1, \; \sigma = t, \qquad\qquad
   \text{flow}: \quad \alpha = 1 - t, \; \sigma = t

Source: Karras et al. (2022), arXiv:2206.00364; Liu, Gong & Liu (2023), arXiv:2209.03003, and Lipman et al.
(2023), arXiv:2210.02747, whose time runs the other way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from diffmath._arrays.scalars import elementary
from diffmath._core.typing import Time
from diffmath.diffusion._process.derived import log, logistic
from diffmath.diffusion._process.process import Process
from diffmath.diffusion._process.times import functions_of

__all__ = ["edm", "flow", "flow_polynomial"]


def edm(*, t_min: float = 0.002, t_max: float = 80.0) -> Process:
    r"""Return the process of EDM, whose time is the noise level.

    .. math:: \alpha_t = 1, \qquad \sigma_t = t, \qquad f = 0, \qquad g^2 = 2 t

    Parameters
    ----------
    t_min, t_max : float
        Default end and start of sampling: the least and greatest noise level.

    Returns
    -------
    Process

    References
    ----------
    .. [1] Karras et al. (2022), Elucidating the design space, arXiv:2206.00364, table 1.

    Examples
    --------
    >>> process = edm()
    >>> process
    Process('edm', t: 0.002 -> 80)
    >>> process.marginal(3.0), process.coefficients(3.0)
    ((1.0, 3.0), (0.0, 6.0))
    """
    line = _Noise()
    return Process(
        alpha=_Constant(1.0),
        sigma=_Line(0.0, 1.0),
        d_alpha=_Constant(0.0),
        d_sigma=_Constant(1.0),
        log_snr=line.log_snr,
        time_of_log_snr=line.time_of_log_snr,
        t_min=t_min,
        t_max=t_max,
        name="edm",
    )


def flow(*, t_min: float = 1e-3) -> Process:
    r"""Return the rectified flow, the straight line between data (t = 0) and noise (t = 1).

    .. math:: x_t = (1 - t)\,x_0 + t\,\varepsilon, \qquad \dot x = u(x, t) = E - D

    Parameters
    ----------
    t_min : float
        Default end of sampling; times may go down to 0.

    Returns
    -------
    Process

    Notes
    -----
    alpha is 0 at t = 1: a denoiser, a velocity or a flow starts there, a score or a noise cannot
    (D = (x - E)/0), and f and g2 are infinite.

    References
    ----------
    .. [1] Liu, Gong & Liu (2023), Flow straight and fast, arXiv:2209.03003, eq. 1 (time reversed).
    .. [2] Lipman et al. (2023), Flow matching, arXiv:2210.02747, section 4.1 (time reversed).

    Examples
    --------
    >>> process = flow()
    >>> process.marginal(1.0), process.rates(1.0)
    ((0.0, 1.0), (-1.0, 1.0))
    >>> process.log_snr(1.0)
    -inf
    """
    line = _Flow()
    return Process(
        alpha=_Line(1.0, -1.0),
        sigma=_Line(0.0, 1.0),
        d_alpha=_Constant(-1.0),
        d_sigma=_Constant(1.0),
        log_snr=line.log_snr,
        time_of_log_snr=line.time_of_log_snr,
        t_min=t_min,
        t_max=1.0,
        name="flow",
    )


def flow_polynomial(power: float = 2.0, *, t_min: float = 1e-3) -> Process:
    r"""Return the flow along a power of time.

    .. math:: x_t = (1 - t^n)\,x_0 + t^n\,\varepsilon

    Parameters
    ----------
    power : float
        n, at least 1; 1 is `flow`.
    t_min : float
        Default end of sampling; times may go down to 0.

    Returns
    -------
    Process

    Raises
    ------
    ValueError
        A power below 1, or an invalid `t_min`.

    Notes
    -----
    The paths are those of `flow`, passed at another speed. For n > 1 they start at t = 0 with velocity 0, and
    a flow prediction says nothing there.

    References
    ----------
    .. [1] Lipman et al. (2023), Flow matching, arXiv:2210.02747, section 4 (affine paths).

    Examples
    --------
    >>> process = flow_polynomial(2)
    >>> process
    Process('flow_polynomial(2)', t: 0.001 -> 1)
    >>> process.marginal(0.5), process.rates(0.5)
    ((0.75, 0.25), (-1.0, 1.0))
    """
    if not 1 <= power < math.inf:
        raise ValueError(f"power must be at least 1 and finite; got {power}")
    curve = _Power(float(power))
    return Process(
        **functions_of(curve),
        t_min=t_min,
        t_max=1.0,
        name=f"flow_polynomial({power:g})",
    )


# Objects instead of closures, so that a process can be pickled.
@dataclass(frozen=True)
class _Constant:
    value: float

    def __call__(self, t: Time) -> Any:
        return self.value if elementary(t) is math else self.value + 0 * t


@dataclass(frozen=True)
class _Line:
    start: float
    slope: float

    def __call__(self, t: Time) -> Any:
        return self.start + self.slope * t


@dataclass(frozen=True)
class _Noise:
    """The log-SNR -ln t and its inverse."""

    def log_snr(self, t: Time) -> Any:
        return -log(t)

    def time_of_log_snr(self, lam: Time) -> Any:
        return elementary(lam).exp(-lam)


@dataclass(frozen=True)
class _Flow:
    """The log-SNR ln((1 - t)/t) and its inverse, the logistic function."""

    def log_snr(self, t: Time) -> Any:
        return log(1 - t) - log(t)

    def time_of_log_snr(self, lam: Time) -> Any:
        return logistic(-lam)


@dataclass(frozen=True)
class _Power:
    """The functions of `flow_polynomial`."""

    power: float

    def alpha(self, t: Time) -> Any:
        return 0.0 - elementary(t).expm1(self.power * log(t))

    def sigma(self, t: Time) -> Any:
        return t**self.power

    def d_alpha(self, t: Time) -> Any:
        return -self.d_sigma(t)

    def d_sigma(self, t: Time) -> Any:
        return self.power * t ** (self.power - 1)

    def log_snr(self, t: Time) -> Any:
        return log(self.alpha(t)) - self.power * log(t)

    def time_of_log_snr(self, lam: Time) -> Any:
        return logistic(-lam) ** (1 / self.power)
