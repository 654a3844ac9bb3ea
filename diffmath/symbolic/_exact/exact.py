"""Exact parts: numbers without floats, derivatives in real variables, proofs of zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Rational, Real
from typing import Any

import sympy

from diffmath.symbolic._exact.time_limit import bounded, simplified

__all__ = ["differentiate", "exact", "is_zero", "real_symbols"]


def exact(value: Any, name: str) -> sympy.Expr:
    """Return a formula with its floats replaced by their shortest decimals: 0.7 is 7/10.

    Examples
    --------
    >>> from diffmath.symbolic._exact.exact import exact
    >>> exact(0.7, "drift")
    7/10
    """
    if isinstance(value, sympy.Expr):
        return value.xreplace({number: _decimal(number) for number in value.atoms(sympy.Float)})
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(
            f"{name} must be a SymPy expression or a real number; got {type(value).__name__}: {value!r}"
        )
    if isinstance(value, Integral):
        return sympy.Integer(int(value))
    if isinstance(value, Rational):
        return sympy.Rational(int(value.numerator), int(value.denominator))
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite; got {value!r}")
    return sympy.Rational(repr(float(value)))


def _decimal(number: sympy.Float) -> sympy.Rational:
    """Return the shortest decimal of a number: repr for a Python float, because str drops digits."""
    as_float = float(number)
    if number == sympy.Float(as_float, precision=number._prec) and math.isfinite(as_float):
        return sympy.Rational(repr(as_float))
    return sympy.Rational(str(number))


def real_symbols(state: Sequence[sympy.Symbol], time: sympy.Symbol) -> dict[sympy.Symbol, sympy.Symbol]:
    """Return variables that SymPy knows to be real, for which |x| has the derivative sign(x)."""
    return {symbol: sympy.Dummy(symbol.name, real=True) for symbol in (*state, time)}


def differentiate(expression: sympy.Expr, symbol: sympy.Symbol, reals: Sequence[sympy.Symbol]) -> sympy.Expr:
    """Differentiate with respect to `symbol` where all of `reals` are real variables."""
    real = real_symbols(reals, symbol)
    back = {variable: original for original, variable in real.items()}
    return expression.xreplace(real).diff(real[symbol]).xreplace(back)


def is_zero(expression: sympy.Expr) -> bool:
    """Return whether an expression is proven to be identically zero."""
    if expression == 0 or sympy.expand(expression) == 0:
        return True
    return bool(bounded(expression.equals, 0)) or bool(simplified(expression) == 0)
