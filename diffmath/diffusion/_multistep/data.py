r"""Presets in data form with nodes in log-SNR: DPM-Solver++ 2M and 3M, RES-2M and 3M."""

from __future__ import annotations

from typing import Literal

from diffmath.diffusion._methods import Method, preset
from diffmath.diffusion._multistep.adams import checked_tau, method_of
from diffmath.diffusion._multistep.rule import AdamsRule
from diffmath.diffusion._multistep.weights import Moments

__all__ = ["dpmpp_2m", "dpmpp_3m", "res_2m", "res_3m", "sde_dpmpp_2m", "sde_dpmpp_3m"]

Variant = Literal["midpoint", "taylor"]
_DPMPP = "Lu et al. (2022), arXiv:2211.01095"
_RES = "Zhang et al. (2023), RES, arXiv:2308.02157"


def _moments(variant: str) -> Moments:
    return "midpoint" if variant == "midpoint" else "exact"


def _named(name: str, variant: str) -> str:
    if variant not in ("midpoint", "taylor"):
        raise ValueError(f"variant must be 'midpoint' or 'taylor'; got {variant!r}")
    return name if variant == "midpoint" else f"{name}:{variant}"


@preset
def dpmpp_2m(*, variant: Variant = "midpoint") -> Method:
    r"""DPM-Solver++(2M), the two-step exponential-Adams method in data form.

    .. math:: x_t = \frac{\sigma_t}{\sigma_s} x_s + \alpha_t (1 - e^{-h})
       \Big(D_0 + \frac{h}{2 h_{prev}} (D_0 - D_{-1})\Big)

    Parameters
    ----------
    variant : {"midpoint", "taylor"}
        The published weight above, the default, or the exact weight :math:`h\varphi_2(-h)` of the difference
        ("heun" in some code bases, RES-2M and SA-Solver in others).

    Raises
    ------
    ValueError
        Another `variant`.

    Notes
    -----
    Order 2, one evaluation per step. The first step, and a last step to sigma = 0, are DDIM steps.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver++, arXiv:2211.01095, algorithm 2.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.dpmpp_2m
    Method(dpmpp_2m, order=2, weak_order=2)
    >>> diffusion.dpmpp_2m(variant="taylor")
    Method(dpmpp_2m:taylor, order=2, weak_order=2)
    """
    rule = AdamsRule("data", "log_snr", 2, predictor_moments=_moments(variant))
    return method_of(rule, _named("dpmpp_2m", variant), f"{_DPMPP}, algorithm 2")


@preset
def sde_dpmpp_2m(*, tau: float = 1.0, variant: Variant = "midpoint") -> Method:
    r"""SDE-DPM-Solver++(2M), the two-step method for the reverse SDE.

    .. math:: x_t = \frac{\sigma_t}{\sigma_s} e^{-h} x_s + \alpha_t (1 - e^{-2h})
       \Big(D_0 + \frac{h}{2 h_{prev}} (D_0 - D_{-1})\Big) + \sigma_t \sqrt{1 - e^{-2h}}\; z

    Parameters
    ----------
    tau : float
        Noise level of the family of reverse SDEs, not negative: 1, the default, is the published method
        above; 0 is `dpmpp_2m` and needs no key.
    variant : {"midpoint", "taylor"}
        The weight of the difference, as in `dpmpp_2m`.

    Raises
    ------
    ValueError
        A negative or infinite `tau`, another `variant`.

    Notes
    -----
    Weak order 2, strong order 1, one evaluation per step. The noise is :math:`\sigma_t e^{-\tau^2\lambda_t}`
    times a Brownian increment in the clock :math:`e^{2\tau^2\lambda}`, so one key gives one path for any
    number of steps.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver++, arXiv:2211.01095, appendix on SDE-DPM-Solver++.
    .. [2] Xue et al. (2023), SA-Solver, arXiv:2309.05019, section 4, for tau.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.sde_dpmpp_2m
    Method(sde_dpmpp_2m, order=1, weak_order=2)
    >>> diffusion.sde_dpmpp_2m(tau=0.5)
    Method(sde_dpmpp_2m(tau=0.5), order=1, weak_order=2)
    """
    tau = checked_tau(tau)
    name = _named("sde_dpmpp_2m" if tau == 1 else f"sde_dpmpp_2m(tau={tau:g})", variant)
    return method_of(
        AdamsRule("data", "log_snr", 2, tau=tau, predictor_moments=_moments(variant)), name, _DPMPP
    )


