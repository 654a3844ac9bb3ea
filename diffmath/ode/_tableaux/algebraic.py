r"""Exact real algebraic numbers: the field Q(r) of a root r of a polynomial, for coefficients like sqrt(2)/2.

An element is a polynomial in r with rational coefficients, of lower degree than the minimal polynomial of r.
Sums, products and quotients are exact, so an order condition is proven, not checked up to rounding. SymPy
could do this too, but takes a second to import.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from numbers import Rational
from typing import Any, TypeAlias, cast

__all__ = ["Algebraic", "Exact", "Number", "as_fraction", "exact_row", "number_row", "root_of"]

# Accepted forms of a coefficient: 1, "1/3", Fraction(1, 3); stored as Fraction.
Exact: TypeAlias = Fraction | int | str

# An exact coefficient after conversion.
Number: TypeAlias = "Fraction | Algebraic"

# Powers of two in the denominator of a root: a hundred digits, far more than the cancellation in any tableau.
_BITS = 400


@dataclass(frozen=True, eq=False, repr=False)
class Algebraic:
    """An element of Q(r): ``sum(coefficients[k] * r**k)``.

    Parameters
    ----------
    minimal : tuple of Fraction
        Monic minimal polynomial of r, lowest power first, without its leading 1.
    near : Fraction
        Close to r, to distinguish it from the other roots: Newton's iteration from here converges to r.
    coefficients : tuple of Fraction
        One per power of r below the degree.
    """

    minimal: tuple[Fraction, ...]
    near: Fraction
    coefficients: tuple[Fraction, ...]

    def __add__(self, other: Any) -> Algebraic:
        return self._combine(other, lambda a, b: tuple(x + y for x, y in zip(a, b, strict=True)))

    def __mul__(self, other: Any) -> Algebraic:
        return self._combine(other, self._product)

    def __truediv__(self, other: Any) -> Algebraic:
        return self._combine(other, lambda a, b: self._product(a, self._inverse(b)))

    def __rtruediv__(self, other: Any) -> Algebraic:
        return self._combine(other, lambda a, b: self._product(b, self._inverse(a)))

    def __neg__(self) -> Algebraic:
        return self.__mul__(-1)

    def __sub__(self, other: Any) -> Algebraic:
        return self.__add__(other * Fraction(-1))

    def __rsub__(self, other: Any) -> Algebraic:
        return (-self).__add__(other)

    __radd__, __rmul__ = __add__, __mul__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rational | Algebraic):
            return NotImplemented
        return not any((self - other).coefficients)

    __hash__ = None  # type: ignore[assignment]  # equal to a Fraction of another hash

    def __float__(self) -> float:
        return float(as_fraction(self))

    def __repr__(self) -> str:
        return f"{float(self):.6g}"

    def _combine(self, other: Any, operation: Callable[..., tuple[Fraction, ...]]) -> Algebraic:
        if isinstance(other, Rational):
            values = (Fraction(other), *(Fraction(0),) * (len(self.minimal) - 1))
        elif isinstance(other, Algebraic) and other.minimal == self.minimal and other.near == self.near:
            values = other.coefficients
        else:
            return cast("Algebraic", NotImplemented)
        return Algebraic(self.minimal, self.near, operation(self.coefficients, values))

    def _product(self, a: tuple[Fraction, ...], b: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
        """Horner's rule in r: multiply by r, reduce, add."""
        total = (Fraction(0),) * len(self.minimal)
        for weight in reversed(a):
            total = tuple(x + weight * y for x, y in zip(self._times_root(total), b, strict=True))
        return total

    def _times_root(self, a: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
        shifted = (Fraction(0), *a[:-1])
        return tuple(x - a[-1] * m for x, m in zip(shifted, self.minimal, strict=True))

    def _inverse(self, a: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
        """Solve a(r) u(r) = 1 by Gauss-Jordan elimination over the rationals."""
        if not any(a):
            raise ZeroDivisionError("division by zero in Q(r)")
        columns = [a]
        for _ in self.minimal[1:]:
            columns.append(self._times_root(columns[-1]))
        size = len(columns)
        rows = [[column[i] for column in columns] + [Fraction(i == 0)] for i in range(size)]
        for i in range(size):
            pivot = next(k for k in range(i, size) if rows[k][i] != 0)  # exists: the matrix is regular
            rows[i], rows[pivot] = rows[pivot], rows[i]
            rows[i] = [value / rows[i][i] for value in rows[i]]
            for k in range(size):
                if k != i:
                    rows[k] = [x - rows[k][i] * y for x, y in zip(rows[k], rows[i], strict=True)]
        return tuple(row[-1] for row in rows)


def root_of(*polynomial: Fraction | int | str, near: Fraction | int | str) -> Algebraic:
    """Return the root close to `near` of an irreducible polynomial, lowest power first.

    Examples
    --------
    >>> from diffmath.ode._tableaux.algebraic import root_of
    >>> r = root_of(-2, 0, 1, near="1.4")  # r**2 = 2
    >>> r * r == 2, 1 / (r + 1) == r - 1, float(1 - r / 2)
    (True, True, 0.2928932188134525)
    """
    *lower, leading = exact_row("polynomial", polynomial)
    minimal = tuple(value / leading for value in lower)
    return Algebraic(minimal, Fraction(near), tuple(Fraction(k == 1) for k in range(len(minimal))))


def as_fraction(value: Any) -> Fraction:
    """Return an exact number as a fraction: exactly if it is rational, otherwise to a hundred digits."""
    if not isinstance(value, Algebraic):
        return Fraction(value)
    if not any(value.coefficients[1:]):
        return value.coefficients[0]
    root = _root(value.minimal, value.near)
    return sum((c * root**k for k, c in enumerate(value.coefficients)), start=Fraction(0))


def exact_row(name: str, row: Any) -> tuple[Fraction, ...]:
    """Return a row of coefficients as fractions; refuse values that are not exact."""
    return tuple(_exact(name, value) for value in row)


def number_row(name: str, row: Any) -> tuple[Number, ...]:
    """Return a row of coefficients as exact numbers; refuse values that are not exact."""
    return tuple(value if isinstance(value, Algebraic) else exact_row(name, [value])[0] for value in row)


@cache
def _root(minimal: tuple[Fraction, ...], near: Fraction) -> Fraction:
    powers = (*minimal, Fraction(1))
    x = near
    for _ in range(12):  # from one digit, Newton's iteration has four hundred bits after nine
        value = sum((c * x**k for k, c in enumerate(powers)), start=Fraction(0))
        slope = sum((k * c * x ** (k - 1) for k, c in enumerate(powers) if k), start=Fraction(0))
        x = Fraction(round((x - value / slope) * 2**_BITS), 2**_BITS)
    return x


def _exact(name: str, value: Any) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, Rational | str):
        raise TypeError(
            f"{name} must hold exact numbers; got {value!r} of type {type(value).__name__}: write 1, "
            '"1/3" or Fraction(1, 3)'
        )
    try:
        return Fraction(value)
    except ValueError:
        raise ValueError(f'{name} must hold numbers such as 1 or "1/3"; got {value!r}') from None
