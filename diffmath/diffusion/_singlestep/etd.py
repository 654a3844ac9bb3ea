"""Exponential Runge-Kutta samplers in data form: ETD and RES."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from diffmath import ode
from diffmath.diffusion._methods import Method, preset
from diffmath.diffusion._singlestep.exponential import exponential
from diffmath.diffusion._singlestep.tableaux import changed, fraction, shown, two_stages
from diffmath.symbolic import phi

__all__ = ["etd", "exp_heun", "res_2s", "res_3s"]

_ETD = {1: ode.etd1, 2: ode.etdrk2, 3: ode.etdrk3, 4: ode.etdrk4}


@preset
def etd(*, order: int = 4) -> Method:
    r"""The exponential Runge-Kutta methods of Cox and Matthews on the denoised data.

    .. math:: x_t = \frac{\sigma_t}{\sigma_s} x_s + \alpha_t h \sum_i b_i(-h)\,D(x_i, \lambda_s + c_i h)

    Parameters
    ----------
    order : {1, 2, 3, 4}
        Order and number of evaluations of a step; 1 is `ddim`, 2 is `exp_heun`.

    Raises
    ------
    ValueError
        Another `order`.

    Notes
    -----
    Order `order` where the log-SNR is finite at both ends; a step from alpha = 0 or to sigma = 0 is a step of
    `ddim`. Constant data are exact.

    References
    ----------
    .. [1] Cox & Matthews (2002), J. Comput. Phys. 176, 430-455.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.etd, diffusion.etd(order=3).nfe(10)
    (Method(etd(order=4), order=4, weak_order=4), 30)
    """
    if order not in _ETD:
        raise ValueError(f"order must be 1, 2, 3 or 4; got {order!r}")
    return exponential(f"etd(order={order})", _ETD[order].tableau)


@preset
def exp_heun(*, tau: float = 0.0) -> Method:
    r"""The exponential Heun method, two evaluations a step.

    .. math:: y = \frac{\sigma_t}{\sigma_s} x + \alpha_t h\varphi_1(-h) D, \qquad
       x_t = y + \alpha_t h\varphi_2(-h) \big(D(y, t) - D\big)

    Parameters
    ----------
    tau : float
        Noise level of the family of reverse SDEs: 0, the default, is the probability-flow ODE.

    Notes
    -----
    Order 2; with tau > 0 strong order 1, weak order 2.

    References
    ----------
    .. [1] Cox & Matthews (2002), J. Comput. Phys. 176, 430-455, ETD2RK.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.exp_heun
    Method(exp_heun, order=2, weak_order=2)
    """
    return exponential(shown("exp_heun", tau=tau or None), ode.etdrk2.tableau, tau=tau)


@preset
def res_2s(*, c2: Any = 0.5, tau: float = 0.0) -> Method:
    r"""RES with two stages: the exponential Runge-Kutta method of stiff order 2 with the node c2.

    .. math:: b_2 = \varphi_2(-h)/c_2, \qquad b_1 = \varphi_1(-h) - b_2, \qquad a_{21} = c_2\varphi_1(-c_2 h)

    Parameters
    ----------
    c2 : float or str
        Node in (0, 1], read exactly.
    tau : float
        Noise level of the family of reverse SDEs; 0 is the ODE.

    Raises
    ------
    ValueError
        A node outside (0, 1], a negative `tau`.

    Notes
    -----
    Order 2, two evaluations a step; with tau > 0 strong order 1, weak order 2.

    References
    ----------
    .. [1] Hochbruck & Ostermann (2005), SIAM J. Numer. Anal. 43, eq. 5.3.
    .. [2] Zhang et al. (2023), arXiv:2308.02157, section 4.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.res_2s
    Method(res_2s, order=2, weak_order=2)
    """
    node = fraction("c2", c2)
    name = shown("res_2s", c2=changed(node, Fraction(1, 2)), tau=tau or None)
    return exponential(name, two_stages(name, node, "Zhang et al. (2023), arXiv:2308.02157"), tau=tau)


@preset
def res_3s(*, c2: Any = 0.5, c3: Any = 1, tau: float = 0.0) -> Method:
    r"""RES with three stages: the exponential Runge-Kutta method of order 3 with the nodes c2 and c3.

    .. math:: \gamma = \frac{3 c_3^2 - 2 c_3}{c_2 (2 - 3 c_2)}, \quad
       b_3 = \frac{\varphi_2}{\gamma c_2 + c_3}, \quad b_2 = \gamma b_3, \quad
       a_{32} = \gamma c_2 \varphi_2(-c_2 h) + \frac{c_3^2}{c_2} \varphi_2(-c_3 h)

    Parameters
    ----------
    c2, c3 : float or str
        Nodes in (0, 1], read exactly; c2 is not 2/3.
    tau : float
        Noise level of the family of reverse SDEs; 0 is the ODE.

    Raises
    ------
    ValueError
        Nodes outside (0, 1], c2 = 2/3, nodes without a method of order 3; a negative `tau`.

    Notes
    -----
    Order 3 for all nodes, three evaluations a step; with tau > 0 strong order 1, weak order 2. A widespread
    code has :math:`3 c_3^3` in gamma, which is order 3 at c3 = 1 only.

    References
    ----------
    .. [1] Hochbruck & Ostermann (2005), SIAM J. Numer. Anal. 43, eq. 5.8-5.9.

    Examples
    --------
    >>> from diffmath import diffusion
    >>> diffusion.res_3s(c2="1/3", c3="2/3")
    Method(res_3s(c2=1/3, c3=2/3), order=3, weak_order=3)
    """
    first, second = fraction("c2", c2, refused=Fraction(2, 3)), fraction("c3", c3)
    gamma = (3 * second**2 - 2 * second) / (first * (2 - 3 * first))
    if gamma * first + second == 0:
        raise ValueError(f"no method of order 3 has the nodes c2={first}, c3={second}; use c3=1 or c3='2/3'")
    name = shown("res_3s", c2=changed(first, Fraction(1, 2)), c3=changed(second, 1), tau=tau or None)
    a32 = phi(2, first) * (gamma * first) + phi(2, second) * (second**2 / first)
    b3 = phi(2) * (1 / (gamma * first + second))
    tableau = ode.ExponentialTableau(
        name=name, a=[[], [phi(1, first) * first], [phi(1, second) * second - a32, a32]],
        b=[phi(1) - b3 * (1 + gamma), b3 * gamma, b3], c=[0, first, second], order=3, stiff_order=3,
        reference="Hochbruck & Ostermann (2005), SIAM J. Numer. Anal. 43, eq. 5.8",
    )  # fmt: skip
    return exponential(name, tableau, tau=tau)
