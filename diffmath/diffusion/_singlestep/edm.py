r"""Heun's method in sigma with churn (EDM).

With :math:`y = x/\alpha` and :math:`\kappa = \sigma/\alpha` the probability-flow ODE is
:math:`dy/d\kappa = E`. Churn first adds noise up to the level :math:`\hat\kappa = (1 + \gamma)\kappa`.
Source: Karras et al. (2022), arXiv:2206.00364, algorithm 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from diffmath import ode
from diffmath.diffusion._methods import Method, Stage, Step, preset
from diffmath.diffusion._process import Process
from diffmath.diffusion._singlestep.runge_kutta import COORDINATES, RungeKuttaStep, time_at

__all__ = ["heun"]


@dataclass(frozen=True)
class _HeunStep:
    churn: float
    low: float
    high: float
    noise: float

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        s, t = times[n], times[n + 1]
        inner = RungeKuttaStep(ode.heun.tableau, "sigma")
        alpha, sigma = process.marginal(s)
        kappa = sigma / alpha
        raised = self._raised(process, kappa, len(times) - 1)
        if raised <= kappa:
            return inner.between(process, s, t)
        hot = time_at(process, COORDINATES["sigma"], raised)
        hot_alpha = process.marginal(hot)[0]
        size = self.noise * hot_alpha * math.sqrt(raised**2 - kappa**2)
        return after_noise(inner.between(process, hot, t), hot, hot_alpha / alpha, size)

    def _raised(self, process: Process, kappa: float, steps: int) -> float:
        if not self.low <= kappa <= self.high:
            return kappa
        gamma = min(self.churn / steps, math.sqrt(2) - 1)
        alpha, sigma = process.marginal(process.t_max)
        highest = sigma / alpha if alpha else math.inf
        return (1 + gamma) * kappa if (1 + gamma) * kappa <= highest else kappa


def after_noise(step: Step, start: float, scale: float, size: float) -> Step:
    """Return a deterministic step that begins at the state scale x + size z, at the time `start`."""
    first = Stage(start, step.decay * scale, step.weights, step.decay * size)
    later = [Stage(stage.t, stage.decay * scale, stage.weights, stage.decay * size) for stage in step.stages]
    return Step(scale, (), size, (first, *later), evaluates=False)


def _index_clock(process: Process, times: Sequence[float]) -> list[float]:
    """One unit for each step: its noise has no meaning on other grids."""
    return [float(n) for n in range(len(times))]


@preset
def heun(
    *, churn: float = 0.0, sigma_low: float = 0.0, sigma_high: float = math.inf, noise: float = 1.0
) -> Method:
    r"""Heun's method in the noise level, with churn: the sampler of EDM.

    .. math:: \hat y &= y + \sqrt{\hat\kappa^2 - \kappa_s^2}\;S z, \qquad
       \hat\kappa = (1 + \gamma) \kappa_s, \quad \gamma = \min(\mathrm{churn}/N, \sqrt2 - 1) \\
       y' &= \hat y + (\kappa_t - \hat\kappa) E(\hat y, \hat\kappa), \qquad
       y_t = \hat y + \tfrac12 (\kappa_t - \hat\kappa) \big(E(\hat y, \hat\kappa) + E(y', \kappa_t)\big)

    Parameters
    ----------
    churn : float
        Noise added in a run of N steps, not negative; 0 is the deterministic method.
    sigma_low, sigma_high : float
        Noise is added where :math:`\kappa = \sigma/\alpha` lies between them.
    noise : float
        The factor S of the noise, usually 1 to 1.01.

    Raises
    ------
    ValueError
        A negative or infinite `churn` or `noise`.

    Notes
    -----
    Order 2, two evaluations a step; the last step to sigma = 0 is Euler's, with one. With churn the law has
    weak order 2 when the start has the marginal law, since noise and flow both keep the marginals; the key
    gives one normal for each step, and other grids have other motions. The noise level never exceeds that
    of `t_max`, so the first step from there adds none.

    References
    ----------
    .. [1] Karras et al. (2022), arXiv:2206.00364, algorithms 1 and 2.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.heun
    Method(heun, order=2, weak_order=2)
    >>> diffusion.heun(churn=40.0)
    Method(heun(churn=40), order=1, weak_order=2)
    """
    for name, value in (("churn", churn), ("noise", noise)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must be finite and not negative; got {value}")
    step = _HeunStep(float(churn), float(sigma_low), float(sigma_high), float(noise))
    stochastic = churn > 0 and noise > 0
    return Method(
        f"heun(churn={churn:g})" if churn else "heun",
        1 if stochastic else 2,
        2,
        "Karras et al. (2022), arXiv:2206.00364, algorithm 2",
        step,
        _index_clock if stochastic else None,
        evaluations=2,
        form="noise",
    )
