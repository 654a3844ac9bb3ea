"""Iterated Ito integrals multiply as integrals do: an algebra, Hermite polynomials, Gaussian moments."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath.symbolic._conditions.ito_words import expectation, integrate, product

WORDS = st.lists(st.integers(0, 2), max_size=3).map(lambda letters: {tuple(letters): Fraction(1)})
W = {(1,): Fraction(1)}


@given(a=WORDS, b=WORDS, c=WORDS)
def test_the_product_is_commutative_and_associative(a, b, c):
    assert product([a, b]) == product([b, a])
    assert product([product([a, b]), c]) == product([a, product([b, c])])


@given(word=st.lists(st.integers(0, 2), min_size=1, max_size=4).map(tuple))
def test_only_words_of_zeros_have_an_expectation(word):
    expected = Fraction(1, math.factorial(len(word))) if not any(word) else 0
    assert expectation({word: Fraction(1)}) == expected


@pytest.mark.parametrize("power", range(9))
def test_powers_of_a_brownian_motion_have_gaussian_moments(power):
    moment = math.prod(range(power - 1, 0, -2)) if power % 2 == 0 else 0
    assert expectation(product([W] * power)) == moment


def test_powers_are_hermite_polynomials():
    """n! I_{1...1} = He_n(W) for h = 1: W^3 = 6 I_111 + 3 W h, with h W = I_01 + I_10."""
    assert product([W, W, W]) == {(1, 1, 1): 6, (0, 1): 3, (1, 0): 3}


@pytest.mark.parametrize(
    ("first", "second", "moment"),
    [
        ((1, 0), (1, 0), Fraction(1, 3)),  # Kloeden & Platen (1992), section 5.7
        ((0, 1), (0, 1), Fraction(1, 3)),
        ((1, 0), (1,), Fraction(1, 2)),
        ((1, 0), (0, 1), Fraction(1, 6)),
        ((1, 1), (1, 1), Fraction(1, 2)),
        ((1, 2), (1, 2), Fraction(1, 2)),
        ((1, 2), (2, 1), 0),
        ((1, 1, 1), (1, 1, 1), Fraction(1, 6)),
        ((1, 1), (1,), 0),
    ],
)
def test_covariances_of_iterated_integrals(first, second, moment):
    assert expectation(product([{first: Fraction(1)}, {second: Fraction(1)}])) == moment


@given(word=st.lists(st.integers(0, 1), min_size=1, max_size=3).map(tuple), seed=st.integers(0, 2**16))
def test_the_product_rule_holds_on_discrete_paths(word, seed):
    """Sums for integrals: W I_w = I_w1 + ... exactly, with the squares of the increments for h."""
    increments = np.random.default_rng(seed).integers(-3, 4, size=6).tolist()

    def iterated(letters):
        # letters 0 and 1; a 0 that came from two equal letters sums their squares, so give it (dW)^2 = dt.
        partial = [1] + [0] * len(letters)
        for step in increments:
            for n in range(len(letters), 0, -1):
                partial[n] += partial[n - 1] * (step if letters[n - 1] else step * step)
        return partial[-1]

    if 0 in word:  # then dt dW would need a letter of its own
        return
    left = iterated((1,)) * iterated(word)
    right = sum(factor * iterated(letters) for letters, factor in product([W, {word: Fraction(1)}]).items())
    assert left == right


def test_integrals_append_a_letter():
    assert integrate({(1,): Fraction(2), (): Fraction(1)}, 0) == {(1, 0): 2, (0,): 1}
