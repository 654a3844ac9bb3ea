"""Explicit Runge-Kutta tableaux: exact fractions, with every order condition checked.

Source: Hairer, Norsett & Wanner (1993), Solving Ordinary Differential Equations I, sections II.1, II.2, II.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

from diffmath._core.counts import check_count
from diffmath.ode._tableaux.algebraic import Exact, exact_row
from diffmath.ode._tableaux.proof import Conditions, ProvenTableau
from diffmath.symbolic import order_conditions

__all__ = ["Tableau", "difference", "residuals"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Tableau(ProvenTableau):
    r"""The coefficients of an explicit Runge-Kutta method, with a proven order.

    .. math:: k_i = f\Bigl(t + c_i h,\; x + h \sum_{j<i} a_{ij} k_j\Bigr), \qquad
              x_{n+1} = x_n + h \sum_i b_i k_i, \qquad e = h \sum_i b^{\mathrm{error}}_i k_i

    Parameters
    ----------
    name : str
        Name of the method in messages.
    a : sequence of rows, shape (stages, stages)
        Strictly lower triangular matrix; row i may stop after its first i entries.
    b : sequence, shape (stages,)
        Weights.
    c : sequence, shape (stages,), optional
        Nodes, which must equal the row sums of `a`; by default the row sums.
    b_error : sequence, shape (stages,), optional
        Weights of the error estimate: `b` minus the embedded weights. Makes the method adaptive.
    order : int
        Order of `b`: the conditions of all rooted trees up to this order are checked in exact arithmetic.
    embedded_order : int, optional
        Order of the embedded weights ``b - b_error``, checked in the same way; required with `b_error`.
    b_error_low : sequence, shape (stages,), optional
        Weights of a second estimate of lower order, which stabilises the first (Hairer's DOP853): the error
        is :math:`e^2 / \sqrt{e^2 + e_{\mathrm{low}}^2 / 100}`, component by component.
    embedded_order_low : int, optional
        Order of ``b - b_error_low``, checked in the same way; required with `b_error_low`.
    digits : int, optional
        For irrational coefficients written as decimals: every condition must hold to ``10**-digits``. By
        default conditions must hold exactly.
    reference : str
        Source of the coefficients.

    Raises
    ------
    TypeError
        A float coefficient: floats are not exact; write 1, "1/3" or ``Fraction(1, 3)``.
    ValueError
        Shapes do not fit, the method is implicit, the nodes are not the row sums, or an order condition
        fails; the message names the first, with its tree and residual.

    Notes
    -----
    The check on construction takes about 0.3 ms for p = 5 with 7 stages, and 10 ms for p = 8 with 12 stages.

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

    _estimates: ClassVar[tuple[tuple[str, str], ...]] = (
        ("b_error", "embedded_order"), ("b_error_low", "embedded_order_low"),
    )  # fmt: skip

    def __post_init__(self) -> None:
        b = exact_row("b", self.b)
        a = _square(self.a, len(b))
        row_sums = tuple(sum(row, start=Fraction(0)) for row in a)
        c = row_sums if self.c is None else exact_row("c", self.c)
        if len(c) != len(b) or any(abs(x - y) > self.slack for x, y in zip(c, row_sums, strict=True)):
            raise ValueError(f"{self.name}: each node of c must be the sum of its row of a; got {_text(c)}")
        _refuse_implicit(self.name, a)
        for weights, _ in self._estimates:
            exact_row(weights, getattr(self, weights) or ())
        self._set(a=a, b=b, c=c)
        if self.b_error_low is not None and self.b_error is None:
            raise ValueError(f"{self.name}: b_error_low stabilises the estimate of b_error; give b_error too")
        self._prove()

    def conditions(self, weights: Sequence[Any], order: int) -> Conditions:
        """Return tree and residual of every order condition up to `order`, for any weights of the stages."""
        return residuals(self.a, weights, order)

    @property
    def estimate_order(self) -> int | None:
        """Order of the error estimate in the step, minus one; None without an estimate.

        With one estimate, the order of the embedded solution; with two of orders p and q, ``2 p - q - 1``.
        """
        if self.embedded_order is None or self.embedded_order_low is None:
            return self.embedded_order
        return 2 * self.embedded_order - self.embedded_order_low

    @cached_property
    def is_fsal(self) -> bool:
        """Whether the last stage is the slope at the new state: first same as last."""
        return self.stages > 1 and tuple(self.a[-1]) == tuple(self.b)

    def nfe(self, steps: int) -> int:
        """Evaluations of f in `steps` plain steps, without stages that serve only the error estimate."""
        return check_count("steps", steps, 0) * max(i + 1 for i, weight in enumerate(self.b) if weight != 0)

    def __repr__(self) -> str:
        return super().__repr__().removesuffix(")") + (", FSAL)" if self.is_fsal else ")")


def difference(b: Any, embedded: Any) -> tuple[Fraction, ...]:
    """Return the weights of an error estimate from the weights of two solutions."""
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


def residuals(a: Sequence[Sequence[Any]], b: Sequence[Any], order: int) -> Conditions:
    """Return every order condition with its exact residual, computed in integers.

    A condition of a tree with n nodes is homogeneous of degree n in the coefficients, so all coefficients can
    be multiplied by a common denominator, and no fraction is ever reduced.
    """
    scale = math.lcm(*(value.denominator for row in (*a, b) for value in row))
    integers = [[int(value * scale) for value in row] for row in (*a, b)]
    found = order_conditions(integers[:-1], integers[-1], order)
    return [
        (tree, (residual + Fraction(1, tree.density)) / scale**tree.order - Fraction(1, tree.density))
        for tree, residual in found
    ]


def _text(row: Sequence[Fraction]) -> str:
    return f"({', '.join(map(str, row))})"
