r"""Presets with a corrector, in data form with nodes in log-SNR: UniPC, SA-Solver."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from diffmath._arrays.phi import phi
from diffmath.diffusion._methods import Method, preset
from diffmath.diffusion._multistep.adams import adams, method_of
from diffmath.diffusion._multistep.forms import Level
from diffmath.diffusion._multistep.noise import checked_order
from diffmath.diffusion._multistep.rule import AdamsRule
from diffmath.diffusion._multistep.weights import Moments
from diffmath.diffusion._process import Process
from diffmath.diffusion._singlestep import changed, shown

__all__ = ["sa_solver", "unipc"]

Variant = Literal["bh1", "bh2", "vary"]
_MOMENTS: dict[Variant, Moments] = {"bh1": "half", "bh2": "midpoint", "vary": "exact"}
_UNIPC = "Zhao et al. (2023), arXiv:2302.04867"


@preset
def unipc(*, order: int = 2, variant: Variant = "bh2", as_published: bool = False) -> Method:
    r"""UniPC: a predictor through p values and a corrector through p + 1, one evaluation per step.

    Parameters
    ----------
    order : int
        The p of the literature, 1 to 4; the order of convergence is p + 1.
    variant : {"bh1", "bh2", "vary"}
        Weights where there is one difference only: halves of :math:`h` (bh1) or of :math:`1 - e^{-h}` (bh2),
        as published, or exact (vary). Otherwise the three are equal.
    as_published : bool
        As in the code of the authors: no starters, and fewer values in the last steps; with "vary" the
        corrector leaves terms out.

    Raises
    ------
    ValueError
        An order or a variant that does not exist.

    Notes
    -----
    Order p + 1; the first steps of p > 2 are Runge-Kutta steps of p evaluations. As published 2, since the
    last step has order 1; with "vary" and p > 1 only 1. On grids that reach sigma = 0 the order is 2. No
    corrector in the last step, which needs no evaluation at the last time.

    References
    ----------
    .. [1] Zhao et al. (2023), UniPC, arXiv:2302.04867, algorithms 1-2, and the code of the authors.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.unipc, diffusion.unipc(order=3).nfe(20)
    (Method(unipc, order=3, weak_order=3), 24)
    >>> diffusion.unipc(as_published=True)
    Method(unipc:as_published, order=2, weak_order=2)
    """
    p = checked_order(order, 4)
    if variant not in _MOMENTS:
        raise ValueError(f"variant must be one of {', '.join(_MOMENTS)}; got {variant!r}")
    name = shown("unipc", order=changed(p, 2), variant=changed(variant, "bh2"))
    name += ":as_published" if as_published else ""
    kind = _DroppedTerms if as_published and variant == "vary" and p > 1 else AdamsRule
    moments = _MOMENTS[variant]
    rule = kind(
        "data", "log_snr", p, p + 1, starter="ramp" if as_published else "runge_kutta",
        predictor_moments=moments, corrector_moments=moments, tapers=as_published,
    )  # fmt: skip
    return method_of(rule, name, _UNIPC)


@dataclass(frozen=True)
class _DroppedTerms(AdamsRule):
    """The published corrector of the variant "vary", which uses one row of its matrix for each difference."""

    @property
    def order(self) -> int:
        return 1

    @property
    def weak_order(self) -> int:
        return 1

    def _weights(
        self, process: Process, s: Level, t: Level, known: Sequence[Level], moments: Moments
    ) -> tuple[float, ...]:
        if known[0] is not t or not math.isfinite(s.log_snr):
            return super()._weights(process, s, t, known, moments)
        h = t.log_snr - s.log_snr
        past_levels = [at for at in known[2:] if math.isfinite(at.log_snr)]
        places = [(at.log_snr - s.log_snr) / h for at in (*past_levels, t)]
        k = len(places)
        rows = np.linalg.inv([[r**j / math.factorial(j + 1) for j in range(k)] for r in places])
        phis = [h * phi(j + 2, -h) for j in range(k)]  # of the derivatives 1, 2, ...
        past = [sum(phis[j] * rows[j, i] for j in range(k - 1)) / places[i] for i in range(k - 1)]
        new = phis[k - 1] * rows[max(k - 2, 0), k - 1]
        present = -math.expm1(-h) - sum(past) - new
        return tuple(float(t.alpha * value) for value in (new, present, *past))


@preset
def sa_solver(*, predictor: int = 3, corrector: int = 4, tau: float = 1.0) -> Method:
    r"""SA-Solver: stochastic Adams predictor and corrector, which share their normal number.

    .. math:: x_t = \frac{\sigma_t}{\sigma_s} e^{-\tau^2 h} x_s + \sum_j b_j D_j
       + \sigma_t \sqrt{1 - e^{-2\tau^2 h}}\;z, \qquad
       b_j = \alpha_t \int_0^h (1 + \tau^2) e^{-(1 + \tau^2)(h - u)}\,\ell_j\,du

    Parameters
    ----------
    predictor : int
        Values of the predictor, 1 to 5.
    corrector : int
        Values of the corrector with the new one, 2 to ``predictor + 1`` and at most 5, or 0 for none.
    tau : float
        Noise level of the family of reverse SDEs; 0 is the probability-flow ODE.

    Raises
    ------
    TypeError, ValueError
        As for `adams`.

    Notes
    -----
    Weak order 2 (1 for a predictor of one value alone), strong order 1. Without noise order
    ``max(predictor, corrector)``, with Runge-Kutta steps at the start; 2 on grids that reach sigma = 0. One
    evaluation per step. It is `adams` in data form with nodes in log-SNR.

    References
    ----------
    .. [1] Xue et al. (2023), SA-Solver, arXiv:2309.05019, algorithm 1.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.sa_solver
    Method(sa_solver, order=1, weak_order=2)
    >>> diffusion.sa_solver(tau=0.0)
    Method(sa_solver(tau=0), order=4, weak_order=4)
    """
    method = adams(form="data", nodes="log_snr", predictor=predictor, corrector=corrector, tau=tau)
    level = None if tau == 1 else f"{tau:g}"
    name = shown("sa_solver", predictor=changed(predictor, 3), corrector=changed(corrector, 4), tau=level)
    rule = method.step
    assert isinstance(rule, AdamsRule)
    return method_of(rule, name, "Xue et al. (2023), arXiv:2309.05019, algorithm 1")
