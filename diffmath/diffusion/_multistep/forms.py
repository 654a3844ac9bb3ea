r"""The four forms of the probability-flow ODE, each with a scale and a time of its own.

In each of them the state divided by the scale has the prediction F as its derivative, without a linear part:

.. math:: \frac{d}{d\tau}\,\frac{x}{r} = F

============ ==================== =========================== ==========================================
form         F                    scale r                     own time
============ ==================== =========================== ==========================================
data         D                    :math:`\sigma`              :math:`\alpha/\sigma`
noise        E                    :math:`\alpha`              :math:`\sigma/\alpha`
flow         E - D                :math:`\alpha + \sigma`     :math:`\sigma/(\alpha + \sigma)`
velocity     (alpha E - sigma D)/r root of alpha^2 + sigma^2  :math:`\theta = \arctan(\sigma/\alpha)`
============ ==================== =========================== ==========================================

The scales and times of the last two are finite and regular where alpha or sigma is 0. Source: Lu et al.
(2022), arXiv:2206.00927, proposition 3.1, and arXiv:2211.01095, for noise and data; Salimans & Ho (2022),
arXiv:2202.00512, appendix D, for the velocity; Lipman et al. (2023), arXiv:2210.02747, for the flow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from diffmath.diffusion._process import Form, Process, log_snr_at

__all__ = ["Level", "constant_weight", "decay", "level", "level_at", "own_time", "scale", "unit"]


@dataclass(frozen=True, slots=True)
class Level:
    """The noise level at a time: alpha, sigma and the log-SNR, infinite where one of them is 0."""

    alpha: float
    sigma: float
    log_snr: float


def level(process: Process, t: float) -> Level:
    """Return the noise level at a host time."""
    known: dict[float, Level] = process.__dict__.get("_levels", {})  # of a run
    found = known.get(t)
    if found is None:
        found = known[t] = Level(*process.marginal(t), log_snr_at(process, t))
    return found


def scale(form: Form, at: Level) -> float:
    """Return what the state is divided by."""
    if form == "data":
        return at.sigma
    if form == "noise":
        return at.alpha
    return at.alpha + at.sigma if form == "flow" else math.hypot(at.alpha, at.sigma)


def unit(form: Form, at: Level) -> float:
    """Return what the prediction is divided by."""
    return math.hypot(at.alpha, at.sigma) if form == "velocity" else 1.0


def own_time(form: Form, at: Level) -> float:
    """Return the own time of a form; infinite where its scale is 0."""
    if form == "data":
        return at.alpha / at.sigma if at.sigma else math.inf
    if form == "noise":
        return at.sigma / at.alpha if at.alpha else math.inf
    return at.sigma / (at.alpha + at.sigma) if form == "flow" else math.atan2(at.sigma, at.alpha)


def level_at(form: Form, time: float) -> float:
    """Return the log-SNR at an own time strictly between the ends."""
    if form == "data":
        return math.log(time)
    if form == "noise":
        return -math.log(time)
    return math.log((1 - time) / time) if form == "flow" else -math.log(math.tan(time))


def decay(form: Form, s: Level, t: Level, tau: float = 0.0) -> float:
    r"""Return the factor of the state, :math:`r_t/r_s`, times :math:`e^{-\tau^2 h}` in the reverse SDE."""
    # 0 times an infinite h is 0 here: without noise the state keeps its scale.
    loss = tau**2 * (t.log_snr - s.log_snr) if tau else 0.0
    return scale(form, t) / scale(form, s) * math.exp(-loss)


def constant_weight(form: Form, s: Level, t: Level, tau: float = 0.0) -> float:
    """Return the weight of a constant prediction over the step, exact also for steps of infinite h."""
    h = t.log_snr - s.log_snr
    if form == "data" and t.alpha:
        return -t.alpha * math.expm1(-(1 + tau**2) * h)
    if form == "data":
        return -s.alpha * t.sigma / s.sigma
    if form == "noise" and t.sigma:
        return -t.sigma * math.expm1(h)
    if form == "noise":
        return -s.sigma * t.alpha / s.alpha
    # alpha_s sigma_t - alpha_t sigma_s, without cancellation in short steps
    cross = -s.alpha * t.sigma * math.expm1(h) if abs(h) < 1 else s.alpha * t.sigma - t.alpha * s.sigma
    if form == "flow":
        return cross / (s.alpha + s.sigma)
    angle = math.atan2(cross, s.alpha * t.alpha + s.sigma * t.sigma)
    return math.hypot(t.alpha, t.sigma) * angle / math.hypot(s.alpha, s.sigma)
