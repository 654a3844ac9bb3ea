"""Stochastic Runge-Kutta tableaux: exact numbers, and generated order conditions that are checked.

Each family of methods is a subclass, which names its coefficients and defines their conditions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from diffmath.sde._tableaux.coefficients import Layout, exact_coefficients
from diffmath.symbolic import order_conditions

__all__ = ["Claim", "Conditions", "StochasticTableau"]

# The name of a condition and its residual.
Conditions: TypeAlias = list[tuple[str, Any]]

# A claim of a tableau, and its conditions.
Claim: TypeAlias = tuple[str, Conditions]


@dataclass(frozen=True, kw_only=True, repr=False)
class StochasticTableau(ABC):
    r"""The coefficients of a stochastic Runge-Kutta method, with a proven order.

    The common base of `SRATableau`, `ImplicitSRATableau`, `SRITableau`, `WeakTableau`, `TangXiaoTableau`,
    `AdditiveNoiseTableau` and `StratonovichTableau`, one for each family of methods.

    Parameters
    ----------
    name : str
        Name of the method in messages.
    coefficients : mapping of str to sequences
        Vectors of shape (stages,) and matrices of shape (stages, stages), whose rows may be short: they are
        padded with zeros. An omitted matrix is zero. Numbers are written 1, "1/3", "0.25", ``Fraction(1,
        3)``, or made with `symbolic.square_root`. The class of the family lists the coefficients.
    deterministic_order : int
        Order without noise: the conditions of all rooted trees up to this order are checked for (A0, alpha).
    tolerance : str or Fraction
        Largest residual allowed; 0 unless the source prints rounded decimals.
    reference : str
        Source of the coefficients.
    order : str or Fraction, optional
        The claimed order; by default the highest that the family can prove.

    Raises
    ------
    TypeError
        A float coefficient: floats are not exact.
    ValueError
        A name or a shape that does not belong to the family, an implicit method, an order that the family
        does not have, or a condition that fails; the message has the first one, with its residual.

    Notes
    -----
    Drift and diffusion are evaluated at the times of their stages, ``c0 = A0 e`` and ``c1 = A1 e``; families
    without A1 need c1.

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.sra1.step.tableau
    SRATableau(sra1, strong order 3/2 for additive noise, 2 stages)
    >>> isinstance(sde.sra1.step.tableau, sde.StochasticTableau)
    True
    """

    name: str
    coefficients: Mapping[str, Sequence[Any]] = field(hash=False)
    deterministic_order: int
    tolerance: str | int | Fraction = 0
    reference: str = ""
    order: str | int | Fraction | None = None

    # Properties that a family defines, in addition to `conditions`.
    layout: ClassVar[Layout]
    provable: ClassVar[tuple[Fraction, ...]]
    claim: ClassVar[str]

    @abstractmethod
    def conditions(self) -> Conditions:
        """Return every condition of the claimed order with its residual."""

    @property
    def has_estimate(self) -> bool:
        """Whether a step with these coefficients has an error estimate."""
        return False

    def __post_init__(self) -> None:
        exact = exact_coefficients(type(self).__name__, self.layout, self.coefficients)
        object.__setattr__(self, "coefficients", exact)
        object.__setattr__(self, "tolerance", Fraction(self.tolerance))
        order = self.provable[-1] if self.order is None else Fraction(self.order)
        if order not in self.provable:
            known = " or ".join(map(str, self.provable))
            raise ValueError(f"order of a {type(self).__name__} must be {known}; got {order}")
        object.__setattr__(self, "order", order)
        for claim, conditions in self.claims():
            for condition, residual in conditions:
                if residual != 0 and not abs(float(residual)) <= float(self.tolerance):
                    raise ValueError(
                        f"{self.name} claims {claim}, but {condition} fails: residual {residual}"
                    )

    def __reduce__(self) -> tuple[Any, ...]:
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return _rebuild, (type(self), values | {"coefficients": dict(self.coefficients)})

    def claims(self) -> list[Claim]:
        """Return every claim with its conditions; all must hold."""
        return [(self.claim.format(self.order), self.conditions()), self._deterministic()]

    def _deterministic(self) -> Claim:
        conditions = order_conditions(
            self.coefficients["A0"], self.coefficients["alpha"], self.deterministic_order
        )
        named = [(tree.condition.replace("b", "alpha"), residual) for tree, residual in conditions]
        return f"deterministic order {self.deterministic_order}", named

    def report(self) -> str:
        """Return every condition with its residual, one per line.

        Examples
        --------
        >>> from diffmath import sde
        >>> print(sde.sra1.step.tableau.report())
        sra1, strong order 3/2 for additive noise
          beta1.e = 1          residual 0
          beta2.e = 0          residual 0
          alpha.e = 1          residual 0
          alpha.B0(e) = 1      residual 0
          beta1.c1 = 1         residual 0
          beta2.c1 = -1        residual 0
          alpha.A0(e) = 1/2    residual 0
          alpha.B0(e)^2 = 3/2  residual 0
        sra1, deterministic order 2
          sum(alpha) = 1       residual 0
          alpha.c = 1/2        residual 0
        """
        claims = self.claims()
        width = max(len(condition) for _, conditions in claims for condition, _ in conditions)
        lines = []
        for claim, conditions in claims:
            lines.append(f"{self.name}, {claim}")
            lines += [f"  {condition:{width}}  residual {_text(r)}" for condition, r in conditions]
        return "\n".join(lines)

    @property
    def stages(self) -> int:
        """Number of stages, of drift and diffusion together."""
        return len(self.coefficients["alpha"])

    @cached_property
    def floats(self) -> Mapping[str, Any]:
        """The coefficients as floats, each correctly rounded, with the nodes c0, c1 and c2."""
        exact: dict[str, Any] = dict(self.coefficients)
        exact.setdefault("c0", [sum(row) for row in exact["A0"]])
        if "A1" in exact:
            exact["c1"] = [sum(row) for row in exact["A1"]]
        if "A2" in exact:
            exact["c2"] = [sum(row) for row in exact["A2"]]
        rounded = {}
        for name, rows in exact.items():
            is_matrix = isinstance(rows[0], Sequence)
            rounded[name] = tuple(tuple(map(float, row)) if is_matrix else float(row) for row in rows)
        return MappingProxyType(rounded)

    def __repr__(self) -> str:
        claim = self.claim.format(self.order)
        return f"{type(self).__name__}({self.name}, {claim}, {self.stages} stage{'s' * (self.stages > 1)})"


def _rebuild(family: type[StochasticTableau], values: Mapping[str, Any]) -> StochasticTableau:
    return family(**values)


def _text(residual: Any) -> str:
    """Return a short exact residual as text, otherwise its size."""
    return str(residual) if len(str(residual)) < 12 else f"{float(residual):.1e}"
