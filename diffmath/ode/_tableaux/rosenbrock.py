"""Rosenbrock tableaux: exact coefficients, proven order conditions, and a form without products with J.

Source: Hairer & Wanner (1996), Solving Ordinary Differential Equations II, section IV.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from diffmath.ode._tableaux.algebraic import Number, as_fraction, number_row
from diffmath.ode._tableaux.implicit import number_square
from diffmath.ode._tableaux.proof import Conditions, ProvenTableau
from diffmath.symbolic import rosenbrock_conditions

__all__ = ["RosenbrockTableau", "from_transformed"]

Square = tuple[tuple[Number, ...], ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class RosenbrockTableau(ProvenTableau):
    r"""The coefficients of a Rosenbrock method, with a proven order.

    .. math:: (I - h \gamma J)\, k_i = h f\Bigl(t + \alpha_i h,\; x + \sum_{j<i} \alpha_{ij} k_j\Bigr)
              + h J \sum_{j<i} \gamma_{ij} k_j + \gamma_i h^2 \partial_t f, \qquad
              x_{n+1} = x + \sum_i b_i k_i, \qquad e = \sum_i b^{\mathrm{error}}_i k_i

    Parameters
    ----------
    name : str
        Name of the method in messages.
    alpha, gamma : sequence of rows, shape (stages, stages)
        `alpha` strictly lower triangular, `gamma` lower triangular with one number on its diagonal. Short
        rows are padded with zeros. The times :math:`\alpha_i, \gamma_i` are row sums.
    b : sequence, shape (stages,)
        Weights.
    b_error : sequence, shape (stages,), optional
        Weights of the error estimate: `b` minus the embedded weights.
    order : int
        Order of `b`: the conditions of all rooted trees up to this order are checked in exact arithmetic.
    embedded_order : int, optional
        Order of ``b - b_error``, checked in the same way; required with `b_error`.
    tolerance : str or Fraction
        Largest residual allowed: 0 unless the source prints rounded decimals.
    reference : str
        Source of the coefficients.

    Raises
    ------
    TypeError
        A float coefficient: write 1, "1/3" or ``Fraction(1, 3)``.
    ValueError
        Shapes or triangles do not fit, or an order condition fails; the message has its residual.

    References
    ----------
    .. [1] Hairer & Wanner (1996), definition IV.7.1 and theorem IV.7.5.

    Examples
    --------
    >>> from diffmath import ode
    >>> ode.RosenbrockTableau(name="linearly implicit midpoint", alpha=[[]], gamma=[["1/2"]], b=[1], order=2)
    RosenbrockTableau(linearly implicit midpoint, order 2, 1 stage)
    >>> ode.RosenbrockTableau(name="wrong", alpha=[[]], gamma=[[1]], b=[1], order=2)
    Traceback (most recent call last):
        ...
    ValueError: wrong claims order 2, but the condition b.c = 1/2 of the tree [t] fails: residual 1/2
    """

    name: str
    alpha: Sequence[Sequence[Any]]
    gamma: Sequence[Sequence[Any]]
    b: Sequence[Any]
    b_error: Sequence[Any] | None = None
    order: int
    embedded_order: int | None = None
    tolerance: str | int | Fraction = 0
    reference: str = ""

    def __post_init__(self) -> None:
        b = number_row("b", self.b)
        alpha, gamma = (number_square(name, getattr(self, name), len(b)) for name in ("alpha", "gamma"))
        _check_triangles(self.name, alpha, gamma)
        self._set(alpha=alpha, gamma=gamma, b=b, tolerance=Fraction(self.tolerance))
        self._prove()

    def conditions(self, weights: Sequence[Any], order: int) -> Conditions:
        """Return tree and residual of every order condition up to `order`, for any weights of the stages.

        In a condition, A and c are beta below a node with one child, alpha below one with several.
        """
        found = rosenbrock_conditions(self.alpha, self.gamma, weights, order)
        return [(tree, as_fraction(residual)) for tree, residual in found]

    @property
    def slack(self) -> Fraction:
        """Largest allowed residual: the `tolerance`."""
        return Fraction(self.tolerance)

    @property
    def is_stiffly_accurate(self) -> bool:
        """Whether the last stage is the new state: the last row of ``alpha + gamma`` is b."""
        last = zip(self.alpha[-1], self.gamma[-1], strict=True)
        return tuple(x + y for x, y in last) == tuple(self.b)

    @cached_property
    def transformed(self) -> tuple[Square, Square, tuple[Number, ...], tuple[Number, ...]]:
        r"""The form in :math:`u = \Gamma k`: A, C, m and the error weights; it needs no product with J.

        .. math:: A = \alpha \Gamma^{-1}, \quad C = \gamma^{-1} I - \Gamma^{-1}, \quad
                  m = b\,\Gamma^{-1}, \quad m^{\mathrm{error}} = b^{\mathrm{error}} \Gamma^{-1}
        """
        inverse = self._inverse
        diagonal = 1 / self.gamma[0][0]
        c = tuple(
            tuple((diagonal if i == j else Fraction(0)) - value for j, value in enumerate(row))
            for i, row in enumerate(inverse)
        )
        error = self.b_error or (Fraction(0),) * self.stages
        return _multiply(self.alpha, inverse), c, self.transform(self.b), self.transform(error)

    def transform(self, weights: Sequence[Number]) -> tuple[Number, ...]:
        r"""Return :math:`w\,\Gamma^{-1}`: weights of the stages k as weights of u."""
        return _multiply([weights], self._inverse)[0]

    def transform_back(self, weights: Sequence[Number]) -> tuple[Number, ...]:
        r"""Return :math:`m\,\Gamma`: weights of u as weights of the stages k."""
        return _multiply([weights], self.gamma)[0]

    @cached_property
    def _inverse(self) -> Square:
        return _triangular_inverse(self.gamma)


def from_transformed(
    name: str,
    gamma: str,
    A: Sequence[Any],
    C: Sequence[Any],
    m: Sequence[Any],
    m_error: Sequence[Any],
    **facts: Any,
) -> RosenbrockTableau:
    """Return the tableau for coefficients that a paper prints in `transformed` form."""
    stages = len(m)
    a, c = number_square("A", A, stages), number_square("C", C, stages)
    diagonal = 1 / Fraction(gamma)
    inverse = tuple(
        tuple((diagonal if i == j else Fraction(0)) - value for j, value in enumerate(row))
        for i, row in enumerate(c)
    )
    matrix = _triangular_inverse(inverse)
    b, b_error = (_multiply([number_row("m", row)], matrix)[0] for row in (m, m_error))
    return RosenbrockTableau(
        name=name, alpha=_multiply(a, matrix), gamma=matrix, b=b, b_error=b_error, **facts
    )


def _check_triangles(name: str, alpha: Square, gamma: Square) -> None:
    for i, (row, other) in enumerate(zip(alpha, gamma, strict=True)):
        if any(value != 0 for value in row[i:]) or any(value != 0 for value in other[i + 1 :]):
            raise ValueError(f"{name}: alpha must be strictly lower triangular and gamma lower triangular")
        if other[i] != gamma[0][0] or other[i] == 0:
            raise ValueError(
                f"{name}: gamma must have one number on its diagonal, not 0; got {other[i]} in row {i}"
            )


def _triangular_inverse(matrix: Sequence[Sequence[Any]]) -> Square:
    """Return the inverse of a lower triangular matrix, by forward substitution."""
    size = len(matrix)
    rows: list[list[Any]] = []
    for i in range(size):
        row: list[Any] = [Fraction(0)] * size
        for j in range(i + 1):
            known = sum((matrix[i][k] * rows[k][j] for k in range(j, i)), start=Fraction(0))
            row[j] = (Fraction(i == j) - known) / matrix[i][i]
        rows.append(row)
    return tuple(tuple(row) for row in rows)


def _multiply(left: Sequence[Sequence[Any]], right: Sequence[Sequence[Any]]) -> tuple[tuple[Any, ...], ...]:
    columns = list(zip(*right, strict=True))
    return tuple(
        tuple(sum((x * y for x, y in zip(row, column, strict=True)), start=Fraction(0)) for column in columns)
        for row in left
    )
