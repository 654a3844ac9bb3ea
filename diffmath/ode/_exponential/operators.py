"""Phi-functions of h L as operators on states: diagonals, matrices, or one matrix per row.

Source: Hochbruck & Ostermann (2010), Exponential integrators, Acta Numer. 19, 209-286, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import array_api_compat as compat

from diffmath._arrays.namespace import array_namespace, asarray_like, check_array
from diffmath._arrays.phi import matrix_phis, phis
from diffmath._core.typing import Array, Time
from diffmath.ode._tableaux import ExponentialTableau
from diffmath.symbolic import PhiSum, phi

__all__ = ["Evaluator", "Operator", "Weights", "combine"]


@dataclass(frozen=True, eq=False)
class Operator:
    """A function of h L: times a diagonal, a transposed matrix on the right, or one matrix per row."""

    values: Array
    kind: str  # "diagonal", "matrix", "rows"

    def __call__(self, x: Array) -> Array:
        if self.kind == "diagonal":
            return self.values * x
        return x @ self.values if self.kind == "matrix" else (self.values @ x[..., None])[..., 0]


@dataclass(frozen=True, eq=False)
class Weights:
    """All coefficients of a tableau at one step size, multiplied by the step; None if they are 0."""

    stages: list[Operator | None]
    ends: list[Operator]
    a: list[list[Operator | None]]
    b: list[Operator | None]
    b_error: list[Operator | None]

    @classmethod
    def of(cls, tableau: ExponentialTableau, linear: Array, x: Array, dt: Time) -> Weights:
        """Evaluate the phi-functions of a tableau, each once."""
        rows = (*tableau.a, tableau.b, tableau.b_error or ())
        ends = [phi(0, c) for c in (*tableau.c, 1) if c]
        evaluate = Evaluator([*ends, *(value for row in rows for value in row if value)], linear, x, dt)

        def row(values: Sequence[Any]) -> list[Operator | None]:
            return [evaluate(value, times_dt=True) if value else None for value in values]

        return cls(
            stages=[evaluate(phi(0, c), times_dt=False) if c else None for c in tableau.c],
            ends=[evaluate(phi(0), times_dt=False)],
            a=[row(values) for values in tableau.a],
            b=row(tableau.b),
            b_error=row(tableau.b_error or ()),
        )


class Evaluator:
    """Values of sums of phi-functions at h L; `needed` lists those that will be evaluated."""

    def __init__(self, needed: Sequence[PhiSum], linear: Array, x: Array, dt: Time) -> None:
        # A linear part on the host is evaluated there in its own precision and copied once for many steps.
        linear = check_array("linear", linear, allow_complex=True)
        self._one_step = isinstance(dt, int | float)
        if not self._one_step and compat.is_numpy_array(linear):
            linear = asarray_like(linear, x, x.dtype)
        self._like = x
        self._matrix = linear.ndim == 2
        self._dt: Any = dt if self._one_step or not self._matrix else dt[..., None]
        keys = {key for value in needed for key in value.terms}
        functions = matrix_phis if self._matrix else phis
        self._values = {
            c: functions(float(c) * self._dt * linear, max(k for k, scale in keys if scale == c))
            for c in {c for _, c in keys}
        }
        self._known: dict[PhiSum, Operator] = {}

    def __call__(self, value: PhiSum, *, times_dt: bool) -> Operator:
        if value not in self._known:
            total = sum(float(q) * self._values[c][k] for (k, c), q in value.terms.items())
            self._known[value] = self._operator(self._dt * total if times_dt else total)
        return self._known[value]

    def _operator(self, values: Any) -> Operator:
        if not self._one_step:
            return Operator(values, "rows" if self._matrix else "diagonal")
        if self._matrix:
            values = array_namespace(values).matrix_transpose(values)
        if compat.is_numpy_array(values):
            values = asarray_like(values, self._like, self._like.dtype)
        return Operator(values, "matrix" if self._matrix else "diagonal")


def combine(start: Array | None, weights: Sequence[Operator | None], rates: Sequence[Array]) -> Array:
    """Return the sum of a state and of operators applied to rates; operators that are None are 0."""
    parts = [weight(rate) for weight, rate in zip(weights, rates, strict=False) if weight is not None]
    if start is not None:
        parts.insert(0, start)
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
