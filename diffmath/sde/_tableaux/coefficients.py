"""Coefficients of stochastic Runge-Kutta methods as exact numbers with complete shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from numbers import Rational
from types import MappingProxyType
from typing import Any, NamedTuple

from diffmath.symbolic import Surd

__all__ = ["Layout", "exact_coefficients"]


class Layout(NamedTuple):
    """Names and shapes of the coefficients of one family.

    `vectors` are required; an omitted matrix is zero. Sizes follow `alpha`, one entry per stage; those of
    `at_nodes` follow `c1`, one entry per evaluation of the diffusion. A matrix is strictly lower triangular
    unless it is in `diagonal` (lower triangular) or `full`.
    """

    vectors: tuple[str, ...]
    matrices: tuple[str, ...]
    optional: tuple[str, ...] = ()
    at_nodes: tuple[str, ...] = ()
    diagonal: tuple[str, ...] = ()
    full: tuple[str, ...] = ()


def exact_coefficients(family: str, layout: Layout, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return coefficients as exact numbers with complete shapes; refuse wrong names or shapes."""
    required, every = set(layout.vectors), {*layout.vectors, *layout.matrices, *layout.optional}
    missing, unknown = required - set(given), set(given) - every
    if missing or unknown:
        raise ValueError(
            f"the coefficients of {family} are {(*layout.vectors, *layout.matrices)}; missing: "
            f"{sorted(missing) or 'none'}, unknown: {sorted(unknown) or 'none'}"
        )
    stages = len(given["alpha"])
    result: dict[str, Any] = {}
    for name in (*layout.vectors, *(name for name in layout.optional if name in given)):
        like = "c1" if name in layout.at_nodes else "alpha"
        size = len(given[like])
        result[name] = _exact_row(name, given[name], size)
        if len(given[name]) != size:
            raise ValueError(f"{name} must have {size} entries like {like}; got {len(given[name])}")
    for name in layout.matrices:
        rows = given.get(name, [[]] * stages)
        if len(rows) != stages:
            raise ValueError(f"{name} must have {stages} rows like alpha; got {len(rows)}")
        width = len(given["c1"]) if name in layout.at_nodes else stages
        result[name] = tuple(_exact_row(name, row, width) for row in rows)
        if name not in layout.full:
            _check_triangular(name, result[name], diagonal=name in layout.diagonal)
    return MappingProxyType(result)


def _check_triangular(name: str, rows: Sequence[Sequence[Any]], *, diagonal: bool) -> None:
    """Refuse entries above the diagonal, and on the diagonal unless it is allowed."""
    if any(v != 0 for i, row in enumerate(rows) for v in row[i + diagonal :]):
        shape = "lower triangular" if diagonal else "strictly lower triangular"
        raise ValueError(
            f"{name} must be {shape}: of implicit methods, only those of sde.ImplicitSRATableau can be "
            "stepped, one stage after the other"
        )


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
