"""Additive Runge-Kutta tableaux: an explicit and a diagonally implicit method, with proven coupling
conditions.

Source: Kennedy & Carpenter (2003), Appl. Numer. Math. 44, 139-181, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from diffmath.ode._tableaux.algebraic import Number, as_fraction, number_row
from diffmath.ode._tableaux.implicit import number_square
from diffmath.ode._tableaux.proof import Conditions, ProvenTableau
from diffmath.symbolic import additive_conditions

__all__ = ["AdditiveTableau"]


@dataclass(frozen=True, kw_only=True, repr=False)
class AdditiveTableau(ProvenTableau):
    r"""The coefficients of an additive Runge-Kutta method, with a proven order.

    .. math:: X_i = x + h \sum_{j<i} a^E_{ij} f^E(X_j) + h \sum_{j \le i} a^I_{ij} f^I(X_j), \qquad
              x_{n+1} = x + h \sum_i b_i \bigl(f^E + f^I\bigr)(X_i)

    Parameters
    ----------
    name : str
        Name of the method in messages.
    explicit, implicit : sequence of rows, shape (stages, stages)
        Strictly lower triangular, and lower triangular with an explicit first stage and one number on the
        rest of its diagonal. Short rows are padded with zeros; both must have the same row sums c.
    b, b_error : sequence, shape (stages,)
        Weights of both parts, and of the error estimate: `b` minus the embedded weights.
    order, embedded_order : int
        Orders of `b` and of ``b - b_error``: the conditions of all trees up to this order, with their nodes
        explicit or implicit in all combinations, are checked in exact arithmetic.
    tolerance : str or Fraction
        Largest residual allowed: 0 unless the source prints rounded fractions.
    reference : str
        Source of the coefficients.

    Raises
    ------
    TypeError
        A float coefficient: write 1, "1/3" or ``Fraction(1, 3)``.
    ValueError
        Shapes, triangles or row sums do not fit, or a condition fails; the message has its residual.

    References
    ----------
    .. [1] Kennedy & Carpenter (2003), Appl. Numer. Math. 44, 139-181, section 2.

    Examples
    --------
    >>> from diffmath import ode
    >>> print(ode.kencarp4.tableau.report().splitlines()[1])
      t            sum(b) = 1                   residual 0
    """

    name: str
    explicit: Sequence[Sequence[Any]]
    implicit: Sequence[Sequence[Any]]
    b: Sequence[Any]
    b_error: Sequence[Any]
    order: int
    embedded_order: int
    tolerance: str | int | Fraction = 0
    reference: str = ""

    def __post_init__(self) -> None:
        b = number_row("b", self.b)
        explicit, implicit = (
            number_square(name, getattr(self, name), len(b)) for name in ("explicit", "implicit")
        )
        self._set(explicit=explicit, implicit=implicit, b=b, tolerance=Fraction(self.tolerance))
        self._check_triangles()
        self._prove()

    def _check_triangles(self) -> None:
        gamma = self.implicit[-1][-1]
        for i, (row, other) in enumerate(zip(self.explicit, self.implicit, strict=True)):
            diagonal = gamma if i else 0
            if any(v != 0 for v in row[i:]) or any(v != 0 for v in other[i + 1 :]) or other[i] != diagonal:
                raise ValueError(
                    f"{self.name}: explicit must be strictly lower triangular, and implicit lower triangular "
                    f"with the diagonal (0, g, ..., g); row {i} is not"
                )
            if abs(as_fraction(sum(row, start=-self.c[i]))) > Fraction(self.tolerance):
                raise ValueError(
                    f"{self.name}: explicit and implicit must have the same row sums; row {i} differs"
                )

    def conditions(self, weights: Sequence[Any], order: int) -> Conditions:
        """Return tree and residual of every order condition up to `order`, for any weights of the stages."""
        found = additive_conditions({"E": self.explicit, "I": self.implicit}, weights, order)
        return [(tree, as_fraction(residual)) for tree, residual in found]

    @property
    def slack(self) -> Fraction:
        """Largest allowed residual: the `tolerance`."""
        return Fraction(self.tolerance)

    @property
    def c(self) -> tuple[Number, ...]:
        """Nodes: the row sums of both matrices."""
        return tuple(sum(row, start=Fraction(0)) for row in self.implicit)

    @property
    def is_stiffly_accurate(self) -> bool:
        """Whether the last stage is the new state, for the implicit part."""
        return tuple(self.implicit[-1]) == tuple(self.b)