@preset
def dpmpp_3m(*, as_published: bool = False) -> Method:
    r"""DPM-Solver++(3M), the three-step exponential-Adams method in data form.

    .. math:: x_t = \frac{\sigma_t}{\sigma_s} x_s + \alpha_t \big(h\varphi_1(-h) D_0
       + h\varphi_2(-h)\,h D' + h\varphi_3(-h)\,h^2 D''\big)

    D' and D'' are those of the parabola through the last three values.

    Parameters
    ----------
    as_published : bool
        Half of D'' and no starter, as in the code of the authors and in other libraries.

    Notes
    -----
    Order 3, with two Runge-Kutta steps of two evaluations at the start; 2 on grids that reach sigma = 0. As
    published the order is 2: the divided difference that is used for h^2 D'' is half of it, and the first
    step has order 1. On coarse Karras grids the published weights are more accurate.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver++, arXiv:2211.01095; the code of the authors, dpm_solver_pytorch.py.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.dpmpp_3m, diffusion.dpmpp_3m.nfe(20)
    (Method(dpmpp_3m, order=3, weak_order=3), 22)
    >>> diffusion.dpmpp_3m(as_published=True)
    Method(dpmpp_3m:as_published, order=2, weak_order=2)
    """
    if as_published:
        rule = AdamsRule("data", "log_snr", 3, predictor_moments="published")
        return method_of(rule, "dpmpp_3m:as_published", _DPMPP)
    return method_of(AdamsRule("data", "log_snr", 3, starter="runge_kutta"), "dpmpp_3m", _DPMPP)


@preset
def sde_dpmpp_3m(*, tau: float = 1.0, as_published: bool = False) -> Method:
    r"""SDE-DPM-Solver++(3M), the three-step method for the reverse SDE.

    The weights are those of `dpmpp_3m` with :math:`H = (1 + \tau^2) h` for h in the phi-functions.

    Parameters
    ----------
    tau : float
        Noise level of the family of reverse SDEs, not negative. At 0 it is the flow, without starters.
    as_published : bool
        Half of the second difference, as in other libraries.

    Raises
    ------
    ValueError
        A negative or infinite `tau`.

    Notes
    -----
    Weak order 2, strong order 1, one evaluation per step: one normal number per step allows no more, so
    published and correct weights have the same order. The correct ones have the smaller error on fine grids.

    References
    ----------
    .. [1] Lu et al. (2022), arXiv:2211.01095; k-diffusion, sample_dpmpp_3m_sde.
    .. [2] Xue et al. (2023), SA-Solver, arXiv:2309.05019, section 4.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.sde_dpmpp_3m
    Method(sde_dpmpp_3m, order=1, weak_order=2)
    """
    tau = checked_tau(tau)
    name = "sde_dpmpp_3m" if tau == 1 else f"sde_dpmpp_3m(tau={tau:g})"
    name += ":as_published" if as_published else ""
    moments: Moments = "single" if as_published else "exact"
    return method_of(AdamsRule("data", "log_snr", 3, tau=tau, predictor_moments=moments), name, _DPMPP)


@preset
def res_2m() -> Method:
    r"""RES-2M, the refined exponential two-step method.

    Notes
    -----
    Order 2, one evaluation per step. Its weights are those of RES-2S with the node of the last step,
    :math:`c_2 = -h_{prev}/h`: the method is ``dpmpp_2m(variant="taylor")``.

    References
    ----------
    .. [1] Zhang et al. (2023), RES, arXiv:2308.02157, section 4.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.res_2m
    Method(res_2m, order=2, weak_order=2)
    """
    return method_of(AdamsRule("data", "log_snr", 2), "res_2m", f"{_RES}, section 4")


@preset
def res_3m() -> Method:
    r"""RES-3M: the weights of RES-3S with the nodes of the last two steps.

    .. math:: b_3 = \frac{\varphi_2(-h)}{\gamma c_2 + c_3}, \quad b_2 = \gamma b_3, \quad
       b_1 = \varphi_1(-h) - b_2 - b_3, \qquad \gamma = \frac{3 c_3^2 - 2 c_3}{c_2 (2 - 3 c_2)}

    Notes
    -----
    Order 3, with two Runge-Kutta steps of two evaluations at the start; 2 on grids that reach sigma = 0. The
    second moment of the weights is two thirds of the first, not :math:`2\varphi_3` as in `dpmpp_3m`; they
    agree for h to 0.

    References
    ----------
    .. [1] Hochbruck & Ostermann (2005), SIAM J. Numer. Anal. 43, 1069-1090, section 5.3.
    .. [2] Zhang et al. (2023), RES, arXiv:2308.02157.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.res_3m
    Method(res_3m, order=3, weak_order=3)
    """
    rule = AdamsRule("data", "log_snr", 3, starter="runge_kutta", predictor_moments="two_thirds")
    return method_of(rule, "res_3m", "Hochbruck & Ostermann (2005), SIAM J. Numer. Anal. 43, 1069")
