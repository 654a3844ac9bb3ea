"""Runge-Kutta tableaux as data that proves itself: exact fractions and every order condition checked.

Source: Hairer, Norsett & Wanner (1993), Solving Ordinary Differential Equations I, sections II.1, II.2, II.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Rational
from typing import Any, TypeAlias

from diffmath.symbolic._butcher import RootedTree, order_conditions

__all__ = ["Exact", "Residuals", "Tableau", "difference", "exact_row", "refuse_violated", "residuals"]

# What a coefficient may be written as: 1, "1/3", Fraction(1, 3); stored as Fraction.
Exact: TypeAlias = Fraction | int | str

Residuals: TypeAlias = list[tuple[RootedTree, Fraction]]


@dataclass(frozen=True, kw_only=True, repr=False)
class Tableau:
    r"""The coefficients of an explicit Runge-Kutta method, proven to have the order they claim.

    .. math:: k_i = f\Bigl(t + c_i h,\; x + h \sum_{j<i} a_{ij} k_j\Bigr), \qquad
              x_{n+1} = x_n + h \sum_i b_i k_i, \qquad e = h \sum_i b^{\mathrm{error}}_i k_i

    Parameters
    ----------
    name : str
        What messages call the method.
    a : sequence of rows, shape (stages, stages)
        Strictly lower triangular matrix; row i may stop after its first i entries.
    b : sequence, shape (stages,)
        Weights.
    c : sequence, shape (stages,), optional
        Nodes; the row sums of `a`, which they must equal.
    b_error : sequence, shape (stages,), optional
        Weights of the error estimate: `b` minus the embedded weights. Makes the method adaptive.
    order : int
        Order of `b`: every rooted tree up to this order is checked, in exact arithmetic.
    embedded_order : int, optional
        Order of the embedded weights ``b - b_error``, checked likewise; required with `b_error`.
    b_error_low : sequence, shape (stages,), optional
        Weights of a second estimate, of lower order, which steadies the first (Hairer's DOP853): the error
        is :math:`e^2 / \sqrt{e^2 + e_{\mathrm{low}}^2 / 100}`, component by component.
    embedded_order_low : int, optional
        Order of ``b - b_error_low``, checked likewise; required with `b_error_low`.
    digits : int, optional
        For irrational coefficients that are written as decimals: every condition must hold to
        ``10**-digits``. Without it, exactly.
    reference : str
        Where the coefficients come from.

    Raises
    ------
    TypeError
        A float coefficient: floats are not exact; write 1, "1/3" or ``Fraction(1, 3)``.
    ValueError
        Shapes do not fit, the method is implicit, the nodes are not the row sums, or an order condition
        fails: the first that does is named with its tree and residual.

    Notes
    -----
    Checked on construction: p = 5 with 7 stages takes about 0.3 ms, p = 8 with 12 stages 10 ms.

    References
    ----------
    .. [1] Hairer, Norsett & Wanner (1993), theorem II.2.13.

    Examples
    --------
    >>> from diffmath import ode
    >>> ode.Tableau(name="ralston", a=[[], ["2/3"]], b=["1/4", "3/4"], order=2)
    Tableau(ralston, order 2, 2 stages)
    >>> ode.Tableau(name="wrong", a=[[], ["2/3"]], b=["3/4", "1/4"], order=2)
    Traceback (most recent call last):
        ...
    ValueError: wrong claims order 2, but the condition b.c = 1/2 of the tree [t] fails: residual -1/3
    """

    name: str
    a: Sequence[Sequence[Exact]]
    b: Sequence[Exact]
    c: Sequence[Exact] | None = None
    b_error: Sequence[Exact] | None = None
    order: int
    embedded_order: int | None = None
    b_error_low: Sequence[Exact] | None = None
    embedded_order_low: int | None = None
    digits: int | None = None
    reference: str = ""

    def __post_init__(self) -> None:
        b = exact_row("b", self.b)
        a = _square(self.a, len(b))
        row_sums = tuple(sum(row, start=Fraction(0)) for row in a)
        c = row_sums if self.c is None else exact_row("c", self.c)
        self._check_digits()
        if len(c) != len(b) or any(abs(x - y) > self.slack for x, y in zip(c, row_sums, strict=True)):
            raise ValueError(f"{self.name}: each node of c must be the sum of its row of a; got {_text(c)}")
        _refuse_implicit(self.name, a)
        self._set(a=a, b=b, c=c)
        refuse_violated(f"{self.name} claims order {self.order}", residuals(a, b, self.order), self.slack)
        self._check_embedded("b_error", "embedded_order")
        if self.b_error_low is not None and self.b_error is None:
            raise ValueError(f"{self.name}: b_error_low steadies an estimate; give b_error too")
        self._check_embedded("b_error_low", "embedded_order_low")

    def _check_digits(self) -> None:
        if self.digits is None:
            return
        if isinstance(self.digits, bool) or not isinstance(self.digits, int):
            raise TypeError(f"digits must be an int; got {type(self.digits).__name__}")
        if self.digits < 20:
            raise ValueError(f"{self.name}: digits must be at least 20, beyond float64; got {self.digits}")

    def _check_embedded(self, weights: str, order: str) -> None:
        value, claimed = getattr(self, weights), getattr(self, order)
        if (value is None) != (claimed is None):
            raise ValueError(f"{self.name}: give {weights} and {order} together, or neither")
        if value is None:
            return
        b_error = exact_row(weights, value)
        if len(b_error) != self.stages:
            raise ValueError(f"{self.name}: {weights} must have {self.stages} entries; got {len(b_error)}")
        if not any(b_error):
            raise ValueError(f"{self.name}: {weights} is zero and so estimates nothing; leave it out")
        if abs(sum(b_error, start=Fraction(0))) > self.slack:
            raise ValueError(f"{self.name}: {weights} must sum to 0; got {sum(b_error)}")
        self._set(**{weights: b_error})
        claim = f"{self.name} claims {order.replace('_', ' ')} {claimed}"
        refuse_violated(claim, residuals(self.a, self._embedded(b_error), claimed), self.slack)

    def _embedded(self, b_error: Sequence[Exact]) -> tuple[Fraction, ...]:
        return tuple(Fraction(b) - Fraction(error) for b, error in zip(self.b, b_error, strict=True))

    def _set(self, **values: tuple[Any, ...]) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def stages(self) -> int:
        """Number of stages, unused ones included."""
        return len(self.b)

    @property
    def slack(self) -> Fraction:
        """What a residual may be: 0, or ``10**-digits``."""
        return Fraction(0) if self.digits is None else Fraction(1, 10**self.digits)

    @property
    def b_embedded(self) -> tuple[Fraction, ...]:
        """Weights of the embedded solution, ``b - b_error``."""
        return self._embedded(self.b_error or ())

    @property
    def estimate_order(self) -> int | None:
        """One less than the order of the error estimate in the step; None without one.

        That of the embedded solution; with two estimates, of orders p and q in the step, ``2 p - q - 1``.
        """
        if self.embedded_order is None or self.embedded_order_low is None:
            return self.embedded_order
        return 2 * self.embedded_order - self.embedded_order_low

    @property
    def is_fsal(self) -> bool:
        """Whether the last stage is the slope at the new state: first same as last."""
        return self.stages > 1 and tuple(self.a[-1]) == tuple(self.b)

    def conditions(self, weights: Sequence[Fraction], order: int) -> Residuals:
        """Return tree and residual of every order condition up to `order`, for any weights of the stages."""
        return residuals(self.a, weights, order)

    def nfe(self, steps: int) -> int:
        """Evaluations of f in `steps` plain steps; stages that only serve the error estimate are left out."""
        return steps * max(i + 1 for i, weight in enumerate(self.b) if weight != 0)

    def report(self) -> str:
        """Return every order condition with its residual, one a line, and those of the embedded weights.

        Examples
        --------
        >>> from diffmath import ode
        >>> ode.heun.tableau.report()
        'heun, order 2\\n  t    sum(b) = 1  residual 0\\n  [t]  b.c = 1/2   residual 0'
        """
        text = [f"{self.name}, order {self.order}", *_lines(residuals(self.a, self.b, self.order))]
        for weights, order in (
            (self.b_error, self.embedded_order),
            (self.b_error_low, self.embedded_order_low),
        ):
            if weights is not None and order is not None:
                conditions = residuals(self.a, self._embedded(weights), order)
                text += [f"{self.name}, embedded order {order}", *_lines(conditions)]
        return "\n".join(text)

    def __repr__(self) -> str:
        orders = [str(order) for order in (self.embedded_order, self.embedded_order_low) if order is not None]
        embedded = f"({', '.join(orders)})" if orders else ""
        fsal = ", FSAL" if self.is_fsal else ""
        return f"Tableau({self.name}, order {self.order}{embedded}, {self.stages} stages{fsal})"


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


def exact_row(name: str, row: Any) -> tuple[Fraction, ...]:
    """Return a row of coefficients as fractions, or refuse what is not exact."""
    return tuple(_exact(name, value) for value in row)


def difference(b: Any, embedded: Any) -> tuple[Fraction, ...]:
    """Return the weights of an error estimate from those of the two solutions."""
    rows = exact_row("b", b), exact_row("embedded", embedded)
    return tuple(x - y for x, y in zip(*rows, strict=True))


def _square(a: Any, stages: int) -> tuple[tuple[Fraction, ...], ...]:
    rows = [exact_row("a", row) for row in a]
    if len(rows) != stages or any(not i <= len(row) <= stages for i, row in enumerate(rows)):
        lengths = [len(row) for row in rows]
        raise ValueError(
            f"a must have {stages} rows like b, row i with i to {stages} entries; got rows of "
            f"lengths {lengths}"
        )
    return tuple(row + (Fraction(0),) * (stages - len(row)) for row in rows)


def _refuse_implicit(name: str, a: tuple[tuple[Fraction, ...], ...]) -> None:
    for i, row in enumerate(a):
        for j in range(i, len(row)):
            if row[j] != 0:
                raise ValueError(
                    f"{name}: a must be strictly lower triangular; a[{i}][{j}] = {row[j]} makes the method "
                    "implicit, which this version does not step"
                )


def residuals(a: Sequence[Sequence[Any]], b: Sequence[Any], order: int) -> Residuals:
    """Return every order condition with its residual, exactly, by arithmetic in integers.

    A condition of a tree with n nodes is homogeneous of degree n in the coefficients, so that all may be
    multiplied by a common denominator: no fraction is ever reduced.
    """
    scale = math.lcm(*(value.denominator for row in (*a, b) for value in row))
    integers = [[int(value * scale) for value in row] for row in (*a, b)]
    found = order_conditions(integers[:-1], integers[-1], order)
    return [
        (tree, (residual + Fraction(1, tree.density)) / scale**tree.order - Fraction(1, tree.density))
        for tree, residual in found
    ]


def refuse_violated(claim: str, conditions: Residuals, slack: Fraction) -> None:
    """Refuse a claim one of whose order conditions fails: the first is named with its tree and residual."""
    for tree, residual in conditions:
        if abs(residual) > slack:
            shown = f"{residual}" if len(str(residual)) < 40 else f"{float(residual):.3g}"
            raise ValueError(
                f"{claim}, but the condition {tree.condition} of the tree {tree} fails: residual {shown}"
            )


def _lines(conditions: Residuals) -> list[str]:
    trees = max(len(str(tree)) for tree, _ in conditions)
    formulas = max(len(tree.condition) for tree, _ in conditions)
    return [
        f"  {tree!s:{trees}}  {tree.condition:{formulas}}  residual "
        + (f"{residual}" if residual.denominator < 10**15 else f"{float(residual):.1e}")
        for tree, residual in conditions
    ]


def _text(row: Sequence[Fraction]) -> str:
    return f"({', '.join(map(str, row))})"
