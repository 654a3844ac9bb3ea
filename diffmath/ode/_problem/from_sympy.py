"""Right-hand sides written in SymPy, with all derivatives that implicit methods use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import sympy

from diffmath._newton.problems import WithJacobian
from diffmath.symbolic import lower

__all__ = ["from_sympy"]


def from_sympy(rhs: Any, state: Any, time: sympy.Symbol) -> WithJacobian:
    r"""Return a right-hand side with its exact derivatives, for implicit and Rosenbrock methods.

    .. math:: \dot x = f(t, x), \qquad J_{ij} = \frac{\partial f_i}{\partial x_j}, \qquad
              \frac{\partial f}{\partial t}

    Parameters
    ----------
    rhs : sequence of Expr, or column Matrix, length n
        One formula per component.
    state : sequence of Symbol, length n
        The variables of the columns of x.
    time : Symbol
        The variable of t.

    Returns
    -------
    WithJacobian
        ``f(t, x)``, shape (batch, n) -> (batch, n), with its Jacobian, the sparsity pattern of the Jacobian
        and the time derivative; for arrays of any library, float32 or float64. Picklable.

    Raises
    ------
    TypeError
        A function that has no array form; the message names it.
    ValueError
        Not one formula per variable; a symbol that is neither state nor time.

    Notes
    -----
    Derivatives of ``Abs``, ``Max``, ``Piecewise`` hold almost everywhere; there is no delta function at a
    jump.

    Examples
    --------
    >>> import numpy as np, sympy
    >>> from diffmath import ode
    >>> x, y, t = sympy.symbols("x y t")
    >>> f = ode.from_sympy([y, 1000 * (1 - x**2) * y - x], (x, y), t)
    >>> f.jacobian(0.0, np.array([[2.0, 0.0]]))
    array([[[ 0.e+00,  1.e+00],
            [-1.e+00, -3.e+03]]])
    >>> solution = ode.solve(f, np.array([[2.0, 0.0]]), [0.0, 100.0], method=ode.rodas5p)
    >>> solution.x[-1, :, 0].round(3)
    array([1.931])
    """
    if not isinstance(rhs, Iterable):
        raise TypeError(f"rhs must be a sequence of formulas, one per variable; got {type(rhs).__name__}")
    formulas = [sympy.sympify(formula) for formula in rhs]
    f = lower(formulas, state, time)
    if len(formulas) != len(state):
        raise ValueError(f"rhs must have one formula per variable, {len(state)}; got {len(formulas)}")
    slopes = [[_derivative(formula, variable) for variable in state] for formula in formulas]
    return WithJacobian(
        f,
        lower(sympy.Matrix(slopes), state, time),
        np.array([[slope != 0 for slope in row] for row in slopes]),
        lower([_derivative(formula, time) for formula in formulas], state, time),
    )


def _derivative(formula: sympy.Expr, variable: sympy.Symbol) -> sympy.Expr:
    """Differentiate with a real variable: |x| is differentiable only for real x."""
    real = {symbol: sympy.Symbol(symbol.name, real=True) for symbol in formula.free_symbols | {variable}}
    found = formula.xreplace(real).diff(real[variable]).replace(sympy.DiracDelta, lambda *_: sympy.S.Zero)
    return found.xreplace({value: key for key, value in real.items()})
