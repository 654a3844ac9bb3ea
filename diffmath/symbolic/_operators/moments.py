r"""Moment equations: linear equations for the expectations of monomials of a diffusion, if they close."""

from __future__ import annotations

from itertools import product
from typing import Any

import sympy

from diffmath._core.counts import check_count
from diffmath.symbolic._operators.operators import generator
from diffmath.symbolic._operators.sde import SDE

__all__ = ["moment_equations"]


def moment_equations(sde: SDE, order: int = 2) -> tuple[tuple[tuple[int, ...], ...], sympy.Matrix]:
    r"""Return the linear equations of all moments up to an order.

    .. math:: \frac{d}{dt} \mathrm E[X^\alpha] = \mathrm E[(L x^\alpha)(X)]
              = \sum_\beta M_{\alpha\beta}\, \mathrm E[X^\beta], \qquad |\alpha|, |\beta| \le p

    with the generator L and :math:`x^\alpha = \prod_i x_i^{\alpha_i}`.

    Parameters
    ----------
    sde : SDE
        A Stratonovich equation is converted first. Parameters and the time may be symbols.
    order : int
        p, at least 1.

    Returns
    -------
    exponents : tuple of tuples of int
        The :math:`\alpha`, by degree. The first is zero; its moment is 1.
    matrix : sympy.Matrix, shape (len(exponents), len(exponents))
        M, with a first row of zeros.

    Raises
    ------
    TypeError
        `sde` is not a symbolic.SDE, or `order` is not an integer.
    ValueError
        An order below 1, or moments that do not close: L maps a monomial to higher degrees, or to a function
        that is not a polynomial.

    Notes
    -----
    The equations close for all orders if the drift is affine and :math:`g g^\top` is at most quadratic. This
    includes linear SDEs, square-root (Cox-Ingersoll-Ross) and Jacobi processes. `sde.moments` solves the
    equations numerically.

    References
    ----------
    .. [1] Filipovic & Larsson (2016), Polynomial diffusions and applications in finance, Finance Stoch. 20,
       931-972, section 2.

    Examples
    --------
    >>> import sympy
    >>> from diffmath import symbolic
    >>> x, t, s = sympy.symbols("x t s")
    >>> decay = symbolic.SDE(state=[x], time=t, drift=[-x], diffusion=[[s]])
    >>> symbolic.moment_equations(decay)
    (((0,), (1,), (2,)), Matrix([
    [   0,  0,  0],
    [   0, -1,  0],
    [s**2,  0, -2]]))
    """
    order = check_count("order", order)
    dim = sde.dim if isinstance(sde, SDE) else 0
    exponents = sorted(
        (alpha for alpha in product(range(order + 1), repeat=dim) if sum(alpha) <= order),
        key=lambda alpha: (sum(alpha), [-power for power in alpha]),
    )
    place = {alpha: i for i, alpha in enumerate(exponents)}
    matrix = sympy.zeros(len(exponents), len(exponents))
    for alpha, row in place.items():
        for beta, coefficient in _image(sde, alpha):
            if beta not in place:
                raise ValueError(
                    f"moments up to order {order} must close; that of {_monomial(sde, alpha)} needs "
                    f"{_monomial(sde, beta)}: the drift must be affine, g g^T quadratic at most"
                )
            matrix[row, place[beta]] = coefficient
    return tuple(exponents), matrix


def _image(sde: SDE, alpha: tuple[int, ...]) -> list[tuple[tuple[int, ...], Any]]:
    """Return the terms of the generator applied to a monomial, by exponents."""
    image = sympy.expand(generator(sde, _monomial(sde, alpha)))
    try:
        terms = sympy.Poly(image, *sde.state).terms()
    except sympy.PolynomialError:
        raise ValueError(
            f"moments must close; the generator takes {_monomial(sde, alpha)} to {image}, which is no "
            "polynomial in the state"
        ) from None
    return [(beta, coefficient) for beta, coefficient in terms if coefficient != 0]


def _monomial(sde: Any, alpha: tuple[int, ...]) -> Any:
    state = sde.state if isinstance(sde, SDE) else ()
    return sympy.Mul(*(variable**power for variable, power in zip(state, alpha, strict=True)))
