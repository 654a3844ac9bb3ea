"""SymPy expressions to array programs; each sub-expression is computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sympy

from diffmath.symbolic._exact import exact
from diffmath.symbolic._lowering.program import ArrayFunction, Instruction

__all__ = ["lower"]


def lower(expressions: Any, state: Sequence[sympy.Symbol], time: sympy.Symbol) -> ArrayFunction:
    """Turn formulas in state and time into one callable ``function(t, x)`` on arrays.

    Parameters
    ----------
    expressions : Expr, sequence of Expr, or Matrix
        The formulas. The result has shape (batch,), (batch, k) or (batch, k, m).
    state : sequence of Symbol
        Variables of the columns of `x`. They are real.
    time : Symbol
        The variable of `t`.

    Returns
    -------
    ArrayFunction
        A picklable callable for arrays of any library, float32 or float64.

    Raises
    ------
    TypeError
        A function without an array form, or a state that is not a sequence of symbols.
    ValueError
        No formula, a symbol that is neither state nor time, or a number that is not real and finite.

    Notes
    -----
    Integer powers are repeated products, and half-integer powers use the square root. A common
    sub-expression is computed once. A `Piecewise` without a last case is NaN outside its cases.

    Examples
    --------
    >>> import numpy as np, sympy
    >>> from diffmath import symbolic
    >>> x, y, t = sympy.symbols("x y t")
    >>> spiral = symbolic.lower([y - t, -x * sympy.cos(y)], (x, y), t)
    >>> spiral
    ArrayFunction(t, (x, y) -> [-t + y, -x*cos(y)])
    >>> spiral(1.0, np.array([[2.0, 0.0]]))
    array([[-1., -2.]])
    """
    if isinstance(state, str | sympy.Symbol):
        raise TypeError(
            f"state must be a sequence of symbols; got {state!r}: write [{state}] for one variable"
        )
    if isinstance(expressions, sympy.MatrixBase):
        shape: tuple[int, ...] = tuple(expressions.shape)
        flat = list(expressions)
        shown = str(expressions.tolist())
    elif isinstance(expressions, Iterable):
        flat = list(expressions)
        shape, shown = (len(flat),), str(flat)
    else:
        shape, flat, shown = (), [expressions], str(expressions)
    if not flat:
        raise ValueError(f"expressions must hold at least one formula; got {shown}")
    formulas = [exact(formula, "a formula") for formula in flat]
    real = _real_variables(formulas, (time, *state))
    builder = _Builder(list(real.values()))
    outputs = builder.program([formula.xreplace(real) for formula in formulas])
    names = str(state[0]) if len(state) == 1 else f"({', '.join(map(str, state))})"
    return ArrayFunction(
        dim=len(state),
        shape=shape,
        instructions=tuple(builder.instructions),
        outputs=outputs,
        formula=f"{time}, {names} -> {shown}",
    )


def _real_variables(
    formulas: Sequence[sympy.Expr], variables: Sequence[sympy.Symbol]
) -> dict[sympy.Symbol, sympy.Symbol]:
    """Return real variables of the same names; refuse any other symbol."""
    unknown = sorted(map(str, sympy.Tuple(*formulas).free_symbols - set(variables)))
    if unknown:
        raise ValueError(
            f"to lower a formula, every symbol must be the time or a state, one of {list(variables)}; got "
            f"{', '.join(unknown)}: give parameters numbers first, for instance with "
            f".subs({{{unknown[0]}: 1}})"
        )
    real = {variable: sympy.Symbol(variable.name, real=True) for variable in variables}
    if len(set(real.values())) < len(variables):
        raise ValueError(f"time and states must have different names; got {list(variables)}")
    return real


_UNARY = {
    sympy.Abs: "abs", sympy.acos: "acos", sympy.acosh: "acosh", sympy.asin: "asin", sympy.asinh: "asinh",
    sympy.atan: "atan", sympy.atanh: "atanh", sympy.cos: "cos", sympy.cosh: "cosh", sympy.exp: "exp",
    sympy.log: "log", sympy.sign: "sign", sympy.sin: "sin", sympy.sinh: "sinh", sympy.tan: "tan",
    sympy.tanh: "tanh", sympy.Not: "logical_not",
}  # fmt: skip
_BINARY = {
    sympy.atan2: "atan2", sympy.StrictLessThan: "less", sympy.LessThan: "less_equal", sympy.Eq: "equal",
    sympy.Ne: "not_equal",
}  # fmt: skip
_FOLDED = {sympy.Max: "maximum", sympy.Min: "minimum", sympy.And: "logical_and", sympy.Or: "logical_or"}
_REWRITTEN = (sympy.Heaviside, sympy.ITE, sympy.Xor, sympy.sec, sympy.csc, sympy.cot)


class _Builder:
    """Writer of instructions for expressions, with one register per distinct sub-expression."""

    def __init__(self, variables: Sequence[sympy.Symbol]) -> None:
        self.instructions: list[Instruction] = []
        self._first = len(variables)
        self._known: dict[Any, int] = {variable: i for i, variable in enumerate(variables)}
        self._emitted: dict[Instruction, int] = {}

    def program(self, expressions: Sequence[sympy.Expr]) -> tuple[int, ...]:
        """Write the instructions for all `expressions` and return the registers of their values."""
        shared, reduced = sympy.cse(expressions, symbols=sympy.numbered_symbols("c", cls=sympy.Dummy))
        for symbol, expression in shared:
            self._known[symbol] = self.operand(expression)
        return tuple(self.operand(expression) for expression in reduced)

    def operand(self, expression: Any) -> int:
        """Return the register of an expression; write the missing instructions."""
        if expression not in self._known:
            self._known[expression] = (
                self.emit("literal", _literal(expression))
                if _is_number(expression)
                else self._compound(expression)
            )
        return self._known[expression]

    def emit(self, operation: str, *operands: Any) -> int:
        """Write an instruction and return its register, or the register that has its value."""
        instruction = (operation, operands)
        if instruction not in self._emitted:
            self.instructions.append(instruction)
            self._emitted[instruction] = self._first + len(self.instructions) - 1
        return self._emitted[instruction]

    def _compound(self, expression: Any) -> int:
        kind = expression.func
        arguments = expression.args
        if kind in _UNARY and len(arguments) == 1:
            return self.emit(_UNARY[kind], self.operand(arguments[0]))
        if kind in _BINARY:
            return self.emit(_BINARY[kind], *map(self.operand, arguments))
        if kind in _FOLDED:
            return self._fold(_FOLDED[kind], map(self.operand, arguments))
        if kind in (sympy.StrictGreaterThan, sympy.GreaterThan):
            return self.operand(expression.reversed)
        if kind in _SPECIAL:
            return _SPECIAL[kind](self, expression)
        if kind in _REWRITTEN:
            return self.operand(_rewrite(expression))
        raise TypeError(
            f"{kind.__name__} has no array form, in {expression}; supported are + - * / **, sqrt, Abs, sign, "
            "Min, Max, Piecewise, Heaviside, exp, log, the trigonometric and hyperbolic functions and their "
            "inverses"
        )

    def _fold(self, operation: str, operands: Iterable[int]) -> int:
        result, *rest = operands
        for other in rest:
            result = self.emit(operation, result, other)
        return result

    def sum(self, expression: Any) -> int:
        """Add the terms; those with a minus sign are subtracted."""
        terms = sorted(expression.args, key=_is_negative)
        if _is_negative(terms[0]):
            return self.emit("negative", self.operand(-expression))
        result = self.operand(terms[0])
        for term in terms[1:]:
            minus = _is_negative(term)
            result = self.emit("subtract" if minus else "add", result, self.operand(-term if minus else term))
        return result

    def product(self, expression: Any) -> int:
        """Multiply the numerators, then divide by the product of the denominators."""
        coefficient, factors = expression.as_coeff_mul()
        if coefficient == -1:
            return self.emit("negative", self.operand(-expression))
        above = [] if coefficient == 1 else [coefficient]
        below = []
        for factor in factors:
            if factor.is_Pow and factor.exp.is_number and factor.exp.is_negative:
                below.append(1 / factor)
            else:
                above.append(factor)
        numerator = self._fold("multiply", map(self.operand, above or [sympy.S.One]))
        if not below:
            return numerator
        return self.emit("divide", numerator, self._fold("multiply", map(self.operand, below)))

    def power(self, expression: Any) -> int:
        """Repeated products for integers, the square root for halves, `pow` for the rest."""
        base, exponent = expression.base, expression.exp
        if base is sympy.E:
            return self.emit("exp", self.operand(exponent))
        if exponent.is_number and exponent.is_negative:
            return self.emit("divide", self.emit("literal", 1.0), self.operand(1 / expression))
        if exponent.is_Integer:
            return self._integer_power(self.operand(base), int(exponent))
        if exponent.is_Rational and exponent.q == 2:
            root, whole = self.emit("sqrt", self.operand(base)), int(exponent)
            if not whole:
                return root
            return self.emit("multiply", self._integer_power(self.operand(base), whole), root)
        return self.emit("pow", self.operand(base), self.operand(exponent))

    def _integer_power(self, base: int, exponent: int) -> int:
        if exponent == 1:
            return base
        half = self._integer_power(base, exponent // 2)
        square = self.emit("multiply", half, half)
        return self.emit("multiply", square, base) if exponent % 2 else square

    def cases(self, expression: Any) -> int:
        """Select the first case whose condition holds, from the last case to the first."""
        result = self.emit("literal", float("nan"))
        for value, condition in reversed(expression.args):
            chosen = self.operand(value)
            result = (
                chosen
                if condition == sympy.true
                else self.emit("where", self.operand(condition), chosen, result)
            )
        return result


_SPECIAL: dict[Any, Callable[[_Builder, Any], int]] = {
    sympy.Add: _Builder.sum,
    sympy.Mul: _Builder.product,
    sympy.Pow: _Builder.power,
    sympy.Piecewise: _Builder.cases,
}


def _rewrite(expression: Any) -> Any:
    if isinstance(expression, sympy.Heaviside):
        return expression.rewrite(sympy.Piecewise)
    if isinstance(expression, sympy.ITE | sympy.Xor):
        return expression.to_nnf()
    return expression.rewrite(sympy.cos if isinstance(expression, sympy.sec) else sympy.sin)


def _is_negative(term: Any) -> bool:
    return bool(term.as_coeff_Mul()[0].is_negative)


def _is_number(expression: Any) -> bool:
    return bool(getattr(expression, "is_number", False))


def _literal(expression: Any) -> float:
    value = expression.evalf(20)
    if not (value.is_real and value.is_finite):
        raise ValueError(f"numbers in a formula must be real and finite; got {expression}")
    return float(expression) if expression.is_Rational else float(value)
