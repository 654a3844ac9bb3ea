r"""Order conditions of Roessler's SRA and SRI methods, of strong order 1.5.

A step has strong order 3/2 if, on coloured trees with r half units of order,

.. math:: \Phi(\tau) = \varphi(\tau) \;\text{ almost surely for } r \le 3, \qquad
    \mathbb E\,\Phi(\tau) = \mathbb E\,\varphi(\tau) \;\text{ for } r = 4.

The random variables of both families are iterated Ito integrals of one Brownian motion. The first line
therefore compares the coefficients of I_1, I_11, I_10 and I_111. For diagonal noise the conditions are the
same, because the terms of several Brownian motions have strong order 2 and mean zero.

Sources: Debrabant & Kvaerno (2008), SIAM J. Numer. Anal. 47, 181-203, theorem 2.7; Roessler (2010),
Runge-Kutta methods for the strong approximation of solutions of stochastic differential equations, SIAM J.
Numer. Anal. 48, 922-952, theorems 5.1 and 6.1 (where the same 25 and 8 conditions are derived by hand).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from diffmath.symbolic._conditions.coloured_trees import Tree, exact_weight, trees
from diffmath.symbolic._conditions.ito_words import Word, Words, expectation, product
from diffmath.symbolic._conditions.srk_conditions import (
    Coefficients,
    Condition,
    Family,
    Slot,
    Weight,
    expand,
    residuals,
)

__all__ = ["Sra", "Sri", "has_additive_noise", "sra_conditions", "sri_conditions"]

_ONE: Words = {(): Fraction(1)}


def _integral(*word: int) -> Words:
    return {word: Fraction(1)}


class Sri:
    """The drift at stages (0), the diffusion at stages (1): Roessler (2010), equation (6.1)."""

    def step(self, colour: int) -> Sequence[Slot]:
        """Weights of the step: I_1, I_11, I_10 and I_111 for every Brownian motion."""
        if colour == 0:
            return [Slot("alpha", 0, _ONE)]
        k = colour
        integrals = (_integral(k), _integral(k, k), _integral(k, 0), _integral(k, k, k))
        return [Slot(f"beta{i}", k, noise) for i, noise in enumerate(integrals, start=1)]

    def stage(self, kind: Any, colour: int) -> Sequence[Slot]:
        """Noise has the factor I_10 in stages (0), and no random factor in stages (1) of its own colour."""
        if kind == 0:
            return [Slot("B0", colour, _integral(colour, 0)) if colour else Slot("A0", 0, _ONE)]
        if colour == 0:
            return [Slot("A1", 0, _ONE)]
        return [Slot("B1", colour, _ONE)] if colour == kind else []


class Sra(Sri):
    """Additive noise, with the diffusion at the nodes c1: Roessler (2010), equation (5.1)."""

    def step(self, colour: int) -> Sequence[Slot]:
        """Weights of the step: I_1 and I_10 for every Brownian motion."""
        if colour == 0:
            return super().step(0)
        return [Slot("beta1", colour, _integral(colour)), Slot("beta2", colour, _integral(colour, 0))]

    def stage(self, kind: Any, colour: int) -> Sequence[Slot]:
        """The diffusion depends on time only."""
        if kind == 0:
            return super().stage(kind, colour)
        return [Slot("c1", "time", _ONE)] if colour == 0 else []


def sri_conditions(coefficients: Coefficients) -> list[tuple[str, Any]]:
    r"""Evaluate the 25 conditions of an SRI method: strong order 3/2 for scalar and diagonal Ito noise.

    .. math::
        H^{(0)}_i &= x + \sum_j A^{(0)}_{ij} a(H^{(0)}_j)\,h
            + \sum_j B^{(0)}_{ij} b(H^{(1)}_j)\,\tfrac{I_{10}}{h}, \\
        H^{(1)}_i &= x + \sum_j A^{(1)}_{ij} a(H^{(0)}_j)\,h + \sum_j B^{(1)}_{ij} b(H^{(1)}_j) \sqrt h, \\
        x_{n+1} &= x + \sum_i \alpha_i a(H^{(0)}_i)\,h + \sum_i \Bigl(\beta^{(1)}_i I_1
            + \beta^{(2)}_i \tfrac{I_{11}}{\sqrt h} + \beta^{(3)}_i \tfrac{I_{10}}{h}
            + \beta^{(4)}_i \tfrac{I_{111}}{h}\Bigr) b(H^{(1)}_i)

    Parameters
    ----------
    coefficients : mapping
        Exact numbers: ``alpha``, ``beta1``, ``beta2``, ``beta3``, ``beta4`` of shape (stages,) and ``A0``,
        ``B0``, ``A1``, ``B1`` of shape (stages, stages).

    Returns
    -------
    list of (str, number)
        Condition and residual. The method has strong order 3/2 if and only if all residuals are zero.

    Notes
    -----
    The times of the stages are ``c0 = A0 e`` and ``c1 = A1 e``. The conditions are derived on the first call,
    in about 2 ms.

    References
    ----------
    .. [1] Roessler (2010), SIAM J. Numer. Anal. 48, 922-952, equation (6.1) and theorem 6.1.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> zero = [[0]]
    >>> euler = {"alpha": [1], "beta1": [1], "beta2": [0], "beta3": [0], "beta4": [0]}
    >>> conditions = symbolic.sri_conditions(euler | {"A0": zero, "B0": zero, "A1": zero, "B1": zero})
    >>> len(conditions)
    25
    >>> [name for name, residual in conditions if residual != 0][:3]
    ['beta2.B1(e) = 1', 'alpha.B0(e) = 1', 'beta1.A1(e) = 1']
    """
    return residuals(_sri(), coefficients)


def sra_conditions(coefficients: Coefficients) -> list[tuple[str, Any]]:
    r"""Evaluate the 8 conditions of an SRA method: strong order 3/2 for additive noise b(t).

    .. math::
        H_i &= x + \sum_j A^{(0)}_{ij} a(t + c^{(0)}_j h, H_j)\,h
            + \sum_j B^{(0)}_{ij} b(t + c^{(1)}_j h)\,\tfrac{I_{10}}{h}, \\
        x_{n+1} &= x + \sum_i \alpha_i a(t + c^{(0)}_i h, H_i)\,h
            + \sum_i \Bigl(\beta^{(1)}_i I_1 + \beta^{(2)}_i \tfrac{I_{10}}{h}\Bigr) b(t + c^{(1)}_i h)

    Parameters
    ----------
    coefficients : mapping
        Exact numbers: ``alpha``, ``beta1``, ``beta2``, ``c1`` of shape (stages,) and ``A0``, ``B0`` of shape
        (stages, stages).

    Returns
    -------
    list of (str, number)
        Condition and residual. The method has strong order 3/2 if and only if all residuals are zero.

    Notes
    -----
    The drift is evaluated at the times ``c0 = A0 e``.

    References
    ----------
    .. [1] Roessler (2010), SIAM J. Numer. Anal. 48, 922-952, equation (5.1) and theorem 5.1.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from diffmath import symbolic
    >>> third, half = Fraction(1, 3), Fraction(1, 2)
    >>> sra1 = {"alpha": [third, 2 * third], "c1": [1, 0], "beta1": [1, 0], "beta2": [-1, 1]}
    >>> sra1 |= {"A0": [[0, 0], [3 * half / 2, 0]], "B0": [[0, 0], [3 * half, 0]]}
    >>> for condition, residual in symbolic.sra_conditions(sra1):
    ...     print(condition, "  residual", residual)
    beta1.e = 1   residual 0
    beta2.e = 0   residual 0
    alpha.e = 1   residual 0
    alpha.B0(e) = 1   residual 0
    beta1.c1 = 1   residual 0
    beta2.c1 = -1   residual 0
    alpha.A0(e) = 1/2   residual 0
    alpha.B0(e)^2 = 3/2   residual 0
    """
    return residuals(_sra(), coefficients)


@cache
def _sri() -> list[Condition]:
    return _generate(Sri(), lambda tree: True)


@cache
def _sra() -> list[Condition]:
    return _generate(Sra(), has_additive_noise)


def has_additive_noise(tree: Tree) -> bool:
    """Return whether the elementary differential is nonzero for additive noise."""
    colour, children = tree
    if colour:
        return all(child == (0, ()) for child in children)
    return all(map(has_additive_noise, children))


def _generate(family: Family, admissible: Callable[[Tree], bool]) -> list[Condition]:
    conditions = []
    for half_units in range(1, 4):
        for tree in filter(admissible, trees(half_units)):
            conditions += _almost_sure(family, tree)
    for tree in filter(admissible, trees(4)):
        terms = {(weight,): expectation(product(noises)) for weight, noises in expand(family, tree)}
        conditions.append(Condition({w: q for w, q in terms.items() if q}, expectation(exact_weight(tree))))
    return [condition.normal() for condition in conditions if condition.terms or condition.target]


def _almost_sure(family: Family, tree: Tree) -> list[Condition]:
    """Return the conditions on the coefficients of each iterated integral."""
    sides: dict[Word, dict[tuple[Weight, ...], Fraction]] = {}
    for weight, noises in expand(family, tree):
        for word, factor in _reduce(product(noises)).items():
            sides.setdefault(word, {})[weight,] = factor
    exact = _reduce(exact_weight(tree))
    return [Condition(sides.get(word, {}), exact.get(word, Fraction(0))) for word in {**sides, **exact}]


def _reduce(words: Words) -> Words:
    """Replace I_0 by h = 1 and I_01 by h I_1 - I_10; the other integrals are linearly independent."""
    same: dict[Word, Words] = {word: {word: Fraction(1)} for word in ((), (1,), (1, 1), (1, 0), (1, 1, 1))}
    rules = {**same, (0,): _ONE, (0, 1): {(1,): Fraction(1), (1, 0): Fraction(-1)}}
    result: dict[Word, Fraction] = {}
    for word, factor in words.items():
        for basis, share in rules[word].items():
            result[basis] = result.get(basis, Fraction(0)) + factor * share
    return result
