r"""Square roots as exact numbers: sums :math:`\sum_i q_i \sqrt{n_i}` of rationals times roots of integers.

Roots of distinct square-free integers are linearly independent over the rationals. A sum is therefore zero if
and only if all its coefficients are zero. This decides equality exactly, without SymPy. Tableaux with square
roots are proven with these numbers.

Source: Besicovitch (1940), On the linear independence of fractional powers of integers, J. London Math. Soc.
15, 3-6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from numbers import Rational
from typing import Any

__all__ = ["Surd", "square_root"]


class Surd:
    r"""A number :math:`\sum_i q_i \sqrt{n_i}`, with square-free :math:`n_i`.

    Parameters
    ----------
    terms : mapping of int to Fraction
        The q_i by n_i. Build a number with `square_root` and arithmetic.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from diffmath.symbolic import square_root
    >>> x = (1 + square_root(5)) / 2
    >>> x * x - x, float(x)
    (Surd(1), 1.618033988749895)
    """

    __slots__ = ("_terms",)

    def __init__(self, terms: Mapping[int, Fraction]) -> None:
        self._terms = {n: Fraction(q) for n, q in terms.items() if q != 0}

    def __add__(self, other: Any) -> Surd:
        other = _surd(other)
        if other is None:
            return NotImplemented
        return Surd({n: self._of(n) + other._of(n) for n in {**self._terms, **other._terms}})

    __radd__ = __add__

    def __neg__(self) -> Surd:
        return self * -1

    def __sub__(self, other: Any) -> Surd:
        return self.__add__(-1 * other)

    def __rsub__(self, other: Any) -> Surd:
        return self.__neg__().__add__(other)

    def __mul__(self, other: Any) -> Surd:
        other = _surd(other)
        if other is None:
            return NotImplemented
        terms: dict[int, Fraction] = {}
        for m, p in self._terms.items():
            for n, q in other._terms.items():
                shared = math.gcd(m, n)
                square_free = (m // shared) * (n // shared)
                terms[square_free] = terms.get(square_free, Fraction(0)) + p * q * shared
        return Surd(terms)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Surd:
        return self * (1 / Fraction(other))

    def __pow__(self, exponent: int) -> Surd:
        return math.prod([self] * exponent, start=Surd({1: Fraction(1)}))

    def __eq__(self, other: object) -> bool:
        surd = _surd(other)
        return NotImplemented if surd is None else self._terms == surd._terms

    def __hash__(self) -> int:
        rational = not set(self._terms) - {1}
        return hash(self._of(1)) if rational else hash(frozenset(self._terms.items()))

    def __float__(self) -> float:
        # Each root to 40 digits, and one rounding at the end: correct to the last bit of a double.
        digits = 10**40
        roots = {n: Fraction(math.isqrt(n * digits**2), digits) for n in self._terms}
        return float(sum((q * roots[n] for n, q in self._terms.items()), start=Fraction(0)))

    def _of(self, n: int) -> Fraction:
        return self._terms.get(n, Fraction(0))

    def __repr__(self) -> str:
        return f"Surd({self})"

    def __str__(self) -> str:
        parts = [str(q) if n == 1 else f"{q}*sqrt({n})" for n, q in sorted(self._terms.items())]
        return " + ".join(parts) or "0"


def _surd(value: Any) -> Surd | None:
    if isinstance(value, Surd):
        return value
    return Surd({1: Fraction(value)}) if isinstance(value, Rational) else None


def square_root(radicand: int | str | Fraction) -> Surd:
    """Return the exact square root of a positive rational number.

    Parameters
    ----------
    radicand : int, str or Fraction
        For example 6, or "38/491".

    Raises
    ------
    ValueError
        The radicand is not positive.

    Examples
    --------
    >>> from diffmath.symbolic import square_root
    >>> square_root("8/3"), square_root(2) * square_root(8) == 4
    (Surd(2/3*sqrt(6)), True)
    """
    value = Fraction(radicand)
    if value <= 0:
        raise ValueError(f"radicand must be positive; got {radicand}")
    outside, inside = 1, value.numerator * value.denominator
    for factor in range(2, math.isqrt(inside) + 1):
        while inside % factor**2 == 0:
            inside, outside = inside // factor**2, outside * factor
        if factor**2 > inside:
            break
    return Surd({inside: Fraction(outside, value.denominator)})
