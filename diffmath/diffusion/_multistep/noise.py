r"""Presets in noise form: DPM-Solver 2M and 3M, DEIS, LMS and iPNDM with variable steps."""

from __future__ import annotations

from typing import Literal

from diffmath._core.counts import check_count
from diffmath.diffusion._methods import Method, preset
from diffmath.diffusion._multistep.adams import method_of
from diffmath.diffusion._multistep.nodes import Nodes
from diffmath.diffusion._multistep.rule import AdamsRule
from diffmath.diffusion._singlestep import changed, shown

__all__ = ["checked_order", "deis", "dpm_solver_2m", "dpm_solver_3m", "ipndm_v", "lms"]

Variant = Literal["midpoint", "taylor"]
Variable = Literal["t", "rho", "log_rho"]
_DPM = "Lu et al. (2022), arXiv:2206.00927"
_VARIABLES: dict[Variable, Nodes] = {"t": "time", "rho": "sigma", "log_rho": "log_snr"}


def checked_order(order: int, most: int) -> int:
    """Return an order from 1 to `most`, or refuse it."""
    order = check_count("order", order)
    if order > most:
        raise ValueError(f"order must be at most {most}; got {order}")
    return order


def _adams_bashforth(name: str, nodes: Nodes, order: int, as_published: bool, reference: str) -> Method:
    rule = AdamsRule("noise", nodes, order, starter="ramp" if as_published else "runge_kutta")
    return method_of(rule, f"{name}:as_published" if as_published else name, reference)


@preset
def dpm_solver_2m(*, variant: Variant = "midpoint") -> Method:
    r"""DPM-Solver-2M, the two-step exponential-Adams method in noise form.

    .. math:: x_t = \frac{\alpha_t}{\alpha_s} x_s
       - \sigma_t (e^h - 1) \Big(E_0 + \frac{h}{2 h_{prev}} (E_0 - E_{-1})\Big)

    Parameters
    ----------
    variant : {"midpoint", "taylor"}
        The weight above, or the exact weight :math:`h\varphi_2(h)` of the difference.

    Raises
    ------
    ValueError
        Another `variant`.

    Notes
    -----
    Order 2, one evaluation per step. Times start where alpha > 0.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver, arXiv:2206.00927; the code of the authors, "multistep".

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.dpm_solver_2m
    Method(dpm_solver_2m, order=2, weak_order=2)
    """
    if variant not in ("midpoint", "taylor"):
        raise ValueError(f"variant must be 'midpoint' or 'taylor'; got {variant!r}")
    name = "dpm_solver_2m" if variant == "midpoint" else "dpm_solver_2m:taylor"
    moments: Literal["midpoint", "exact"] = "midpoint" if variant == "midpoint" else "exact"
    return method_of(AdamsRule("noise", "log_snr", 2, predictor_moments=moments), name, _DPM)


@preset
def dpm_solver_3m(*, as_published: bool = False) -> Method:
    r"""DPM-Solver-3M, the three-step exponential-Adams method in noise form.

    Parameters
    ----------
    as_published : bool
        Half of the second difference and no starter, as in the code of the authors and in other libraries.

    Notes
    -----
    Order 3, with two Runge-Kutta steps of two evaluations at the start; as published 2, for the reasons of
    `dpmpp_3m`. Times start where alpha > 0.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver, arXiv:2206.00927; the code of the authors, "multistep".

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.dpm_solver_3m
    Method(dpm_solver_3m, order=3, weak_order=3)
    """
    if as_published:
        rule = AdamsRule("noise", "log_snr", 3, predictor_moments="published")
        return method_of(rule, "dpm_solver_3m:as_published", _DPM)
    return method_of(AdamsRule("noise", "log_snr", 3, starter="runge_kutta"), "dpm_solver_3m", _DPM)


