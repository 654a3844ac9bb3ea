"""Runge-Kutta samplers on the flow: any tableau, RF-Solver, FireFlow, and Euler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diffmath import ode
from diffmath.diffusion._methods import Method, Stage, Step, preset
from diffmath.diffusion._process import Process
from diffmath.diffusion._singlestep.interval import first_order, interval
from diffmath.diffusion._singlestep.runge_kutta import (
    COORDINATES,
    CoordinateName,
    RungeKuttaStep,
    explicit,
)

__all__ = ["euler", "fireflow", "rf_solver", "runge_kutta"]


@dataclass(frozen=True)
class _EulerStep:
    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        return first_order(interval(process, times, n))


@dataclass(frozen=True)
class _FireFlowStep:
    """The midpoint step, whose first slope, after the first step, is the one that the last step carries."""

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        step = RungeKuttaStep(ode.midpoint.tableau, "flow").between(process, times[n], times[n + 1])
        (stage,) = step.stages
        return Step(
            step.decay, step.weights, stages=(Stage(stage.t, stage.decay, stage.weights[:1]),), carries=True,
            evaluates=n == 0,
        )  # fmt: skip


def _one_more(steps: int) -> int:
    return steps + 1 if steps else 0


@preset
def runge_kutta(*, method: Any = ode.rk4, coordinate: CoordinateName = "flow") -> Method:
    r"""Any explicit Runge-Kutta method with fixed steps, in a coordinate of the noise level.

    .. math:: \frac{d}{d\tau}\frac{x}{\alpha + \sigma} = E - D, \qquad \tau = \frac{\sigma}{\alpha + \sigma}

    Parameters
    ----------
    method : ode.Tableau, or an object of `diffmath.ode` that has one
        For instance ``ode.rk4`` or ``ode.dopri5``.
    coordinate : {"flow", "theta", "sigma"}
        The coordinate above; the angle :math:`\arctan(\sigma/\alpha)` with the velocity; or
        :math:`\sigma/\alpha` with the noise.

    Raises
    ------
    TypeError
        A method without an explicit tableau.
    ValueError
        Another coordinate.

    Notes
    -----
    The order and the number of evaluations are those of the tableau, also on grids that reach alpha = 0 or
    sigma = 0 in the coordinates flow and theta. There a tableau with a node 1 evaluates the model at sigma
    = 0, where a denoiser does not determine the flow. In sigma, a last step to sigma = 0 is of order 1.

    References
    ----------
    .. [1] Liu, Gong & Liu (2023), Flow straight and fast, arXiv:2209.03003.

    Examples
    --------
    >>> from diffmath import diffusion, ode
    >>> diffusion.runge_kutta
    Method(runge_kutta(rk4, flow), order=4, weak_order=4)
    >>> diffusion.runge_kutta(method=ode.dopri5, coordinate="theta").nfe(10)
    70
    """
    tableau = getattr(method, "tableau", method)
    if not isinstance(tableau, ode.Tableau):
        raise TypeError(f"method must have an explicit tableau, such as ode.rk4; got {method!r}")
    if coordinate not in COORDINATES:
        raise ValueError(f"coordinate must be one of {', '.join(COORDINATES)}; got {coordinate!r}")
    name = f"runge_kutta({tableau.name}, {coordinate})"
    return explicit(name, tableau, coordinate, tableau.reference)


@preset
def rf_solver() -> Method:
    r"""RF-Solver of order 2, the midpoint rule on the flow.

    .. math:: y = x + \tfrac{h}{2} u(x, t), \qquad x' = x + h\,u(y, t + \tfrac{h}{2})

    Notes
    -----
    Order 2, two evaluations a step, also from pure noise to the data.

    References
    ----------
    .. [1] Wang et al. (2024), Taming rectified flow for inversion and editing, arXiv:2411.04746. Its second
       derivative by a difference makes it this rule.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.rf_solver
    Method(rf_solver, order=2, weak_order=2)
    """
    return explicit("rf_solver", ode.midpoint.tableau, "flow", "Wang et al. (2024), arXiv:2411.04746")


@preset
def fireflow() -> Method:
    r"""FireFlow: the midpoint rule on the flow, whose first slope is the midpoint slope of the last step.

    .. math:: \bar u_i = u(x_i + \tfrac{h}{2} \bar u_{i-1}, t_i + \tfrac{h}{2}), \qquad
       x_{i+1} = x_i + h\,\bar u_i

    Notes
    -----
    Order 2, one evaluation a step and one more in all. On a grid in the coordinate sigma/(alpha + sigma) that
    is reversed, it inverts itself to the third order.

    References
    ----------
    .. [1] Deng et al. (2024), FireFlow, arXiv:2412.07517.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.fireflow.nfe(10)
    11
    """
    reference = "Deng et al. (2024), arXiv:2412.07517"
    return Method(
        "fireflow", 2, 2, reference, _FireFlowStep(), evaluations=_one_more, form="flow"
    )  # fmt: skip


@preset
def euler() -> Method:
    r"""Euler's method in sigma, which is `ddim` without noise.

    .. math:: \frac{x_t}{\alpha_t} = \frac{x_s}{\alpha_s}
       + \Big(\frac{\sigma_t}{\alpha_t} - \frac{\sigma_s}{\alpha_s}\Big) E

    Notes
    -----
    Order 1.

    References
    ----------
    .. [1] Karras et al. (2022), arXiv:2206.00364, section 3.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.euler
    Method(euler, order=1, weak_order=1)
    """
    return Method("euler", 1, 1, "Karras et al. (2022), arXiv:2206.00364", _EulerStep())
