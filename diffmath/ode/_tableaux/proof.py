"""Common parts of all tableaux: claims are proven when a tableau is built, and `report` shows the proof.

Source: Hairer, Norsett & Wanner (1993), Solving Ordinary Differential Equations I, section II.2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar, TypeAlias

from diffmath.ode._tableaux.algebraic import as_fraction, number_row

__all__ = ["Conditions", "ProvenTableau", "refuse_violated", "slack_of"]

# A tree (or another label of a condition, with `order`, `density` and `condition`) and its residual.
Conditions: TypeAlias = list[tuple[Any, Fraction]]


class ProvenTableau(ABC):
    """Coefficients with proven order conditions: an object whose conditions fail cannot be built.

    Subclasses are frozen dataclasses with these fields; they define the conditions of given weights.
    """

    name: str
    b: Any
    b_error: Any
    order: int
    embedded_order: Any

    # Names of the weights of error estimates, and of the orders of the embedded solutions.
    _estimates: ClassVar[tuple[tuple[str, str], ...]] = (("b_error", "embedded_order"),)

    @abstractmethod
    def conditions(self, weights: Sequence[Any], order: int) -> Conditions:
        """Return tree and residual of every order condition up to `order`, for any weights of the stages."""

    @property
    def slack(self) -> Fraction:
        """Largest allowed residual: 0, or the precision of printed decimals."""
        digits: Any = getattr(self, "digits", None)
        return slack_of(self.name, digits)

    @property
    def stages(self) -> int:
        """Number of stages, including unused ones."""
        return len(self.b)

    @property
    def b_embedded(self) -> tuple[Any, ...]:
        """Weights of the embedded solution, ``b - b_error``; empty without an estimate."""
        return self._embedded(self.b_error or ())

    def _embedded(self, error: Sequence[Any]) -> tuple[Any, ...]:
        """Return ``b - error``."""
        return tuple(b - e for b, e in zip(self.b, error, strict=False))

    def _prove(self) -> None:
        """Refuse the claimed orders unless all their conditions hold; `b` holds exact numbers here."""
        refuse_violated(
            f"{self.name} claims order {self.order}", self.conditions(self.b, self.order), self.slack
        )
        for weights, order in self._estimates:
            self._prove_estimate(weights, order)

    def _prove_estimate(self, weights: str, order: str) -> None:
        value, claimed = getattr(self, weights), getattr(self, order)
        if (value is None) != (claimed is None):
            raise ValueError(f"{self.name}: give {weights} and {order} together, or neither")
        if value is None:
            return
        error = number_row(weights, value)
        if len(error) != self.stages:
            raise ValueError(f"{self.name}: {weights} must have {self.stages} entries; got {len(error)}")
        if not any(e != 0 for e in error):
            raise ValueError(f"{self.name}: {weights} is zero and so estimates nothing; leave it out")
        total = as_fraction(sum(error, start=Fraction(0)))
        if abs(total) > self.slack:
            raise ValueError(f"{self.name}: {weights} must sum to 0; got {total}")
        self._set(**{weights: error})
        claim = f"{self.name} claims {order.replace('_', ' ')} {claimed}"
        refuse_violated(claim, self.conditions(self._embedded(error), claimed), self.slack)

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def report(self) -> str:
        """Return every order condition with its residual, one per line, then those of the embedded weights.

        Examples
        --------
        >>> from diffmath import ode
        >>> print(ode.trapezoid.tableau.report())
        trapezoid, order 2
          t    sum(b) = 1  residual 0
          [t]  b.c = 1/2   residual 0
        trapezoid, embedded order 1
          t    sum(b) = 1  residual 0
        """
        text = [f"{self.name}, order {self.order}", *_lines(self.conditions(self.b, self.order))]
        for weights, order in self._estimated():
            text += [f"{self.name}, embedded order {order}"]
            text += _lines(self.conditions(self._embedded(weights), order))
        return "\n".join(text)

    def _estimated(self) -> list[tuple[Any, int]]:
        pairs = [(getattr(self, weights), getattr(self, order)) for weights, order in self._estimates]
        return [(weights, order) for weights, order in pairs if weights is not None]

    def __repr__(self) -> str:
        lower = ", ".join(str(order) for _, order in self._estimated())
        orders = f"order {self.order}" + (f"({lower})" if lower else "")
        return f"{type(self).__name__}({self.name}, {orders}, {self.stages} stage{'s' * (self.stages > 1)})"


def refuse_violated(claim: str, conditions: Conditions, slack: Fraction) -> None:
    """Refuse a claim if an order condition fails; the message has the first one, with tree and residual."""
    for tree, residual in conditions:
        if abs(residual) > slack:
            shown = f"{residual}" if len(str(residual)) < 40 else f"{float(residual):.3g}"
            raise ValueError(
                f"{claim}, but the condition {tree.condition} of the tree {tree} fails: residual {shown}"
            )


def slack_of(name: str, digits: Any) -> Fraction:
    """Return the largest allowed residual: 0, or ``10**-digits`` for coefficients written as decimals."""
    if digits is None:
        return Fraction(0)
    if isinstance(digits, bool) or not isinstance(digits, int):
        raise TypeError(f"digits must be an int; got {type(digits).__name__}")
    if digits < 20:
        raise ValueError(f"{name}: digits must be at least 20, beyond float64; got {digits}")
    return Fraction(1, 10**digits)


def _lines(conditions: Conditions) -> list[str]:
    trees = max(len(str(tree)) for tree, _ in conditions)
    formulas = max(len(tree.condition) for tree, _ in conditions)
    return [
        f"  {tree!s:{trees}}  {tree.condition:{formulas}}  residual "
        + (f"{residual}" if residual.denominator < 10**15 else f"{float(residual):.1e}")
        for tree, residual in conditions
    ]
