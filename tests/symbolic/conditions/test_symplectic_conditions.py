"""Order conditions of splitting methods: counts, closed forms, and an independent check by matrices."""

import itertools
import math
from fractions import Fraction

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from diffmath import symbolic
from diffmath.symbolic._conditions.symplectic_conditions import word_coefficient

SHARES = st.fractions(-2, 2, max_denominator=6)


def test_lyndon_words_are_counted_by_the_necklace_formula():
    counts = [len(symbolic.lyndon_words(n)) for n in range(1, 9)]
    assert counts == [2, 1, 2, 3, 6, 9, 18, 30]


@pytest.mark.parametrize("n", range(1, 8))
def test_lyndon_words_are_those_below_their_rotations(n):
    words = map("".join, itertools.product("AB", repeat=n))
    wanted = [w for w in words if all(w < w[k:] + w[:k] for k in range(1, n))]
    assert list(symbolic.lyndon_words(n)) == wanted


@given(steps=st.lists(st.tuples(st.sampled_from("AB"), SHARES), max_size=5), word=st.text("AB", max_size=4))
def test_coefficients_are_those_of_a_product_of_series(steps, word):
    """Against the product of the exponentials in the free algebra, multiplied out word by word."""
    series = {"": Fraction(1)}
    for letter, share in steps:
        product = {}
        for prefix, value in series.items():
            for n in range(len(word) + 1):
                key = prefix + letter * n
                if len(key) <= len(word):
                    product[key] = product.get(key, 0) + value * share**n / math.factorial(n)
        series = product
    assert word_coefficient(word, steps) == series.get(word, 0)


def test_the_conditions_of_a_symmetric_method_with_symbols():
    a = sympy.Symbol("a")
    half = sympy.Rational(1, 2)
    steps = [("A", a), ("B", half), ("A", 1 - 2 * a), ("B", half), ("A", a)]
    residuals = {word: sympy.expand(r) for word, r in symbolic.splitting_conditions(steps, 3)}
    assert residuals["A"] == residuals["B"] == residuals["AB"] == 0
    assert residuals["AAB"] == a**2 / 2 - a / 2 + sympy.Rational(1, 12)
    assert residuals["ABB"] == a / 4 - sympy.Rational(1, 24)
    # The optimum of McLachlan (1995): the least sum of squares of the two.
    squares = residuals["AAB"] ** 2 + residuals["ABB"] ** 2
    assert sympy.expand(96 * sympy.diff(squares, a) / 2) == 48 * a**3 - 72 * a**2 + 38 * a - 5


@given(steps=st.lists(st.tuples(st.sampled_from("AB"), SHARES), min_size=1, max_size=4))
def test_symmetric_compositions_have_even_order(steps):
    """If a palindrome satisfies all conditions of an odd order's predecessor, it satisfies the odd ones."""
    residuals = symbolic.splitting_conditions([*steps, *reversed(steps)], 3)
    if all(r == 0 for word, r in residuals if len(word) == 1):
        assert all(r == 0 for word, r in residuals if len(word) == 2)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="order must be at least 1; got 0"):
        symbolic.splitting_conditions([("A", 1)], 0)
    with pytest.raises(TypeError, match=r"exact numbers \(int, Fraction, SymPy\); got 0\.5"):
        symbolic.splitting_conditions([("A", 0.5)], 1)
    with pytest.raises(ValueError, match="a step must name A or B; got 'C'"):
        symbolic.splitting_conditions([("C", 1)], 1)
    with pytest.raises(TypeError, match="length must be an int; got float"):
        symbolic.lyndon_words(2.0)
