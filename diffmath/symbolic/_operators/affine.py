"""Formulas that are linear in the state: their matrix and their constant, proven."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from diffmath.symbolic._exact import differentiate, is_zero

__all__ = ["affine_parts"]


def affine_parts(
    role: str, formulas: Sequence[sympy.Expr], state: Sequence[sympy.Symbol], time: sympy.Symbol
) -> tuple[sympy.ImmutableMatrix, sympy.ImmutableMatrix]:
    """Return matrix and constant, a column, of formulas that are linear in the state and free of the time.

    Raises
    ------
    ValueError
        A formula for which there is no proof; `role` and the formula are named.
    """
    origin: dict[sympy.Symbol, int] = dict.fromkeys(state, 0)
    matrix, constant = [], []
    for formula in formulas:
        slopes = [differentiate(formula, symbol, state) for symbol in state]
        straight = all(is_zero(differentiate(slope, symbol, state)) for slope in slopes for symbol in state)
        if not straight or not is_zero(differentiate(formula, time, state)):
            raise ValueError(
                f"{role} must be linear in {', '.join(map(str, state))} and free of {time}; got {formula}"
            )
        matrix.append([slope.subs(origin) for slope in slopes])
        constant.append([formula.subs(origin)])
    return sympy.ImmutableMatrix(matrix), sympy.ImmutableMatrix(constant)
