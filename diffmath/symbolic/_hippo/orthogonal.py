r"""Measures on the past with their orthonormal bases, onto which a HiPPO memory projects its input.

A memory holds :math:`c_n(t) = \int u\,K_n` with the kernels :math:`K_n = g_n w`, a basis g times a weight w.
In a *scaled* memory s in [0, 1] is the position in the whole past: 0 is its start, and 1 is the present. In a
*translated* memory s in [0, length] is the age.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import sympy
from sympy.functions.elementary.trigonometric import TrigonometricFunction
from sympy.simplify.fu import TR8

from diffmath.symbolic._exact import bounded, exact, is_zero, simplified

__all__ = [
    "Measure", "basis_of", "coefficients", "conjugate", "inner_products", "refuse_non_orthonormal",
    "variable", "weight_of",
]  # fmt: skip

Memory = Literal["scaled", "translated"]
End = Literal["series", "midpoint", "drop"]

variable = sympy.Symbol("s", positive=True)

_NOT_SMOOTH = (
    sympy.Piecewise, sympy.Abs, sympy.sign, sympy.Heaviside, sympy.DiracDelta, sympy.floor, sympy.ceiling,
    sympy.frac, sympy.Mod, sympy.Max, sympy.Min, sympy.arg, sympy.re, sympy.im,
)  # fmt: skip


@dataclass(frozen=True)
class Measure:
    r"""A weight on the past and a basis that is orthonormal under it.

    .. math:: c_n(t) = \int_0^1 u(ts)\,\overline{g_n(s)}\,w(s)\,ds \quad\text{(scaled)}, \qquad
              c_n(t) = \int_0^\theta u(t-s)\,\overline{g_n(s)}\,w(s)\,ds \quad\text{(translated)}

    Parameters
    ----------
    name : str
        Name for messages and plots.
    basis : callable
        ``basis(n, s)``: the formula of g_n for n = 0, 1, ... It may have powers of s, logarithms,
        exponentials, sines and cosines, real or complex, and must be smooth inside the measure. Symbols in it
        are real.
    weight : callable
        ``weight(s)``: the formula of w, real and smooth.
    memory : {"scaled", "translated"}
        The whole past, or an interval of ages.
    length : expression
        theta, the largest age of a translated measure: a positive number, or `sympy.oo`. 1 if scaled.
    end : {"series", "midpoint", "drop"}
        Estimate of the input u(t - theta) that leaves a finite translated window. "series": the truncated
        series at the end. "midpoint": twice the series minus u(t), because a periodic series converges to the
        midpoint of its jump. "drop": zero.
    retention : expression
        For a periodic basis closed at the midpoint: the part r in [0, 1) of the memory that is left one
        window later. The past is folded into the window; the ages with :math:`\lfloor s/\theta\rfloor = j`
        have the weight :math:`(1-r)\,r^j`.

    Raises
    ------
    TypeError
        A basis or a weight that is not callable.
    ValueError
        An unknown memory or end, or a length or a retention that does not fit.

    Examples
    --------
    >>> import sympy
    >>> from diffmath import symbolic
    >>> recent = symbolic.Measure(
    ...     name="weight s on the whole past",
    ...     basis=lambda n, s: sympy.sqrt(2 * n + 2) * sympy.jacobi(n, 0, 1, 2 * s - 1),
    ...     weight=lambda s: s,
    ... )
    >>> A, B = symbolic.derive_hippo(recent, 2)
    >>> A
    Matrix([
    [        -2,  0],
    [-2*sqrt(2), -3]])
    """

    name: str
    basis: Callable[[int, sympy.Symbol], sympy.Expr]
    weight: Callable[[sympy.Symbol], sympy.Expr]
    memory: Memory = "scaled"
    length: sympy.Expr = sympy.S.One
    end: End = "series"
    retention: sympy.Expr = sympy.S.Zero

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"name must be a string; got {type(self.name).__name__}")
        for role in ("basis", "weight"):
            if not callable(getattr(self, role)):
                raise TypeError(f"{role} must be callable; got {type(getattr(self, role)).__name__}")
        for role, allowed in (("memory", get_args(Memory)), ("end", get_args(End))):
            if getattr(self, role) not in allowed:
                raise ValueError(f"{role} must be one of {allowed}; got {getattr(self, role)!r}")
        object.__setattr__(self, "length", exact(self.length, "length"))
        if not self.length.is_extended_positive or (self.memory == "scaled" and self.length != 1):
            required = (
                "1 for a scaled memory" if self.memory == "scaled" else "positive (sympy.oo is allowed)"
            )
            raise ValueError(f"length must be {required}; got {self.length}")
        self._check_retention()

    def _check_retention(self) -> None:
        object.__setattr__(self, "retention", exact(self.retention, "retention"))
        forgets = (1 - self.retention).is_positive
        if (
            not self.retention.is_nonnegative
            or forgets is False
            or not (forgets or self.retention.free_symbols)
        ):
            raise ValueError(f"retention must be at least 0 and less than 1; got {self.retention}")
        folds = self.memory == "translated" and self.length != sympy.oo and self.end == "midpoint"
        if self.retention != 0 and not folds:
            raise ValueError("retention needs a finite translated window with end='midpoint'")

    def __repr__(self) -> str:
        return f"Measure({self.name!r}, {self.memory}, s in [0, {self.length}])"

    @property
    def now(self) -> sympy.Expr:
        """The value of s that means the present."""
        return sympy.S.One if self.memory == "scaled" else sympy.S.Zero


def weight_of(measure: Measure) -> sympy.Expr:
    """Return the weight as a formula in `variable`."""
    weight = _smooth(measure.weight(variable), "weight(s)")
    if weight.has(sympy.I):
        raise ValueError(f"weight(s) must be real; got {weight}")
    return weight


def basis_of(measure: Measure, order: int) -> list[sympy.Expr]:
    """Return the first basis functions as expanded formulas in `variable`."""
    basis = [sympy.expand(_smooth(measure.basis(n, variable), f"basis({n}, s)")) for n in range(order)]
    if 0 in basis:
        raise ValueError(f"the basis of {measure.name} must not vanish; basis({basis.index(0)}, s) is 0")
    return basis


def conjugate(formula: sympy.Expr) -> sympy.Expr:
    """Return the complex conjugate; the variable and all symbols are real."""
    return formula.xreplace({sympy.I: -sympy.I})


def _smooth(value: Any, name: str) -> sympy.Expr:
    """Return a formula, or refuse one with jumps or kinks, whose derivative SymPy would lose."""
    formula = exact(value, name)
    broken = sorted({type(part).__name__ for part in formula.atoms(*_NOT_SMOOTH) if part.has(variable)})
    if broken:
        raise ValueError(
            f"{name} must be smooth inside the measure; got {', '.join(broken)} in {formula}: choose a "
            "formula without jumps or corners"
        )
    return formula


def coefficients(formula: sympy.Expr) -> dict[sympy.Expr, sympy.Expr]:
    """Return a formula in s as {function of s: coefficient}; for a polynomial these are its monomials.

    Examples
    --------
    >>> from diffmath.symbolic._hippo.orthogonal import coefficients, variable as s
    >>> coefficients((s + 1) ** 2)
    {1: 1, s: 2, s**2: 1}
    """
    found: dict[sympy.Expr, sympy.Expr] = {}
    for term in sympy.Add.make_args(sympy.expand(formula)):
        coefficient, function = term.as_independent(variable, as_Add=False)
        found[function] = found.get(function, sympy.S.Zero) + coefficient
    kept = {function: c for function, c in found.items() if c != 0}
    return {function: kept[function] for function in sorted(kept, key=sympy.default_sort_key)}


def inner_products(measure: Measure, functions: Sequence[sympy.Expr]) -> sympy.Matrix:
    """Return the integrals of ``functions[a] * conjugate(functions[b]) * weight`` over the measure."""
    known: dict[sympy.Expr, sympy.Expr] = {}
    weight = weight_of(measure)

    def integral(formula: sympy.Expr) -> sympy.Expr:
        if formula not in known:
            found = _beta_integral(formula) if measure.length == 1 else None
            limits = (variable, 0, measure.length)
            known[formula] = bounded(sympy.integrate, formula, limits) if found is None else found
        return known[formula]

    def product(a: int, b: int) -> sympy.Expr:
        formula = sympy.expand(functions[a] * conjugate(functions[b]) * weight)
        if not formula.has(TrigonometricFunction):
            return integral(formula)
        # Products of waves are sums of single waves, the same few in all entries.
        waves = coefficients(TR8(formula))
        total = sympy.Add(*(coefficient * integral(wave) for wave, coefficient in waves.items()))
        return total if total.is_finite else integral(formula)

    def entry(a: int, b: int) -> sympy.Expr:
        return product(a, b) if a >= b else conjugate(product(b, a))

    return sympy.Matrix(len(functions), len(functions), entry)


def _beta_integral(formula: sympy.Expr) -> sympy.Expr | None:
    """Return the integral from 0 to 1 of a sum of ``c s^p (1-s)^q``; else None."""
    total = sympy.S.Zero
    for function, coefficient in coefficients(formula).items():
        powers = function.as_powers_dict()
        p, q = powers.pop(variable, sympy.S.Zero), powers.pop(1 - variable, sympy.S.Zero)
        known = not (powers.keys() - {1} or p.has(variable) or q.has(variable))
        if not (known and (p + 1).is_positive and (q + 1).is_positive):
            return None
        total += coefficient * (sympy.beta(p + 1, q + 1).expand(func=True) if q != 0 else 1 / (p + 1))
    return total


def refuse_non_orthonormal(measure: Measure, gauge: Sequence[sympy.Expr], gram: Any) -> None:
    """Refuse a basis ``gauge[n] * q_n`` unless its Gram matrix, from `gram` of the q_n, is the identity."""
    for n, scale in enumerate(gauge):
        for k in range(n + 1):
            entry = scale * conjugate(gauge[k]) * gram[n, k]
            if not is_zero(entry - int(n == k)):
                raise ValueError(
                    f"the basis of {measure.name} must be orthonormal under its weight; the integral of "
                    f"g_{n} g_{k} w is {simplified(entry)}, not {int(n == k)}: divide by the norms, or "
                    "check the weight and the interval"
                )
