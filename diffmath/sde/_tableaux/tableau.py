"""Stochastic Runge-Kutta tableaux as data that prove themselves: exact numbers, generated conditions.

Source of the families: Roessler (2009), SIAM J. Numer. Anal. 47, 1713-1738 (weak order 2), and Roessler
(2010), SIAM J. Numer. Anal. 48, 922-952 (strong order 3/2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, get_args

from diffmath.sde._tableaux.coefficients import exact_coefficients
from diffmath.symbolic import (
    additive_noise_conditions,
    order_conditions,
    sra_conditions,
    sri_conditions,
    stratonovich_conditions,
    tang_xiao_conditions,
    weak_conditions,
)

__all__ = ["StochasticTableau", "check_family"]

Family = Literal["sra", "implicit_sra", "sri", "weak", "tang_xiao", "additive", "stratonovich"]
Conditions = list[tuple[str, Any]]

_CLAIM = {
    "sra": "strong order {} for additive noise",
    "implicit_sra": "strong order {} for additive noise",
    "sri": "strong order {} for diagonal and scalar Ito noise",
    "weak": "weak order {} for Ito noise",
    "tang_xiao": "weak order {} for Ito noise",
    "additive": "strong order {} for additive noise",
    "stratonovich": "strong order {} for scalar Stratonovich noise",
}


@dataclass(frozen=True, kw_only=True, repr=False)
class StochasticTableau:
    r"""The coefficients of a stochastic Runge-Kutta method, proven to have the order they claim.

    Parameters
    ----------
    name : str
        What messages call the method.
    family : {"sra", "implicit_sra", "sri", "weak", "tang_xiao", "additive", "stratonovich"}
        Which scheme the coefficients are for, and so what they must satisfy: `symbolic.sra_conditions` and
        `symbolic.sri_conditions` (strong order 3/2), `symbolic.weak_conditions` and
        `symbolic.tang_xiao_conditions` (weak order 2), `symbolic.additive_noise_conditions`, or
        `symbolic.stratonovich_conditions` and those of strong order 3/2 for additive noise. That of
        "implicit_sra" is "sra" with a diagonal in A0.
    coefficients : mapping of str to sequences
        Vectors of shape (stages,) and matrices of shape (stages, stages), of which row i may stop early:
        zeros follow. A matrix that is left out is zero. Numbers are written 1, "1/3", "0.25", ``Fraction(1,
        3)``, or made with `symbolic.square_root`.
    deterministic_order : int
        Order without noise: every rooted tree up to this order is checked for (A0, alpha).
    tolerance : str or Fraction
        Largest residual allowed; 0 unless the source prints rounded decimals.
    reference : str
        Where the coefficients come from.
    order : str or Fraction, optional
        The order claimed, 1 or 3/2, for the last two families.

    Raises
    ------
    TypeError
        A float coefficient: floats are not exact.
    ValueError
        A name or a shape does not belong to the family, the method is implicit, or a condition fails: the
        first that does is named with its residual.

    Notes
    -----
    Drift and diffusion are evaluated at the times of their stages, ``c0 = A0 e`` and ``c1 = A1 e`` (the
    latter is given for the family "sra", which has no A1).

    References
    ----------
    .. [1] Roessler (2010), SIAM J. Numer. Anal. 48, 922-952.
    .. [2] Roessler (2009), SIAM J. Numer. Anal. 47, 1713-1738.

    Examples
    --------
    >>> from diffmath import sde
    >>> sde.StochasticTableau(
    ...     name="wrong",
    ...     family="sra",
    ...     coefficients={
    ...         "alpha": ["1/3", "2/3"], "A0": [[], ["3/4"]], "B0": [[], ["1/2"]],
    ...         "c1": [1, 0], "beta1": [1, 0], "beta2": [-1, 1],
    ...     },
    ...     deterministic_order=2,
    ... )
    Traceback (most recent call last):
        ...
    ValueError: wrong claims strong order 3/2 for additive noise, but alpha.B0(e) = 1 fails: residual -2/3
    """

    name: str
    family: Family
    coefficients: Mapping[str, Sequence[Any]] = field(hash=False)
    deterministic_order: int
    tolerance: str | int | Fraction = 0
    reference: str = ""
    order: str | int | Fraction = "3/2"

    def __post_init__(self) -> None:
        if self.family not in get_args(Family):
            raise ValueError(f"family must be one of {get_args(Family)}; got {self.family!r}")
        object.__setattr__(self, "coefficients", exact_coefficients(self.family, self.coefficients))
        object.__setattr__(self, "tolerance", Fraction(self.tolerance))
        order = Fraction(2) if self.family in ("weak", "tang_xiao") else Fraction(self.order)
        if self.family in ("sra", "implicit_sra", "sri") and order != Fraction(3, 2):
            raise ValueError(f"order must be 3/2 for the family {self.family!r}; got {order}")
        object.__setattr__(self, "order", order)
        for claim, conditions in self._claims():
            for condition, residual in conditions:
                if residual != 0 and not abs(float(residual)) <= float(self.tolerance):
                    raise ValueError(
                        f"{self.name} claims {claim}, but {condition} fails: residual {residual}"
                    )

    def __reduce__(self) -> tuple[Any, ...]:
        values = (self.name, self.family, dict(self.coefficients), self.deterministic_order)
        return _rebuild, (*values, self.tolerance, self.reference, self.order)

    def conditions(self) -> Conditions:
        """Return every condition of the claimed order with its residual."""
        c, order = self.coefficients, Fraction(self.order)
        evaluate: dict[str, Callable[[], Conditions]] = {
            "sra": lambda: sra_conditions(c),
            "implicit_sra": lambda: sra_conditions(c),
            "sri": lambda: sri_conditions(c),
            "weak": lambda: weak_conditions(c),
            "tang_xiao": lambda: tang_xiao_conditions(c),
            "additive": lambda: additive_noise_conditions(c, order),
            "stratonovich": lambda: stratonovich_conditions(c, order),
        }
        return evaluate[self.family]()

    def _claims(self) -> list[tuple[str, Conditions]]:
        """Return every claim with its conditions: what is not all true is not built."""
        claims = [(_CLAIM[self.family].format(self.order), self.conditions())]
        c = self.coefficients
        if self.family == "stratonovich":
            half = Fraction(3, 2)
            claims.append(
                ("strong order 3/2 for additive noise", stratonovich_conditions(c, half, additive=True))
            )
        embedded = {name.removesuffix("_embedded"): c[name] for name in c if name.endswith("_embedded")}
        if embedded:
            rest = {"betaH": (Fraction(0),) * self.stages} if self.family == "stratonovich" else {}
            conditions = additive_noise_conditions if self.family == "additive" else stratonovich_conditions
            claims.append(("embedded strong order 1", conditions({**c, **embedded, **rest}, 1)))
        return [*claims, self._deterministic()]

    def _deterministic(self) -> tuple[str, list[tuple[str, Any]]]:
        conditions = order_conditions(
            self.coefficients["A0"], self.coefficients["alpha"], self.deterministic_order
        )
        named = [(tree.condition.replace("b", "alpha"), residual) for tree, residual in conditions]
        return f"deterministic order {self.deterministic_order}", named

    def report(self) -> str:
        """Return every condition with its residual, one a line.

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
        claims = self._claims()
        width = max(len(condition) for _, conditions in claims for condition, _ in conditions)
        lines = []
        for claim, conditions in claims:
            lines.append(f"{self.name}, {claim}")
            lines += [f"  {condition:{width}}  residual {_text(r)}" for condition, r in conditions]
        return "\n".join(lines)

    @property
    def stages(self) -> int:
        """Number of stages of either kind."""
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
        claim = _CLAIM[self.family].format(self.order)
        return f"StochasticTableau({self.name}, {claim}, {self.stages} stages)"


def check_family(tableau: Any, family: str) -> None:
    """Refuse a tableau of another family."""
    if not isinstance(tableau, StochasticTableau) or tableau.family != family:
        raise TypeError(f"tableau must be a StochasticTableau of the family {family!r}; got {tableau!r}")


def _rebuild(
    name: str, family: Family, coefficients: Any, deterministic_order: int, tolerance: Any, reference: str,
    order: Any,
) -> StochasticTableau:  # fmt: skip
    return StochasticTableau(
        name=name,
        family=family,
        coefficients=coefficients,
        deterministic_order=deterministic_order,
        tolerance=tolerance,
        reference=reference,
        order=order,
    )


def _text(residual: Any) -> str:
    """Write an exact residual that is short, or its size."""
    return str(residual) if len(str(residual)) < 12 else f"{float(residual):.1e}"
