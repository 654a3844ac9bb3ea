r"""Combinations of phi-functions: exact coefficients of exponential methods, and a test for zero.

:math:`\varphi_k(cz)` is a sum of :math:`q\, z^m e^{sz}` (m may be negative). Such functions are linearly
independent, so a combination is zero if and only if every q is zero. An identity between phi-functions is
therefore proven with fractions. An identity with arbitrary operators J between them,
:math:`\sum_i b_i(hL)\,J\,\psi_i(hL) = 0`, is an identity in independent variables, one for each factor.

Source: Hochbruck & Ostermann (2010), Exponential integrators, Acta Numer. 19, 209-286, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias

from diffmath._core.counts import check_count

__all__ = [
    "Function",
    "PhiSum",
    "accumulate",
    "frozen",
    "function",
    "phi",
    "product",
    "sum_of_products",
    "taylor",
]

# z**m * exp(s * z) as (s, m); a function of several variables has one pair for each.
Key: TypeAlias = tuple[tuple[Fraction, int], ...]
Function: TypeAlias = dict[Key, Fraction]


ZERO = Fraction(0)


@dataclass(frozen=True)
class PhiSum:
    r"""A combination :math:`\sum q_{kc}\, \varphi_k(cz)`: a coefficient of an exponential method.

    Parameters
    ----------
    terms : mapping of (k, c) to Fraction
        Build a combination with `phi` and arithmetic.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> 2 * symbolic.phi(1, "1/2") - symbolic.phi(2)
    2*phi1(z/2) - phi2(z)
    """

    terms: Mapping[tuple[int, Fraction], Fraction]

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", {key: q for key, q in self.terms.items() if q != 0})

    def __add__(self, other: Any) -> Any:
        if other == 0:
            return self
        if not isinstance(other, PhiSum):
            return NotImplemented
        keys = dict.fromkeys((*self.terms, *other.terms))
        return PhiSum({key: self.terms.get(key, ZERO) + other.terms.get(key, ZERO) for key in keys})

    def __mul__(self, factor: Any) -> Any:
        if not isinstance(factor, int | Fraction):
            return NotImplemented
        return PhiSum({key: q * factor for key, q in self.terms.items()})

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> PhiSum:
        return PhiSum({key: -q for key, q in self.terms.items()})

    def __sub__(self, other: Any) -> Any:
        return self + -1 * other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __truediv__(self, divisor: Any) -> Any:
        return self * (1 / Fraction(divisor))

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def taylor(self, m: int) -> Fraction:
        """Return the coefficient of z**m."""
        return sum((q * c**m / math.factorial(k + m) for (k, c), q in self.terms.items()), start=ZERO)

    @cached_property
    def function(self) -> Function:
        """Return the combination as a sum of z**m exp(s z), which is unique."""
        total: Function = {}
        for (k, c), q in self.terms.items():
            accumulate(total, {((c, -k),): q / c**k})
            taylor: Function = {((ZERO, j - k),): -q * c ** (j - k) / math.factorial(j) for j in range(k)}
            accumulate(total, taylor)
        return total

    def __repr__(self) -> str:
        text = ""
        for (k, c), q in self.terms.items():
            argument = "z" if c == 1 else f"z/{c.denominator}" if c.numerator == 1 else f"{c}*z"
            factor = "" if abs(q) == 1 else f"{abs(q)}*"
            text += f" {'-' if q < 0 else '+'} {factor}phi{k}({argument})"
        return text.removeprefix(" + ").removeprefix(" ").replace("- ", "-", text.startswith(" -")) or "0"


def phi(k: int, scale: int | str | Fraction = 1) -> PhiSum:
    r"""Return :math:`\varphi_k(cz)` with the scale c, as a coefficient of an exponential method.

    Parameters
    ----------
    k : int
        Order, at least 0.
    scale : int, str or Fraction
        c, exact and not 0.

    Returns
    -------
    PhiSum
        It can be added, subtracted, and multiplied by exact numbers.

    Raises
    ------
    TypeError
        A float scale.
    ValueError
        A scale of 0, which gives a constant.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> symbolic.phi(3, "1/2")
    phi3(z/2)
    """
    if isinstance(scale, float):
        raise TypeError(f'scale must be exact: an int, a Fraction or a string like "1/2"; got {scale!r}')
    if Fraction(scale) == 0:
        raise ValueError("scale must not be 0: a constant is a multiple of no phi-function")
    return PhiSum({(check_count("k", k, 0), Fraction(scale)): Fraction(1)})


def function(value: Any) -> Function:
    return value.function if isinstance(value, PhiSum) else {}


def frozen(value: Any) -> Function:
    """Return a coefficient at z = 0, as a constant function."""
    return {((ZERO, 0),): value.taylor(0)} if isinstance(value, PhiSum) else {}


def accumulate(total: Function, other: Function) -> None:
    for key, q in other.items():
        total[key] = total.get(key, ZERO) + q


def product(first: Function, second: Function) -> Function:
    """Multiply functions of different variables."""
    return {k + m: p * q for k, p in first.items() if p for m, q in second.items() if q}


def sum_of_products(first: Sequence[Function], second: Sequence[Function]) -> Function:
    total: Function = {}
    for f, g in zip(first, second, strict=True):
        accumulate(total, product(f, g))
    return total


def taylor(value: Any, m: int) -> Fraction:
    """The coefficient of z**m of a coefficient, which may be a plain 0."""
    return value.taylor(m) if isinstance(value, PhiSum) else ZERO
