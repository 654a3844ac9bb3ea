"""Continuous extensions of one-step methods: the solution inside a step, with its own order conditions.

Source: Hairer, Norsett & Wanner (1993), Solving Ordinary Differential Equations I, section II.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from diffmath.ode._tableaux.algebraic import Exact, Number, as_fraction, exact_row, number_row
from diffmath.ode._tableaux.proof import Conditions, ProvenTableau, refuse_violated
from diffmath.ode._tableaux.tableau import Tableau, residuals

__all__ = ["ContinuousExtension", "collocation_weights"]


@dataclass(frozen=True, kw_only=True, repr=False)
class ContinuousExtension:
    r"""Weights that are polynomials in the fraction of the step, with a proven order.

    .. math:: x(t + \theta h) = x_n + h \sum_i b_i(\theta) k_i, \qquad
              b_i(\theta) = \sum_{k=1}^{d} w_{ik} \theta^k

    Parameters
    ----------
    tableau : Tableau, ImplicitTableau, RosenbrockTableau or AdditiveTableau
        The method.
    weights : sequence of rows, shape (stages + extra, degree)
        w, the coefficients of theta, theta^2, ...
    a_extra : sequence of rows, shape (extra, stages + extra), optional
        Stages that only the extension needs, for explicit methods; row i may stop after its first ``stages +
        i`` entries.
    order : int
        For every tree of the tableau up to this order, ``sum_i b_i(theta) phi_i = theta^order / density`` is
        checked as a polynomial in theta.
    digits : int, optional
        For decimals: every condition must hold to ``10**-digits``. By default conditions must hold exactly.
    reference : str
        Source of the coefficients.

    Raises
    ------
    TypeError, ValueError
        As for `Tableau`; also if the weights at theta = 1 are not those of the tableau.

    Notes
    -----
    The error inside a step is of order ``order + 1`` in its length, so a solution interpolated between steps
    has order ``min(order, tableau.order)``.

    Examples
    --------
    >>> from diffmath import ode
    >>> ode.ContinuousExtension(tableau=ode.heun.tableau, weights=[[1, "-1/2"], [0, "1/2"]], order=2)
    ContinuousExtension(heun, order 2, degree 2)
    """

    tableau: Any
    weights: Sequence[Sequence[Any]]
    a_extra: Sequence[Sequence[Exact]] = ()
    order: int
    digits: int | None = None
    reference: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.tableau, ProvenTableau):
            raise TypeError(f"tableau must be one of diffmath.ode; got {type(self.tableau).__name__}")
        if self.a_extra and not isinstance(self.tableau, Tableau):
            raise ValueError(f"{self.tableau.name} is not explicit: its extension has no a_extra")
        stages = self.tableau.stages + len(self.a_extra)
        a_extra = tuple(self._extra_row(i, row, stages) for i, row in enumerate(self.a_extra))
        weights = tuple(number_row("weights", row) for row in self.weights)
        if len(weights) != stages or not weights[0] or len({len(row) for row in weights}) != 1:
            raise ValueError(
                f"{self.tableau.name}: weights must have shape ({stages}, degree); got rows of lengths "
                f"{[len(row) for row in weights]}"
            )
        object.__setattr__(self, "a_extra", a_extra)
        object.__setattr__(self, "weights", weights)
        self._check_end()
        claim = f"the extension of {self.tableau.name} claims order {self.order}"
        refuse_violated(claim, self.residuals(), self.slack)

    def _extra_row(self, i: int, row: Sequence[Exact], stages: int) -> tuple[Fraction, ...]:
        exact, known = exact_row("a_extra", row), self.tableau.stages + i
        if len(exact) > stages or any(exact[known:]):
            raise ValueError(f"{self.tableau.name}: a_extra[{i}] may use the {known} stages before it only")
        return exact + (Fraction(0),) * (stages - len(exact))

    def _check_end(self) -> None:
        """The extension must end at the new state, so that the solution has no jumps."""
        b = [*self.tableau.b, *[0] * len(self.a_extra)]
        for i, (row, end) in enumerate(zip(self.weights, b, strict=True)):
            if abs(as_fraction(sum(row, start=-end))) > self.slack:
                raise ValueError(
                    f"{self.tableau.name}: the weights at theta = 1 must be b; those of stage {i} are not"
                )

    @property
    def slack(self) -> Fraction:
        """Largest allowed residual: 0, or ``10**-digits``."""
        return Fraction(0) if self.digits is None else Fraction(1, 10**self.digits)

    @property
    def degree(self) -> int:
        """Degree of the polynomials."""
        return len(self.weights[0])

    @property
    def a(self) -> tuple[tuple[Fraction, ...], ...]:
        """The matrix of all stages, beginning with those of the step."""
        zeros = (Fraction(0),) * len(self.a_extra)
        step = tuple(exact_row("a", row) + zeros for row in self.tableau.a)
        return (*step, *(exact_row("a_extra", row) for row in self.a_extra))

    def residuals(self) -> Conditions:
        """Return tree and residual of every condition: one for each tree and power of theta."""
        found: Conditions = []
        for power, column in enumerate(zip(*self.weights, strict=True), start=1):
            for tree, residual in self._conditions(column):
                # `_conditions` subtracted 1/density for every tree; only the condition of this order has it.
                found.append((tree, residual + (tree.order != power) * Fraction(1, tree.density)))
        return found

    def _conditions(self, column: Sequence[Any]) -> Conditions:
        if self.a_extra:
            return residuals(self.a, column, self.order)
        found: Conditions = self.tableau.conditions(column, self.order)
        return found

    def nodes(self) -> tuple[Fraction, ...]:
        """Return the nodes of all stages."""
        return tuple(sum(row, start=Fraction(0)) for row in self.a)

    def matrix(self) -> tuple[tuple[float, ...], ...]:
        """Return the weights as floats, each correctly rounded."""
        return self._matrix

    @cached_property
    def _matrix(self) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(map(float, row)) for row in self.weights)

    def __repr__(self) -> str:
        extra = f", {len(self.a_extra)} more stages" if self.a_extra else ""
        return f"ContinuousExtension({self.tableau.name}, order {self.order}, degree {self.degree}{extra})"


def collocation_weights(nodes: Sequence[Number]) -> list[list[Number]]:
    r"""Return the integrals of the Lagrange polynomials of some nodes, as coefficients of theta, theta^2, ...

    .. math:: b_i(\theta) = \int_0^\theta \prod_{j \ne i} \frac{s - c_j}{c_i - c_j}\,ds

    These weights integrate polynomials of the highest possible degree from 0 to theta. For a collocation
    method they give its collocation polynomial: Hairer & Wanner (1996), section IV.5.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from diffmath.ode._tableaux.extension import collocation_weights
    >>> collocation_weights([Fraction(0), Fraction(1)])
    [[Fraction(1, 1), Fraction(-1, 2)], [Fraction(0, 1), Fraction(1, 2)]]
    """
    rows = []
    for i, node in enumerate(nodes):
        polynomial: list[Any] = [Fraction(1)]
        for other in (c for j, c in enumerate(nodes) if j != i):
            shifted = zip([Fraction(0), *polynomial], [*polynomial, Fraction(0)], strict=True)
            polynomial = [(low - other * high) / (node - other) for low, high in shifted]
        rows.append([value / (k + 1) for k, value in enumerate(polynomial)])
    return rows
