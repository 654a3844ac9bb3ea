"""Single-step DPM-Solver: in data form (++), and in noise form."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from diffmath import ode
from diffmath.diffusion._methods import Method, preset
from diffmath.diffusion._singlestep.exponential import exponential
from diffmath.diffusion._singlestep.tableaux import changed, fraction, midpoint_tableau, shown, three_stages

__all__ = ["dpm_2", "dpm_solver", "dpmpp_2s", "dpmpp_3s"]

_DPMPP = "Lu et al. (2022), arXiv:2211.01095"


@preset
def dpmpp_2s(*, r: Any = 0.5) -> Method:
    r"""DPM-Solver++(2S), single-step, two evaluations.

    .. math:: x_t = \frac{\sigma_t}{\sigma_s} x_s
       + \alpha_t (1 - e^{-h}) \Big(\big(1 - \tfrac1{2r}\big) D + \tfrac1{2r} D(u, \lambda_s + r h)\Big)

    Parameters
    ----------
    r : float or str
        Node in (0, 1], read exactly.

    Raises
    ------
    ValueError
        A node outside (0, 1].

    Notes
    -----
    Order 2.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver++, arXiv:2211.01095, algorithm 1.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.dpmpp_2s
    Method(dpmpp_2s, order=2, weak_order=2)
    """
    node = fraction("r", r)
    name = shown("dpmpp_2s", r=changed(node, Fraction(1, 2)))
    return exponential(name, midpoint_tableau(name, node, f"{_DPMPP}, algorithm 1"))


@preset
def dpmpp_3s(*, r1: Any = "1/3", r2: Any = "2/3") -> Method:
    r"""DPM-Solver++(3S), single-step, three evaluations.

    Parameters
    ----------
    r1, r2 : float or str
        Nodes in (0, 1], read exactly.

    Raises
    ------
    ValueError
        Nodes outside (0, 1].

    Notes
    -----
    Order 3 for r2 = 2/3, the published value; 2 for any other.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver, arXiv:2206.00927, algorithm 2, in data form.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.dpmpp_3s, diffusion.dpmpp_3s(r2=0.5).order
    (Method(dpmpp_3s, order=3, weak_order=3), 2)
    """
    nodes = fraction("r1", r1), fraction("r2", r2)
    name = shown("dpmpp_3s", r1=changed(nodes[0], Fraction(1, 3)), r2=changed(nodes[1], Fraction(2, 3)))
    return exponential(name, three_stages(name, *nodes, _DPMPP))


@preset
def dpm_solver(*, order: int = 2) -> Method:
    r"""DPM-Solver, single-step, on the noise.

    .. math:: x_t = \frac{\alpha_t}{\alpha_s} x_s - \sigma_t h \sum_i b_i(h)\,E(x_i, \lambda_s + c_i h)

    Parameters
    ----------
    order : {1, 2, 3}
        Order and number of evaluations of a step: 1 is `ddim`, 2 has the node 1/2, 3 has 1/3 and 2/3.

    Raises
    ------
    ValueError
        Another `order`.

    Notes
    -----
    It cannot start at alpha = 0. Constant data are exact.

    References
    ----------
    .. [1] Lu et al. (2022), DPM-Solver, arXiv:2206.00927, algorithms 1 and 2.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.dpm_solver(order=3)
    Method(dpm_solver(order=3), order=3, weak_order=3)
    """
    if order not in (1, 2, 3):
        raise ValueError(f"order must be 1, 2 or 3; got {order!r}")
    name, reference = f"dpm_solver(order={order})", "Lu et al. (2022), arXiv:2206.00927"
    third = Fraction(1, 3)
    tableau = (
        ode.etd1.tableau
        if order == 1
        else midpoint_tableau(name, Fraction(1, 2), reference)
        if order == 2
        else three_stages(name, third, 2 * third, reference)
    )
    return exponential(name, tableau, form="noise", reference=reference)


@preset
def dpm_2() -> Method:
    r"""DPM2: a midpoint in log-SNR, and a step in sigma with its slope.

    .. math:: y = x_s + (\sigma_m - \sigma_s) E(x_s, \sigma_s), \qquad
       x_t = x_s + (\sigma_t - \sigma_s) E(y, \sigma_m), \qquad \sigma_m = \sqrt{\sigma_s \sigma_t}

    in the coordinates :math:`x/\alpha`, :math:`\sigma/\alpha`.

    Notes
    -----
    Order 2, two evaluations a step. It is `dpm_solver` of order 2 in those coordinates.

    References
    ----------
    .. [1] Karras et al. (2022), arXiv:2206.00364, and Lu et al. (2022), arXiv:2206.00927, algorithm 1.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.dpm_2
    Method(dpm_2, order=2, weak_order=2)
    """
    reference = "Karras et al. (2022), arXiv:2206.00364; Lu et al. (2022), arXiv:2206.00927"
    return exponential("dpm_2", midpoint_tableau("dpm_2", Fraction(1, 2), reference), form="noise")
