r"""The exponential-Adams kernel as a sampler, `adams`."""

from __future__ import annotations

import math
from typing import Any

from diffmath._core.counts import check_count
from diffmath.diffusion._methods import Method, exponential_clock, preset
from diffmath.diffusion._multistep.nodes import NODES, Nodes
from diffmath.diffusion._multistep.rule import AdamsRule, Starter
from diffmath.diffusion._process import FORMS, Form

__all__ = ["adams", "checked_tau", "method_of"]


def method_of(rule: AdamsRule, name: str, reference: str) -> Method:
    """Return the method of a rule of the kernel, with the orders and the cost that the rule has."""
    return Method(
        name,
        rule.order,
        rule.weak_order,
        reference,
        rule,
        exponential_clock(rule.tau),
        evaluations=rule.evaluations,
        form=rule.form,
        end_order=rule.end_order,
    )


def checked_tau(tau: float) -> float:
    """Return a noise level of the reverse SDE, or refuse it."""
    if not 0 <= tau < math.inf:
        raise ValueError(f"tau must be finite and not negative; got {tau}")
    return float(tau)


def _checked(
    form: Any, nodes: Any, predictor: int, corrector: int, tau: float, starter: Any, last: int | None
) -> AdamsRule:
    for name, value, known in (
        ("form", form, tuple(FORMS)),
        ("nodes", nodes, NODES),
        ("starter", starter, ("runge_kutta", "ramp")),
    ):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}")
    predictor, corrector = check_count("predictor", predictor), check_count("corrector", corrector, 0)
    if predictor > 5:
        raise ValueError(f"predictor must be at most 5; got {predictor}")
    if corrector and not 2 <= corrector <= min(predictor + 1, 5):
        raise ValueError(
            f"corrector must be 0, or at least 2 and at most predictor + 1 and 5; got {corrector} with "
            f"predictor={predictor}"
        )
    tau = checked_tau(tau)
    if tau and form != "data":
        raise ValueError(f"tau > 0 needs the form data; got {form!r}")
    full = max(predictor, corrector)
    last = 0 if last is None else check_count("last", last)
    if last > full:
        raise ValueError(f"last must be at most {full}, the order of the other steps; got {last}")
    return AdamsRule(form, nodes, predictor, corrector, tau, starter, last)


@preset
def adams(
    *,
    form: Form = "flow",
    nodes: Nodes = "theta",
    predictor: int = 2,
    corrector: int = 3,
    tau: float = 0.0,
    starter: Starter = "runge_kutta",
    last: int | None = None,
) -> Method:
    r"""The exponential-Adams kernel: any form, node coordinate, predictor, corrector and noise level.

    .. math:: \frac{x_t}{r_t} = \frac{x_s}{r_s} + \int_{\tau_s}^{\tau_t} F\,d\tau

    F is replaced by the polynomial in the node coordinate through its last `predictor` values, or through
    `corrector` values with the one at the predicted state, which the next step takes over.

    Parameters
    ----------
    form : {"data", "noise", "flow", "velocity"}
        What F is: D, E, E - D or :math:`\alpha E - \sigma D`. Its scale r and its own time are
        :math:`\sigma`, :math:`\alpha/\sigma`; :math:`\alpha`, :math:`\sigma/\alpha`;
        :math:`\alpha + \sigma`, :math:`\sigma/(\alpha + \sigma)`; :math:`\sqrt{\alpha^2 + \sigma^2}`,
        :math:`\arctan(\sigma/\alpha)` (and F divided by r). Data, noise and flow are exact for data at a
        point, at any number of steps.
    nodes : {"log_snr", "sigma", "flow", "theta", "log_norm", "time"}
        The coordinate: :math:`\ln(\alpha/\sigma)`, :math:`\sigma/\alpha`, :math:`\sigma/(\alpha + \sigma)`,
        :math:`\arctan(\sigma/\alpha)`, :math:`\ln(1 + \sigma^2/\alpha^2)` or t.
    predictor : int
        1 to 5 values.
    corrector : int
        2 to ``predictor + 1`` values, at most 5, or 0 for no corrector.
    tau : float
        Noise level of the family of reverse SDEs, for the data form only; 0 is the probability-flow ODE.
        Predictor and corrector share their normal number.
    starter : {"runge_kutta", "ramp"}
        Begin with Runge-Kutta steps in own time, if the order needs them, or with fewer values.
    last : int, optional
        Values of the last step, which has no corrector; by default `predictor`.

    Raises
    ------
    TypeError
        Numbers of values that are not integers.
    ValueError
        Unknown names, or values outside these ranges.

    Notes
    -----
    Order max(predictor, corrector) without noise, bounded by ``last + 1``, and by 2 (3 with a corrector) with
    the starter "ramp". With noise the weak order is 2 (1 with one value) and the strong order 1. One
    evaluation per step, and for a starter of p stages p - 1 more.

    On grids that reach alpha = 0 or sigma = 0 the flow and velocity with nodes in flow or theta keep the
    order, if the steps in theta shrink like 1/n: uniform times of `flow` do, uniform times of `vp` do not
    near t = 0, where theta is like the root of t. There log_snr and time have order 2, and sigma and log_norm
    too where alpha is 0. A step on which the coordinate is infinite has order 1.

    References
    ----------
    .. [1] Xue et al. (2023), SA-Solver, arXiv:2309.05019, section 4.
    .. [2] Zhang & Chen (2023), DEIS, arXiv:2204.13902, eq. 15.
    .. [3] Zhao et al. (2023), UniPC, arXiv:2302.04867, for the corrector.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.adams
    Method(adams(flow, theta, P2C3), order=3, weak_order=3)
    >>> fourth = diffusion.adams(form="data", nodes="log_snr", predictor=3, corrector=4)
    >>> fourth.order, fourth.end_order, fourth.nfe(20)
    (4, 2, 24)
    """
    rule = _checked(form, nodes, predictor, corrector, tau, starter, last)
    name = f"{form}, {nodes}, P{predictor}" + (f"C{corrector}" if corrector else "")
    name += f", tau={rule.tau:g}" if rule.tau else ""
    name += ", ramp" if starter == "ramp" else ""
    name += f", last={last}" if last else ""
    return method_of(rule, f"adams({name})", "Xue et al. (2023), arXiv:2309.05019, section 4")
