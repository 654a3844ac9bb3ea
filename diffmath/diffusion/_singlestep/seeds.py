"""Exponential Runge-Kutta samplers for the reverse SDE: SEEDS, and DPM-Solver++(SDE)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from diffmath import ode
from diffmath.diffusion._methods import Method, preset
from diffmath.diffusion._singlestep.exponential import exponential
from diffmath.diffusion._singlestep.tableaux import (
    changed,
    fraction,
    midpoint_tableau,
    shown,
    three_stages,
    two_stages,
)

__all__ = ["dpmpp_sde", "seeds_1", "seeds_2", "seeds_3"]

_DPMPP = "Lu et al. (2022), arXiv:2211.01095"
_SEEDS = "Gonzalez et al. (2023), arXiv:2305.14267"


@preset
def seeds_1(*, tau: float = 1.0) -> Method:
    r"""SEEDS-1, the exponential Euler method for the reverse SDE.

    .. math:: x_t = \frac{\sigma_t}{\sigma_s} e^{-\tau^2 h} x_s + \alpha_t (1 - e^{-(1 + \tau^2) h}) D
       + \sigma_t \sqrt{1 - e^{-2\tau^2 h}}\; z

    Parameters
    ----------
    tau : float
        Noise level; 1 is the reverse SDE.

    Raises
    ------
    ValueError
        A negative `tau`.

    Notes
    -----
    Strong and weak order 1. With tau = 1 it is the ancestral sampler of DDPM, ``ddim(eta=1)``.

    References
    ----------
    .. [1] Gonzalez et al. (2023), SEEDS, arXiv:2305.14267.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.seeds_1
    Method(seeds_1, order=1, weak_order=1)
    """
    name = shown("seeds_1", tau=changed(tau, 1.0))
    return exponential(name, ode.etd1.tableau, tau=tau, reference=_SEEDS)


@preset
def seeds_2(*, r: Any = 0.5, tau: float = 1.0, variant: str = "phi_2") -> Method:
    r"""SEEDS-2: two stages on one Brownian path.

    Parameters
    ----------
    r : float or str
        Node in (0, 1], read exactly.
    tau : float
        Noise level; 1 is the reverse SDE.
    variant : {"phi_2", "phi_1"}
        Weight of the second stage: :math:`\varphi_2/r`, or :math:`\varphi_1/2r` as in `dpmpp_sde`.

    Raises
    ------
    ValueError
        A node outside (0, 1], a negative `tau`, another `variant`.

    Notes
    -----
    Weak order 2, strong order 1.

    References
    ----------
    .. [1] Gonzalez et al. (2023), SEEDS, arXiv:2305.14267.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.seeds_2
    Method(seeds_2, order=1, weak_order=2)
    """
    if variant not in ("phi_1", "phi_2"):
        raise ValueError(f"variant must be 'phi_1' or 'phi_2'; got {variant!r}")
    node = fraction("r", r)
    name = shown(
        "seeds_2", r=changed(node, Fraction(1, 2)), tau=changed(tau, 1.0), variant=changed(variant, "phi_2")
    )
    tableau = two_stages if variant == "phi_2" else midpoint_tableau
    return exponential(name, tableau(name, node, _SEEDS), tau=tau)


@preset
def seeds_3(*, tau: float = 1.0) -> Method:
    r"""SEEDS-3: three stages, at 1/3 and 2/3 of the step, on one Brownian path.

    Parameters
    ----------
    tau : float
        Noise level; 1 is the reverse SDE, 0 is `dpmpp_3s`.

    Raises
    ------
    ValueError
        A negative `tau`.

    Notes
    -----
    Weak order 2 (one normal for a piece of the path allows no more), strong order 1; its error is smaller
    than that of `seeds_2`.

    References
    ----------
    .. [1] Gonzalez et al. (2023), SEEDS, arXiv:2305.14267.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.seeds_3
    Method(seeds_3, order=1, weak_order=2)
    """
    name = shown("seeds_3", tau=changed(tau, 1.0))
    return exponential(name, three_stages(name, Fraction(1, 3), Fraction(2, 3), _SEEDS), tau=tau)


@preset
def dpmpp_sde(*, r: Any = 0.5, tau: float = 1.0) -> Method:
    r"""DPM-Solver++(S) for the reverse SDE: two stages on one Brownian path.

    .. math:: x_t = \frac{\sigma_t}{\sigma_s} e^{-\tau^2 h} x_s + \alpha_t (1 - e^{-H})
       \Big(\big(1 - \tfrac1{2r}\big) D + \tfrac1{2r} D_r\Big) + \text{noise}

    Parameters
    ----------
    r : float or str
        Node in (0, 1], read exactly.
    tau : float
        Noise level; 1 is the reverse SDE.

    Raises
    ------
    ValueError
        A node outside (0, 1], a negative `tau`.

    Notes
    -----
    Weak order 2, strong order 1, because the stage and the step see one path. With independent noise for the
    two, as where a generator replaces the Brownian tree, it is weak order 1.

    References
    ----------
    .. [1] Lu et al. (2022), arXiv:2211.01095.
    .. [2] Gonzalez et al. (2023), SEEDS, arXiv:2305.14267.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.dpmpp_sde
    Method(dpmpp_sde, order=1, weak_order=2)
    """
    node = fraction("r", r)
    name = shown("dpmpp_sde", r=changed(node, Fraction(1, 2)), tau=changed(tau, 1.0))
    return exponential(name, midpoint_tableau(name, node, _DPMPP), tau=tau)
