"""Stochastic Runge-Kutta tableaux as data that prove themselves: exact numbers, generated conditions.

Source of the families: Roessler (2009), SIAM J. Numer. Anal. 47, 1713-1738 (weak order 2), and Roessler
(2010), SIAM J. Numer. Anal. 48, 922-952 (strong order 3/2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from numbers import Rational
from types import MappingProxyType
from typing import Any, Literal, get_args

from diffmath.symbolic._butcher import order_conditions
from diffmath.symbolic._strong_conditions import sra_conditions, sri_conditions
from diffmath.symbolic._surds import Surd
from diffmath.symbolic._weak_conditions import weak_conditions

__all__ = ["StochasticTableau", "check_family"]

Family = Literal["sra", "sri", "weak"]

_CONDITIONS = {"sra": sra_conditions, "sri": sri_conditions, "weak": weak_conditions}
_CLAIM = {
    "sra": "strong order 3/2 for additive noise",
    "sri": "strong order 3/2 for diagonal and scalar Ito noise",
    "weak": "weak order 2 for Ito noise",
}
_VECTORS = {
    "sra": ("alpha", "beta1", "beta2", "c1"),
    "sri": ("alpha", "beta1", "beta2", "beta3", "beta4"),
    "weak": ("alpha", "beta1", "beta2", "beta3", "beta4"),
}
_MATRICES = {
    "sra": ("A0", "B0"),
    "sri": ("A0", "B0", "A1", "B1"),
    "weak": ("A0", "B0", "A1", "B1", "A2", "B2"),
}


@dataclass(frozen=True, kw_only=True, repr=False)
class StochasticTableau:
    r"""The coefficients of a stochastic Runge-Kutta method, proven to have the order they claim.

    Parameters
    ----------
    name : str
        What messages call the method.
    family : {"sra", "sri", "weak"}
        Which scheme the coefficients are for, and so what they must satisfy: `symbolic.sra_conditions` and
        `symbolic.sri_conditions` (strong order 3/2), or `symbolic.weak_conditions` (weak order 2).
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

    def __post_init__(self) -> None:
        if self.family not in get_args(Family):
            raise ValueError(f"family must be one of {get_args(Family)}; got {self.family!r}")
        object.__setattr__(self, "coefficients", _exact_coefficients(self.family, self.coefficients))
        object.__setattr__(self, "tolerance", Fraction(self.tolerance))
        claims = [(_CLAIM[self.family], self.conditions()), self._deterministic()]
        for claim, conditions in claims:
            for condition, residual in conditions:
                if residual != 0 and not abs(float(residual)) <= float(self.tolerance):
                    raise ValueError(
                        f"{self.name} claims {claim}, but {condition} fails: residual {residual}"
                    )

    def __reduce__(self) -> tuple[Any, ...]:
        values = (self.name, self.family, dict(self.coefficients), self.deterministic_order)
        return _rebuild, (*values, self.tolerance, self.reference)

    def conditions(self) -> list[tuple[str, Any]]:
        """Return every condition of the claimed order with its residual."""
        return _CONDITIONS[self.family](self.coefficients)

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
        claims = [(_CLAIM[self.family], self.conditions()), self._deterministic()]
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
        """The coefficients as floats, each correctly rounded, with the nodes c0 and c1."""
        exact: dict[str, Any] = dict(self.coefficients)
        exact["c0"] = [sum(row) for row in exact["A0"]]
        if "A1" in exact:
            exact["c1"] = [sum(row) for row in exact["A1"]]
        rounded = {}
        for name, rows in exact.items():
            is_matrix = isinstance(rows[0], Sequence)
            rounded[name] = tuple(tuple(map(float, row)) if is_matrix else float(row) for row in rows)
        return MappingProxyType(rounded)

    def __repr__(self) -> str:
        return f"StochasticTableau({self.name}, {_CLAIM[self.family]}, {self.stages} stages)"


def check_family(tableau: Any, family: str) -> None:
    """Refuse a tableau of another family."""
    if not isinstance(tableau, StochasticTableau) or tableau.family != family:
        raise TypeError(f"tableau must be a StochasticTableau of the family {family!r}; got {tableau!r}")


def _rebuild(
    name: str, family: Family, coefficients: Any, deterministic_order: int, tolerance: Any, reference: str
) -> StochasticTableau:
    return StochasticTableau(
        name=name,
        family=family,
        coefficients=coefficients,
        deterministic_order=deterministic_order,
        tolerance=tolerance,
        reference=reference,
    )


def _exact_coefficients(family: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    vectors, matrices = _VECTORS[family], _MATRICES[family]
    missing, unknown = set(vectors) - set(given), set(given) - {*vectors, *matrices}
    if missing or unknown:
        raise ValueError(
            f"coefficients of the family {family!r} are {(*vectors, *matrices)}; missing: "
            f"{sorted(missing) or 'none'}, unknown: {sorted(unknown) or 'none'}"
        )
    stages = len(given["alpha"])
    result: dict[str, Any] = {}
    for name in vectors:
        result[name] = _exact_row(name, given[name], stages)
        if len(given[name]) != stages:
            raise ValueError(f"{name} must have {stages} entries like alpha; got {len(given[name])}")
    for name in matrices:
        rows = given.get(name, [[]] * stages)
        if len(rows) != stages:
            raise ValueError(f"{name} must have {stages} rows like alpha; got {len(rows)}")
        result[name] = tuple(_exact_row(name, row, stages) for row in rows)
        # The last stages, B2 of the weak family, may use all evaluations of the others.
        if name != "B2" and any(v != 0 for i, row in enumerate(result[name]) for v in row[i:]):
            raise ValueError(f"{name} must be strictly lower triangular: implicit methods are not stepped")
    return MappingProxyType(result)


def _exact_row(name: str, row: Sequence[Any], stages: int) -> tuple[Fraction | Surd, ...]:
    if len(row) > stages:
        raise ValueError(f"{name} must have at most {stages} entries in a row; got {len(row)}")
    return tuple(_exact(name, value) for value in row) + (Fraction(0),) * (stages - len(row))


def _exact(name: str, value: Any) -> Fraction | Surd:
    if isinstance(value, Surd):
        return value
    if isinstance(value, bool) or not isinstance(value, Rational | str):
        raise TypeError(
            f"{name} must hold exact numbers; got {value!r} of type {type(value).__name__}: write 1, "
            '"1/3", "0.25" or Fraction(1, 3)'
        )
    try:
        return Fraction(value)
    except ValueError:
        raise ValueError(f'{name} must hold numbers such as 1 or "1/3"; got {value!r}') from None


def _text(residual: Any) -> str:
    """Write an exact residual that is short, or its size."""
    return str(residual) if len(str(residual)) < 12 else f"{float(residual):.1e}"
