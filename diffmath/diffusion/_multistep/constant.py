r"""Presets in noise form with the weights of equal steps: iPNDM, PNDM, gradient estimation.

.. math:: \frac{x_t}{\alpha_t} = \frac{x_s}{\alpha_s} + (\rho_t - \rho_s) \sum_j \beta_j E_{-j},
   \qquad \rho = \sigma/\alpha

On a smooth grid of unequal steps, weights that satisfy the first two conditions of order have order 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from diffmath._core.numbers import check_number
from diffmath.diffusion._methods import Method, Stage, Step, preset
from diffmath.diffusion._multistep.forms import Level, constant_weight, decay, level
from diffmath.diffusion._multistep.noise import checked_order
from diffmath.diffusion._multistep.starters import StarterCost
from diffmath.diffusion._process import Process
from diffmath.diffusion._singlestep import changed, shown

__all__ = ["gradient_estimation", "ipndm", "pndm"]

# Adams-Bashforth weights of equal steps, by the number of values.
_EQUAL_STEPS: tuple[tuple[float, ...], ...] = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)
_PNDM = "Liu et al. (2022), arXiv:2202.09778"


def _transfer(s: Level, t: Level, betas: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    """Return decay and weights of the DDIM step with a combination of noises."""
    size = constant_weight("noise", s, t)
    return decay("noise", s, t), tuple(size * beta for beta in betas)


@dataclass(frozen=True)
class _EqualSteps:
    """The rule with the weights `rows[k]` where k + 1 values exist."""

    rows: tuple[tuple[float, ...], ...]
    pseudo_runge_kutta: bool = False

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        s, t = level(process, times[n]), level(process, times[n + 1])
        if self.pseudo_runge_kutta and n < min(3, len(times) - 2):
            return self._pseudo(process, times[n], times[n + 1], s, t)
        return Step(*_transfer(s, t, self.rows[min(n, len(self.rows) - 1)]))

    def _pseudo(self, process: Process, start: float, end: float, s: Level, t: Level) -> Step:
        """Return the Runge-Kutta step of order 4 with DDIM for Euler, its midpoint that of t."""
        middle = 0.5 * (start + end)
        m = level(process, middle)
        stages = (
            Stage(middle, *_transfer(s, m, (1.0, 0.0))),
            Stage(middle, *_transfer(s, t, (1.0, 0.0, 0.0))),
            Stage(end, *_transfer(s, t, (1 / 6, 1 / 3, 1 / 3, 1 / 6))),
        )
        return Step(*_transfer(s, m, (1.0,)), stages=stages)


@preset
def ipndm(*, order: int = 4) -> Method:
    r"""iPNDM: Adams-Bashforth weights of equal steps, in DDIM steps.

    Parameters
    ----------
    order : int
        Number of values, 1 to 4; the name in the literature, not the order of convergence.

    Raises
    ------
    ValueError
        Another `order`.

    Notes
    -----
    Order 2 (1 with one value), one evaluation per step: the steps in sigma/alpha are not equal. `ipndm_v` has
    the weights of the steps. Times start where alpha > 0.

    References
    ----------
    .. [1] Zhang & Chen (2023), DEIS, arXiv:2204.13902, appendix (iPNDM).
    .. [2] Liu et al. (2022), PNDM, arXiv:2202.09778, eq. 12.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.ipndm
    Method(ipndm, order=2, weak_order=2)
    """
    order = checked_order(order, 4)
    name = shown("ipndm", order=changed(order, 4))
    reference = "Zhang & Chen (2023), arXiv:2204.13902, iPNDM"
    reached = min(order, 2)
    return Method(name, reached, reached, reference, _EqualSteps(_EQUAL_STEPS[:order]), form="noise")


@preset
def pndm() -> Method:
    r"""PNDM: three pseudo-Runge-Kutta steps, then four values with the weights of equal steps.

    Notes
    -----
    Order 2: the weights are those of equal steps. One evaluation per step, and three more in the first three
    steps. Outputs of a network are converted to noise before they are combined, so that models of all kinds
    give one sample. Times start where alpha > 0.

    References
    ----------
    .. [1] Liu et al. (2022), PNDM, arXiv:2202.09778, algorithm 2.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.pndm, diffusion.pndm.nfe(20)
    (Method(pndm, order=2, weak_order=2), 29)
    """
    rule = _EqualSteps(_EQUAL_STEPS, pseudo_runge_kutta=True)
    return Method("pndm", 2, 2, _PNDM, rule, form="noise", evaluations=StarterCost(3, 3))


@preset
def gradient_estimation(*, gamma: float = 2.0) -> Method:
    r"""Gradient estimation: DDIM steps with an extrapolated noise.

    .. math:: \bar E = \gamma E_0 + (1 - \gamma) E_{-1}

    Parameters
    ----------
    gamma : float
        2, the default, is the published choice for few steps; 1 is DDIM, 1.5 is ``ipndm(order=2)``.

    Raises
    ------
    TypeError, ValueError
        `gamma` not a finite number.

    Notes
    -----
    Order 1 (2 for gamma = 1.5), one evaluation per step. The first step is a DDIM step.

    References
    ----------
    .. [1] Permenter & Yuan (2023), arXiv:2306.04848, eq. 8 and algorithm 2.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.gradient_estimation
    Method(gradient_estimation, order=1, weak_order=1)
    """
    gamma = check_number("gamma", gamma)
    if not math.isfinite(gamma):
        raise ValueError(f"gamma must be finite; got {gamma}")
    name = shown("gradient_estimation", gamma=None if gamma == 2 else f"{gamma:g}")
    order = 2 if gamma == 1.5 else 1
    rule = _EqualSteps(((1.0,), (gamma, 1 - gamma)))
    return Method(name, order, order, "Permenter & Yuan (2023), arXiv:2306.04848", rule, form="noise")
