"""Which coefficients the families of stochastic Runge-Kutta methods have, and of which shapes, exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from numbers import Rational
from types import MappingProxyType
from typing import Any

from diffmath.symbolic import Surd

__all__ = ["exact_coefficients"]

_VECTORS = {
    "sra": ("alpha", "beta1", "beta2", "c1"),
    "implicit_sra": ("alpha", "beta1", "beta2", "c1"),
    "sri": ("alpha", "beta1", "beta2", "beta3", "beta4"),
    "weak": ("alpha", "beta1", "beta2", "beta3", "beta4"),
    "tang_xiao": ("alpha", "beta0", "beta1"),
    "additive": ("alpha", "betaW", "betaH", "c1"),
    "stratonovich": ("alpha", "betaW", "betaH"),
}
# Weights of an embedded solution and, for methods of order 1, other times for the drift.
_OPTIONAL = {"additive": ("alpha_embedded", "c0"), "stratonovich": ("alpha_embedded", "betaW_embedded")}
_NODES = ("betaW", "betaH", "c1")  # of the family "additive", one per evaluation of the diffusion
_MATRICES = {
    "sra": ("A0", "B0"),
    "implicit_sra": ("A0", "B0"),
    "sri": ("A0", "B0", "A1", "B1"),
    "weak": ("A0", "B0", "A1", "B1", "A2", "B2"),
    "tang_xiao": ("A0", "B0", "A1", "B1", "B2"),
    "additive": ("A0", "BW", "BH"),
    "stratonovich": ("A0", "BW", "BH"),
}


def exact_coefficients(family: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the coefficients of a family as exact numbers of full shape, or refuse names and shapes."""
    vectors, matrices, optional = _VECTORS[family], _MATRICES[family], _OPTIONAL.get(family, ())
    missing, unknown = set(vectors) - set(given), set(given) - {*vectors, *matrices, *optional}
    if missing or unknown:
        raise ValueError(
            f"coefficients of the family {family!r} are {(*vectors, *matrices)}; missing: "
            f"{sorted(missing) or 'none'}, unknown: {sorted(unknown) or 'none'}"
        )
    stages = len(given["alpha"])
    # The evaluations of an additive diffusion are known before the stages, and may be more or fewer.
    nodes = len(given["c1"]) if family == "additive" else stages
    result: dict[str, Any] = {}
    for name in (*vectors, *(name for name in optional if name in given)):
        size, like = (nodes, "c1") if family == "additive" and name in _NODES else (stages, "alpha")
        result[name] = _exact_row(name, given[name], size)
        if len(given[name]) != size:
            raise ValueError(f"{name} must have {size} entries like {like}; got {len(given[name])}")
    for name in matrices:
        rows = given.get(name, [[]] * stages)
        if len(rows) != stages:
            raise ValueError(f"{name} must have {stages} rows like alpha; got {len(rows)}")
        result[name] = tuple(_exact_row(name, row, stages if name == "A0" else nodes) for row in rows)
        # The last stages, B2 of the weak family, may use all evaluations of the others.
        known = (family, name) == ("weak", "B2") or (family == "additive" and name != "A0")
        diagonal = family == "implicit_sra" and name == "A0"
        if not known and any(v != 0 for i, row in enumerate(result[name]) for v in row[i + diagonal :]):
            shape = "lower triangular" if diagonal else "strictly lower triangular"
            raise ValueError(
                f"{name} must be {shape}: of implicit methods, only those of the family 'implicit_sra' are "
                "stepped, one stage after the other"
            )
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
