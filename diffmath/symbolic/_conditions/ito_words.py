r"""Iterated Ito integrals as words, with their product and expectation, in exact arithmetic.

A word :math:`(j_1, \dots, j_n)` denotes the iterated integral over a step

.. math:: I_{(j_1, \dots, j_n)} = \int_0^h \!\cdots\! \int_0^{s_2} dW^{j_1}_{s_1} \cdots dW^{j_n}_{s_n},
    \qquad dW^0_s = ds,

with the innermost letter first. A linear combination is a dictionary from words to numbers. Steps have the
length h = 1. A word of n letters, z of them zero, scales with :math:`h^{(n + z)/2}`.

Source: Kloeden & Platen (1992), Numerical Solution of Stochastic Differential Equations, sections 5.2, 5.7.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cache

__all__ = ["Word", "Words", "expectation", "integrate", "product"]

Word = tuple[int, ...]
Words = Mapping[Word, Fraction]


def product(factors: Iterable[Words]) -> Words:
    """Return the product of linear combinations of iterated integrals as a linear combination.

    Examples
    --------
    >>> from diffmath.symbolic._conditions.ito_words import product
    >>> W = {(1,): 1}
    >>> {word: str(factor) for word, factor in product([W, W]).items()}  # W^2 = 2 I_11 + h
    {(1, 1): '2', (0,): '1'}
    """
    result: dict[Word, Fraction] = {(): Fraction(1)}
    for factor in factors:
        terms: dict[Word, Fraction] = {}
        for (u, p), (v, q) in itertools.product(result.items(), factor.items()):
            for word, count in _product(u, v).items():
                terms[word] = terms.get(word, Fraction(0)) + p * q * count
        result = terms
    return result


@cache
def _product(u: Word, v: Word) -> Mapping[Word, int]:
    """Return the product of two words, by the integrated product rule of Ito (a quasi-shuffle)."""
    if not u or not v:
        return {u + v: 1}
    parts = [(u, v[:-1], v[-1]), (u[:-1], v, u[-1])]
    if u[-1] == v[-1] != 0:  # d<W, W> = dt
        parts.append((u[:-1], v[:-1], 0))
    result: dict[Word, int] = {}
    for left, right, last in parts:
        for word, count in _product(left, right).items():
            result[(*word, last)] = result.get((*word, last), 0) + count
    return result


def integrate(integrand: Words, letter: int) -> Words:
    r"""Return :math:`\int_0^h \text{integrand}(s)\,dW^{letter}_s`.

    Examples
    --------
    >>> from diffmath.symbolic._conditions.ito_words import integrate
    >>> integrate({(1,): 2}, 0)
    {(1, 0): 2}
    """
    return {(*word, letter): factor for word, factor in integrand.items()}


def expectation(words: Words) -> Fraction:
    """Return the expectation over a step of length 1: 1/n! for a word of n zeros, 0 for other words.

    Examples
    --------
    >>> from diffmath.symbolic._conditions.ito_words import expectation, product
    >>> I10 = {(1, 0): 1}
    >>> expectation(product([I10, I10]))
    Fraction(1, 3)
    """
    return sum(
        (Fraction(factor) / math.factorial(len(word)) for word, factor in words.items() if not any(word)),
        start=Fraction(0),
    )
