"""The generator of an SDE and its adjoint, the Fokker-Planck operator, applied to formulas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from diffmath.symbolic._exact import differentiate, exact
from diffmath.symbolic._operators.sde import SDE

__all__ = ["fokker_planck_operator", "generator"]


def generator(sde: SDE, phi: sympy.Expr) -> sympy.Expr:
    r"""Apply the generator of an SDE to a function of its state and time.

    .. math:: L\varphi = \partial_t \varphi + \sum_i f_i\,\partial_i\varphi
              + \tfrac12 \sum_{ij} (g g^\top)_{ij}\,\partial_i\partial_j\varphi

    Parameters
    ----------
    sde : SDE
        A Stratonovich equation is converted first.
    phi : Expr
        The function. If it does not depend on time, the first term is zero.

    Returns
    -------
    Expr
        :math:`L\varphi`, the drift of :math:`\varphi(t, X_t)` (Ito's formula, Dynkin's formula).

    Raises
    ------
    TypeError
        `sde` is not a symbolic.SDE, or `phi` is not a formula.

    References
    ----------
    .. [1] Oksendal (2003), Stochastic Differential Equations, theorem 7.3.3.

    Examples
    --------
    >>> import sympy
    >>> from diffmath import symbolic
    >>> x, t = sympy.symbols("x t")
    >>> decay = symbolic.SDE(state=[x], time=t, drift=[-x], diffusion=[[1]])
    >>> symbolic.generator(decay, x**2)
    1 - 2*x**2
    """
    ito = _ito(sde)
    phi = exact(phi, "phi")
    slopes = [ito.derivative(phi, i) for i in range(ito.dim)]
    terms = [differentiate(phi, ito.time, ito.state)]
    terms += [f * slope for f, slope in zip(ito.drift, slopes, strict=True)]
    terms += [a * ito.derivative(slopes[i], j) / 2 for i, j, a in _covariance(ito)]
    return sympy.Add(*terms)


def fokker_planck_operator(sde: SDE, density: sympy.Expr | None = None) -> sympy.Expr:
    r"""Apply the Fokker-Planck operator of an SDE, the adjoint of its generator, to a density.

    .. math:: L^* p = -\sum_i \partial_i (f_i\,p)
              + \tfrac12 \sum_{ij} \partial_i\partial_j\,((g g^\top)_{ij}\,p)

    Parameters
    ----------
    sde : SDE
        A Stratonovich equation is converted first.
    density : Expr, optional
        The density; by default the unknown function p(state, time).

    Returns
    -------
    Expr
        :math:`L^* p`, the right-hand side of :math:`\partial_t p = L^* p`, with the derivatives evaluated.

    Raises
    ------
    TypeError
        `sde` is not a symbolic.SDE, or `density` is not a formula.

    References
    ----------
    .. [1] Risken (1996), The Fokker-Planck Equation, chapter 4.

    Examples
    --------
    >>> import sympy
    >>> from diffmath import symbolic
    >>> x, t = sympy.symbols("x t")
    >>> decay = symbolic.SDE(state=[x], time=t, drift=[-x], diffusion=[[sympy.sqrt(2)]])
    >>> symbolic.fokker_planck_operator(decay)
    x*Derivative(p(x, t), x) + p(x, t) + Derivative(p(x, t), (x, 2))
    >>> symbolic.fokker_planck_operator(decay, sympy.exp(-x**2 / 2)).simplify()
    0
    """
    ito = _ito(sde)
    p = sympy.Function("p")(*ito.state, ito.time) if density is None else exact(density, "density")
    terms = [-ito.derivative(f * p, i) for i, f in enumerate(ito.drift)]
    terms += [ito.derivative(ito.derivative(a * p, j), i) / 2 for i, j, a in _covariance(ito)]
    return sympy.Add(*terms).expand() if density is None else sympy.Add(*terms)


def _ito(sde: Any) -> SDE:
    if not isinstance(sde, SDE):
        raise TypeError(f"sde must be a symbolic.SDE; got {type(sde).__name__}: formulas are needed here")
    return sde.to_ito()


def _covariance(sde: SDE) -> Iterator[tuple[int, int, sympy.Expr]]:
    """Return the nonzero entries (i, j, (g g^T)_ij)."""
    for i, row in enumerate(sde.diffusion):
        for j, other in enumerate(sde.diffusion):
            entry = sympy.Add(*(g * h for g, h in zip(row, other, strict=True)))
            if entry != 0:
                yield i, j, entry
