r"""One step of a stochastic Runge-Kutta method as a sum over coloured trees, and conditions on it.

A family of methods is described by its kinds of stages. For the evaluations of each colour at each kind it
states their weights in the step (`vector`), their coefficients in other stages (`matrix`), and the random
variables that multiply these. The weight of a tree is then

.. math:: \Phi(\tau) = \sum_{\text{vectors } v} \xi_v \Bigl(\prod_{\text{edges}} \xi_{\text{edge}}\Bigr)\;
    v^T \prod_j \bigl(M_j\,(\cdots)\bigr)

a product of random variables times an elementary weight, which is a number of the tableau. The conditions
state that the coefficients of the random variables are those of the exact solution.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from diffmath.symbolic._conditions.coloured_trees import Tree

__all__ = ["Coefficients", "Condition", "Family", "Slot", "Weight", "expand", "residuals"]

Coefficients = Mapping[str, Sequence[Any]]
# A vector of the tableau, and its factors: (matrix, the factors of that stage vector), ..., sorted.
Factors = tuple[tuple[str, Any], ...]
Weight = tuple[str, Factors]
Noise = Mapping[Any, Any]


class Slot(NamedTuple):
    """One use of an evaluation: its coefficients, its kind of stage, and its random factor."""

    coefficients: str
    kind: Hashable
    noise: Noise


class Family(Protocol):
    """A family of methods."""

    def step(self, colour: int) -> Sequence[Slot]:
        """Return the slots of evaluations of this colour in the step."""

    def stage(self, kind: Any, colour: int) -> Sequence[Slot]:
        """Return their slots in a stage of this kind."""


@dataclass(frozen=True)
class Condition:
    """A polynomial in elementary weights and the value that it must have.

    Parameters
    ----------
    terms : mapping of tuples of weights to Fraction
        The polynomial: every tuple is a product of elementary weights.
    target : Fraction
        Its value for the exact solution.
    label : str
        Text before the formula in the name.
    """

    terms: Mapping[tuple[Weight, ...], Fraction]
    target: Fraction
    label: str = ""

    def normal(self) -> Condition:
        """Return the condition with factor 1 if it has one term."""
        scale = next(iter(self.terms.values())) if len(self.terms) == 1 else Fraction(1)
        terms = {weights: factor / scale for weights, factor in self.terms.items()}
        return Condition(terms, self.target / scale, self.label)

    @property
    def name(self) -> str:
        """The condition as text."""
        parts = [
            ("" if factor == 1 else f"{factor} ") + "*".join(map(_formula, weights))
            for weights, factor in sorted(self.terms.items())
        ]
        return f"{self.label}{' + '.join(parts)} = {self.target}"


def expand(family: Family, tree: Tree) -> Iterator[tuple[Weight, list[Noise]]]:
    """Yield the terms of the weight of a tree: elementary weights with their random factors."""
    colour, children = tree
    for slot in family.step(colour):
        for factors, noises in _inside(family, slot.kind, children):
            yield (slot.coefficients, factors), [slot.noise, *noises]


def _inside(
    family: Family, kind: Hashable, children: Sequence[Tree]
) -> Iterator[tuple[Factors, list[Noise]]]:
    """Yield the terms of a product of sub-trees at a kind of stage, for all choices of slots."""
    if not children:
        yield (), []
        return
    (colour, grandchildren), *others = children
    for slot in family.stage(kind, colour):
        for inner, below in _inside(family, slot.kind, grandchildren):
            for rest, beside in _inside(family, kind, others):
                yield tuple(sorted([(slot.coefficients, inner), *rest])), [slot.noise, *below, *beside]


def residuals(conditions: Sequence[Condition], coefficients: Coefficients) -> list[tuple[str, Any]]:
    """Return the name and the residual of each condition; exact if the coefficients are exact."""
    memory: dict[tuple[str, Factors], list[Any]] = {}
    values: dict[Weight, Any] = {}

    def weight(key: Weight) -> Any:
        if key not in values:
            vector = coefficients[key[0]]
            values[key] = _dot(vector, _stages(key[1], len(vector), coefficients, memory))
        return values[key]

    def product(weights: tuple[Weight, ...]) -> Any:
        result: Any = Fraction(1)
        for key in weights:
            result = result * weight(key)
            if result == 0:
                break
        return result

    return [
        (c.name, sum((factor * product(weights) for weights, factor in c.terms.items()), start=-c.target))
        for c in conditions
    ]


def _stages(
    factors: Factors, stages: int, coefficients: Coefficients, memory: dict[tuple[str, Factors], list[Any]]
) -> list[Any]:
    """Return the product over `factors` of M (stage vector), one number per stage."""
    result: list[Any] = [Fraction(1)] * stages
    for factor in factors:
        if factor not in memory:
            name, inner = factor
            rows = coefficients[name]
            if isinstance(rows[0], Sequence):
                inside = _stages(inner, len(rows[0]), coefficients, memory)
                memory[factor] = [_dot(row, inside) for row in rows]
            else:  # the nodes c: the times of the stages
                memory[factor] = list(rows)
        result = [r * m for r, m in zip(result, memory[factor], strict=True)]
    return result


def _dot(row: Sequence[Any], column: Sequence[Any]) -> Any:
    return sum((r * v for r, v in zip(row, column, strict=True) if r != 0 and v != 0), start=Fraction(0))


def _formula(weight: Weight) -> str:
    vector, factors = weight
    return f"{vector}.{_product(factors) or 'e'}"


def _product(factors: Factors) -> str:
    parts = []
    for (matrix, inner), copies in groupby(factors):
        part = matrix if matrix.startswith("c") else f"{matrix}({_product(inner) or 'e'})"
        power = len(list(copies))
        parts.append(part if power == 1 else f"{part}^{power}")
    return "*".join(parts)
