"""Implicit Runge-Kutta tableaux: exact coefficients, proven order conditions, and the stability function.

Source: Hairer & Wanner (1996), Solving Ordinary Differential Equations II, sections IV.3, IV.5 and IV.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from diffmath._core.flags import check_flag
from diffmath.ode._tableaux.algebraic import Number, as_fraction, number_row
from diffmath.ode._tableaux.proof import Conditions, ProvenTableau
from diffmath.symbolic import order_conditions

__all__ = ["ImplicitTableau", "floats", "number_square"]


@dataclass(frozen=True, kw_only=True, repr=False)
class ImplicitTableau(ProvenTableau):
    r"""The coefficients of an implicit Runge-Kutta method, with a proven order.

    .. math:: k_i = f\Bigl(t + c_i h,\; x + h \sum_j a_{ij} k_j\Bigr), \qquad
              x_{n+1} = x_n + h \sum_i b_i k_i, \qquad e = h \sum_i b^{\mathrm{error}}_i k_i

    Parameters
    ----------
    name : str
        Name of the method in messages.
    a : sequence of rows, shape (stages, stages)
        Any matrix; short rows are padded with zeros. The nodes c are its row sums. Stages are solved in the
        smallest blocks that its zeros allow: one at a time if `a` is lower triangular.
    b : sequence, shape (stages,)
        Weights.
    b_error : sequence, shape (stages,), optional
        Weights of the error estimate: `b` minus the embedded weights. Makes the method adaptive.
    order : int
        Order of `b`: the conditions of all rooted trees up to this order are checked in exact arithmetic.
    embedded_order : int, optional
        Order of the embedded weights ``b - b_error``, checked in the same way; required with `b_error`.
    error_filter : number, optional
        The g of :math:`(I - h g J)^{-1}`, by which the estimate is multiplied: an unfiltered estimate that
        does not vanish for stiff components would forbid large steps.
    digits : int, optional
        For irrational coefficients written as decimals: every condition must hold to ``10**-digits``. By
        default conditions must hold exactly.
    reference : str
        Source of the coefficients.

    Raises
    ------
    TypeError
        A float coefficient: write 1, "1/3" or ``Fraction(1, 3)``.
    ValueError
        Shapes do not fit, or an order condition fails; the message names the first, with its residual.

    References
    ----------
    .. [1] Hairer, Norsett & Wanner (1993), theorem II.2.13; Hairer & Wanner (1996), (IV.8.17).

    Examples
    --------
    >>> from diffmath import ode
    >>> ode.ImplicitTableau(name="gauss1", a=[["1/2"]], b=[1], order=2)
    ImplicitTableau(gauss1, order 2, 1 stage)
    >>> ode.ImplicitTableau(name="wrong", a=[["-1/2"]], b=[1], order=2)
    Traceback (most recent call last):
        ...
    ValueError: wrong claims order 2, but the condition b.c = 1/2 of the tree [t] fails: residual -1
    """

    name: str
    a: Sequence[Sequence[Any]]
    b: Sequence[Any]
    b_error: Sequence[Any] | None = None
    order: int
    embedded_order: int | None = None
    error_filter: Any = None
    digits: int | None = None
    reference: str = ""

    def __post_init__(self) -> None:
        b = number_row("b", self.b)
        a = number_square("a", self.a, len(b))
        self._set(a=a, b=b)
        if self.error_filter is not None:
            self._set(error_filter=number_row("error_filter", [self.error_filter])[0])
        self._prove()

    def conditions(self, weights: Sequence[Any], order: int) -> Conditions:
        """Return tree and residual of every order condition up to `order`, for any weights of the stages."""
        found = order_conditions(self.a, weights, order)
        return [(tree, as_fraction(residual)) for tree, residual in found]

    @property
    def c(self) -> tuple[Number, ...]:
        """Nodes: the row sums of `a`."""
        return tuple(sum(row, start=Fraction(0)) for row in self.a)

    @cached_property
    def blocks(self) -> tuple[range, ...]:
        """The stages in the smallest groups that can be solved one after another."""
        blocks, start = [], 0
        for i in range(self.stages):
            if all(value == 0 for row in self.a[start : i + 1] for value in row[i + 1 :]):
                blocks.append(range(start, i + 1))
                start = i + 1
        return tuple(blocks)

    @property
    def is_stiffly_accurate(self) -> bool:
        """Whether the last stage is the new state, so that its slope is the first of the next step."""
        return tuple(self.a[-1]) == tuple(self.b)

    def stability_function(self, *, embedded: bool = False) -> tuple[tuple[Number, ...], tuple[Number, ...]]:
        r"""Return the stability function R(z) as two polynomials, lowest power first, exactly.

        .. math:: R(z) = \frac{\det(I - z A + z \mathbf{1} b^T)}{\det(I - z A)}

        Parameters
        ----------
        embedded : bool
            Return that of the embedded weights.

        Examples
        --------
        >>> from diffmath import ode
        >>> ode.trapezoid.tableau.stability_function()
        ((Fraction(1, 1), Fraction(1, 2)), (Fraction(1, 1), Fraction(-1, 2)))
        """
        weights = self.b_embedded if check_flag("embedded", embedded) else self.b
        shifted = [[a - b for a, b in zip(row, weights, strict=True)] for row in self.a]
        return _determinant(shifted), _determinant(self.a)


def number_square(name: str, a: Any, stages: int) -> tuple[tuple[Number, ...], ...]:
    """Return a square matrix of exact numbers; short rows are padded with zeros."""
    rows = [number_row(name, row) for row in a]
    if len(rows) != stages or any(len(row) > stages for row in rows):
        lengths = [len(row) for row in rows]
        raise ValueError(
            f"{name} must have {stages} rows like b, of at most {stages} entries; got rows of lengths "
            f"{lengths}"
        )
    return tuple(row + (Fraction(0),) * (stages - len(row)) for row in rows)


def floats(row: Iterable[Any]) -> tuple[float, ...]:
    """Return exact numbers as floats, each correctly rounded."""
    return tuple(float(as_fraction(value)) for value in row)


def _determinant(matrix: Sequence[Sequence[Number]]) -> tuple[Number, ...]:
    """Return det(I - z M) as a polynomial in z, by the algorithm of Faddeev and LeVerrier."""
    size = len(matrix)
    power = [[Fraction(i == j) for j in range(size)] for i in range(size)]
    coefficients: list[Any] = [Fraction(1)]
    for k in range(1, size + 1):
        product: Any = [
            [
                sum((x * y for x, y in zip(row, column, strict=True)), start=Fraction(0))
                for column in zip(*power)
            ]
            for row in matrix
        ]
        coefficients.append(sum((product[i][i] for i in range(size)), start=Fraction(0)) * Fraction(-1, k))
        power = [
            [product[i][j] + (coefficients[-1] if i == j else 0) for j in range(size)] for i in range(size)
        ]
    while coefficients[-1] == 0:
        coefficients.pop()
    return tuple(coefficients)