@preset
def deis(*, order: int = 3, variable: Variable = "log_rho", as_published: bool = False) -> Method:
    r"""DEIS-AB: Adams-Bashforth in noise form, the noise a polynomial in t, rho or ln rho.

    .. math:: \frac{x_t}{\alpha_t} = \frac{x_s}{\alpha_s} + \sum_j C_j E_{-j}, \qquad
       C_j = \int_{\rho_s}^{\rho_t} \ell_j\,d\rho, \quad \rho = \sigma/\alpha

    Parameters
    ----------
    order : int
        Number of values, 1 to 5; the published degree is one less.
    variable : {"t", "rho", "log_rho"}
        The variable of the polynomials: tAB, rhoAB, and the closed form of diffusers.
    as_published : bool
        Begin with fewer values instead of Runge-Kutta steps.

    Raises
    ------
    ValueError
        An order or a variable that does not exist.

    Notes
    -----
    Order `order`; as published 2 at most, for the first step has order 1. The coefficients are accurate to
    1e-13 (Gauss-Legendre), those of the authors to a sum over 10,000 rectangles. One evaluation per step, and
    in each of the first ``order - 1`` steps ``order - 2`` more. Times start where alpha > 0. With log_rho
    and t, the order is 2 at sigma = 0.

    References
    ----------
    .. [1] Zhang & Chen (2023), DEIS, arXiv:2204.13902, eq. 14-15 and appendix B.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.deis
    Method(deis, order=3, weak_order=3)
    >>> diffusion.deis(order=4, variable="t")
    Method(deis(order=4, variable=t), order=4, weak_order=4)
    """
    order = checked_order(order, 5)
    if variable not in _VARIABLES:
        raise ValueError(f"variable must be one of {', '.join(_VARIABLES)}; got {variable!r}")
    name = shown("deis", order=changed(order, 3), variable=changed(variable, "log_rho"))
    reference = "Zhang & Chen (2023), arXiv:2204.13902, eq. 15"
    return _adams_bashforth(name, _VARIABLES[variable], order, as_published, reference)


@preset
def lms(*, order: int = 4, as_published: bool = False) -> Method:
    r"""Linear multistep: Adams-Bashforth in sigma/alpha with variable steps.

    .. math:: \frac{x_t}{\alpha_t} = \frac{x_s}{\alpha_s}
       + \sum_j E_{-j} \int_{\rho_s}^{\rho_t} \ell_j\,d\rho, \qquad \rho = \sigma/\alpha

    Parameters
    ----------
    order : int
        Number of values, 1 to 5.
    as_published : bool
        Begin with fewer values instead of Runge-Kutta steps.

    Raises
    ------
    ValueError
        Another `order`.

    Notes
    -----
    Order `order`, at sigma = 0 too; as published 2 at most, for the first step has order 1. It is
    ``deis(variable="rho")``. Cost as for `deis`. Times start where alpha > 0.

    References
    ----------
    .. [1] Crowson, k-diffusion, sample_lms; Zhang & Chen (2023), arXiv:2204.13902, appendix B (rhoAB).

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.lms, diffusion.lms(as_published=True)
    (Method(lms, order=4, weak_order=4), Method(lms:as_published, order=2, weak_order=2))
    """
    order = checked_order(order, 5)
    name = shown("lms", order=changed(order, 4))
    return _adams_bashforth(
        name, "sigma", order, as_published, "Zhang & Chen (2023), arXiv:2204.13902, rhoAB"
    )


@preset
def ipndm_v(*, order: int = 4, as_published: bool = False) -> Method:
    r"""iPNDM with the coefficients of variable steps, which is `lms`.

    Parameters
    ----------
    order : int
        Number of values, 1 to 4.
    as_published : bool
        Begin with fewer values instead of Runge-Kutta steps.

    Raises
    ------
    ValueError
        Another `order`.

    Notes
    -----
    Order `order`; as published 2 at most. Cost as for `deis`.

    References
    ----------
    .. [1] Zhang & Chen (2023), arXiv:2204.13902, appendix (iPNDM); Chen et al. (2024), diff-sampler, for the
       variable steps.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.ipndm_v
    Method(ipndm_v, order=4, weak_order=4)
    """
    order = checked_order(order, 4)
    name = shown("ipndm_v", order=changed(order, 4))
    return _adams_bashforth(
        name, "sigma", order, as_published, "Zhang & Chen (2023), arXiv:2204.13902, iPNDM"
    )
