"""Runge-Kutta tableaux as data that proves itself: exact fractions and every order condition checked.

Source: Hairer, Norsett & Wanner (1993), Solving Ordinary Differential Equations I, sections II.1, II.2, II.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Rational
from typing import Any, TypeAlias

from diffmath.symbolic._butcher import RootedTree, order_conditions

__all__ = ["Tableau"]

# What a coefficient may be written as: 1, "1/3", Fraction(1, 3); stored as Fraction.
Exact: TypeAlias = Fraction | int | str


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
    Checked on construction: p = 5 with 7 stages takes about 2 ms.

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
    reference: str = ""

    def __post_init__(self) -> None:
        b = _exact_row("b", self.b)
        a = _square(self.a, len(b))
        row_sums = tuple(sum(row, start=Fraction(0)) for row in a)
        c = row_sums if self.c is None else _exact_row("c", self.c)
        if c != row_sums:
            raise ValueError(f"{self.name}: each node of c must be the sum of its row of a; got {_text(c)}")
        _refuse_implicit(self.name, a)
        self._set(a=a, b=b, c=c)
        _refuse_violated(self.name, "order", order_conditions(a, b, self.order), self.order)
        self._check_embedded()

    def _check_embedded(self) -> None:
        if (self.b_error is None) != (self.embedded_order is None):
            raise ValueError(f"{self.name}: give b_error and embedded_order together, or neither")
        if self.b_error is None or self.embedded_order is None:
            return
        b_error = _exact_row("b_error", self.b_error)
        if len(b_error) != self.stages:
            raise ValueError(f"{self.name}: b_error must have {self.stages} entries; got {len(b_error)}")
        if not any(b_error):
            raise ValueError(f"{self.name}: b_error is zero and so estimates nothing; leave it out")
        if sum(b_error) != 0:
            raise ValueError(f"{self.name}: b_error must sum to 0; got {sum(b_error)}")
        self._set(b_error=b_error)
        conditions = order_conditions(self.a, self.b_embedded, self.embedded_order)
        _refuse_violated(self.name, "embedded order", conditions, self.embedded_order)

    def _set(self, **values: tuple[Any, ...]) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def stages(self) -> int:
        """Number of stages, unused ones included."""
        return len(self.b)

    @property
    def b_embedded(self) -> tuple[Fraction, ...]:
        """Weights of the embedded solution, ``b - b_error``."""
        pairs = zip(self.b, self.b_error or (), strict=True)
        return tuple(Fraction(b) - Fraction(error) for b, error in pairs)

    @property
    def is_fsal(self) -> bool:
        """Whether the last stage is the slope at the new state: first same as last."""
        return self.stages > 1 and tuple(self.a[-1]) == tuple(self.b)

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
        text = [f"{self.name}, order {self.order}", *_lines(order_conditions(self.a, self.b, self.order))]
        if self.embedded_order is not None:
            conditions = order_conditions(self.a, self.b_embedded, self.embedded_order)
            text += [f"{self.name}, embedded order {self.embedded_order}", *_lines(conditions)]
        return "\n".join(text)

    def __repr__(self) -> str:
        embedded = "" if self.embedded_order is None else f"({self.embedded_order})"
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


def _exact_row(name: str, row: Any) -> tuple[Fraction, ...]:
    return tuple(_exact(name, value) for value in row)


def _square(a: Any, stages: int) -> tuple[tuple[Fraction, ...], ...]:
    rows = [_exact_row("a", row) for row in a]
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


def _refuse_violated(name: str, kind: str, conditions: list[tuple[RootedTree, Any]], order: int) -> None:
    for tree, residual in conditions:
        if residual != 0:
            raise ValueError(
                f"{name} claims {kind} {order}, but the condition {tree.condition} of the tree {tree} fails: "
                f"residual {residual}"
            )


def _lines(conditions: list[tuple[RootedTree, Any]]) -> list[str]:
    trees = max(len(str(tree)) for tree, _ in conditions)
    formulas = max(len(tree.condition) for tree, _ in conditions)
    return [
        f"  {tree!s:{trees}}  {tree.condition:{formulas}}  residual {residual}"
        for tree, residual in conditions
    ]


def _text(row: Sequence[Fraction]) -> str:
    return f"({', '.join(map(str, row))})"
