r"""Iterated Stratonovich integrals over a step of length 1: words, polynomials in W and H, expectations.

Sources: Debrabant & Kvaerno (2008), SIAM J. Numer. Anal. 47, 181-203, theorem 2.7; Kloeden & Platen (1992),
section 5.7, for the expectations.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache

from diffmath.symbolic._conditions.coloured_trees import Tree

__all__ = ["Polynomial", "exact_weight", "expectation", "moment", "multiply", "polynomial"]

# Polynomials in W and H: from their powers to the coefficient.
Polynomial = Mapping[tuple[int, int], Fraction]
Words = Mapping[tuple[int, ...], Fraction]


def multiply(factors: Sequence[Polynomial]) -> Polynomial:
    result: dict[tuple[int, int], Fraction] = {(0, 0): Fraction(1)}
    for factor in factors:
        terms: dict[tuple[int, int], Fraction] = {}
        for ((p, q), u), ((r, s), v) in itertools.product(result.items(), factor.items()):
            terms[p + r, q + s] = terms.get((p + r, q + s), Fraction(0)) + u * v
        result = terms
    return result


def moment(factors: Sequence[Polynomial]) -> Fraction:
    """Return the expectation of a product: W and H are independent, of variance 1 and 1/12.

    Examples
    --------
    >>> from diffmath.symbolic._conditions.levy_integrals import moment
    >>> H = {(0, 1): 1}
    >>> moment([H, H])
    Fraction(1, 12)
    """
    total = Fraction(0)
    for (p, q), factor in multiply(factors).items():
        if p % 2 == q % 2 == 0:
            odd = math.prod(range(p - 1, 0, -2)) * math.prod(range(q - 1, 0, -2))
            total += factor * Fraction(odd, 12 ** (q // 2))
    return total


@cache
def exact_weight(tree: Tree) -> Words:
    """Return the weight of the exact solution in iterated Stratonovich integrals."""
    colour, children = tree
    result: dict[tuple[int, ...], Fraction] = {(): Fraction(1)}
    for child in children:
        terms: dict[tuple[int, ...], Fraction] = {}
        for (u, p), (v, q) in itertools.product(result.items(), exact_weight(child).items()):
            for word, count in _shuffle(u, v).items():
                terms[word] = terms.get(word, Fraction(0)) + p * q * count
        result = terms
    return {(*word, colour): factor for word, factor in result.items()}


@cache
def _shuffle(u: tuple[int, ...], v: tuple[int, ...]) -> Mapping[tuple[int, ...], int]:
    if not u or not v:
        return {u + v: 1}
    result: dict[tuple[int, ...], int] = {}
    last: int
    for left, right, last in ((u, v[:-1], v[-1]), (u[:-1], v, u[-1])):
        for word, count in _shuffle(left, right).items():
            result[(*word, last)] = result.get((*word, last), 0) + count
    return result


def polynomial(word: tuple[int, ...]) -> Polynomial:
    """Return an integral of at most three half units as a polynomial in W and H."""
    if not any(word):
        return {(0, 0): Fraction(1, math.factorial(len(word)))}
    if all(word):
        return {(len(word), 0): Fraction(1, math.factorial(len(word)))}
    return {(1, 0): Fraction(1, 2), (0, 1): Fraction(1 if word == (1, 0) else -1)}


def expectation(word: tuple[int, ...]) -> Fraction:
    value, blocks = Fraction(1), 0
    while word:
        if word[0] == 0:
            word = word[1:]
        elif len(word) > 1 and word[0] == word[1]:
            word, value = word[2:], value / 2
        else:
            return Fraction(0)
        blocks += 1
    return value / math.factorial(blocks)
