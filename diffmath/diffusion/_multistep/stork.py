r"""STORK-2, stabilised Runge-Kutta stages whose velocities are extrapolated: a two-step method.

The stages of the Runge-Kutta-Gegenbauer method of order 2 evaluate a Taylor polynomial of the velocity,
:math:`U_0 + c_j h U'`, not the model. So a step is :math:`x + h U_0 + \kappa h^2 U'`, with one number kappa
that the recursion of the stages gives, and there is no stabilised region.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diffmath._core.counts import check_count
from diffmath.diffusion._methods import Method, Step, preset
from diffmath.diffusion._multistep.adams import method_of
from diffmath.diffusion._multistep.forms import constant_weight, decay, level
from diffmath.diffusion._multistep.rule import AdamsRule
from diffmath.diffusion._process import Process
from diffmath.diffusion._singlestep import changed, shown

__all__ = ["slope_weight", "stork"]

_REFERENCE = "Tan et al. (2025), arXiv:2505.24210"


def slope_weight(stages: int, legendre_times: bool = False) -> float:
    r"""Return kappa, the weight of :math:`h^2 U'` after all stages.

    Parameters
    ----------
    stages : int
        At least 2.
    legendre_times : bool
        Evaluate at the times of the Runge-Kutta-Legendre method, :math:`(j^2 + j - 2)/(s^2 + s - 2)`, instead
        of those at which the recursion of the Gegenbauer method stands.

    Notes
    -----
    Source: Skaras, Saxton, Meyer & Aslam (2021), J. Comput. Phys. 425, 109879, for the recursion.

    Examples
    --------
    >>> round(slope_weight(10), 12), round(slope_weight(10, legendre_times=True), 3)
    (0.5, 0.464)
    """
    s = stages
    b = [
        1.0,
        1 / 3,
        *(4 * (j - 1) * (j + 4) / (3 * j * (j + 1) * (j + 2) * (j + 3)) for j in range(2, s + 1)),
    ]
    first = 6 / ((s + 4) * (s - 1))
    times, slopes = [0.0, first], [0.0, 0.0]
    for j in range(2, s + 1):
        mu, nu = (2 * j + 1) * b[j] / (j * b[j - 1]), -(j + 1) * b[j] / (j * b[j - 2])
        gain = mu * first
        at = (j * j - j - 2) / (s * s + s - 2) if legendre_times else times[j - 1]
        times.append(mu * times[j - 1] + nu * times[j - 2] + gain * 0.5 * j * (j + 1) * b[j - 1])
        slopes.append(mu * slopes[j - 1] + nu * slopes[j - 2] + gain * at)
    return slopes[-1]


@dataclass(frozen=True)
class _Published:
    """The step with the derivative of equal steps and the published stage times."""

    slope: float

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        s, t = level(process, times[n]), level(process, times[n + 1])
        size, kept = constant_weight("flow", s, t), decay("flow", s, t)
        return Step(kept, (size * (1 + self.slope), -size * self.slope) if n else (size,))


@preset
def stork(*, stages: int = 50, as_published: bool = False) -> Method:
    r"""STORK-2: stabilised Runge-Kutta stages with extrapolated velocities.

    .. math:: \frac{x_t}{\alpha_t + \sigma_t} = \frac{x_s}{\alpha_s + \sigma_s} + h U_0 + \kappa h^2 U',
       \qquad U = E - D, \quad h = f_t - f_s, \quad f = \frac{\sigma}{\alpha + \sigma}

    Parameters
    ----------
    stages : int
        At least 2. It matters as published only: with consistent stage times, kappa is 1/2 for every number.
    as_published : bool
        The stage times of another method (Runge-Kutta-Legendre), and the derivative of equal steps.

    Raises
    ------
    TypeError, ValueError
        `stages` not an integer, or below 2.

    Notes
    -----
    Order 2, at alpha = 0 and sigma = 0 too, one evaluation per step: it is ``adams(form="flow", nodes="flow",
    predictor=2, corrector=0)``, Adams-Bashforth in the time of the flow. As published order 1: kappa is 0.464
    for 10 stages and 0.490 for 50. The first step is an Euler step.

    References
    ----------
    .. [1] Tan et al. (2025), STORK, arXiv:2505.24210.
    .. [2] Skaras, Saxton, Meyer & Aslam (2021), J. Comput. Phys. 425, 109879 (RKG2).

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.stork, diffusion.stork(as_published=True)
    (Method(stork, order=2, weak_order=2), Method(stork:as_published, order=1, weak_order=1))
    """
    stages = check_count("stages", stages, 2)
    name = shown("stork", stages=changed(stages, 50)) + (":as_published" if as_published else "")
    if not as_published:
        return method_of(AdamsRule("flow", "flow", 2), name, _REFERENCE)
    rule = _Published(slope_weight(stages, legendre_times=True))
    return Method(name, 1, 1, _REFERENCE, rule, form="flow")
