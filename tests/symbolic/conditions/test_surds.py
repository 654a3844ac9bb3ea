"""Sums of square roots are decided, not rounded: against SymPy, in exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from diffmath.symbolic import Surd, square_root

RATIONALS = st.fractions(min_value=-5, max_value=5, max_denominator=12)
RADICANDS = st.integers(1, 60)
SURDS = st.lists(st.tuples(RATIONALS, RADICANDS), max_size=3).map(
    lambda terms: sum((q * square_root(n) for q, n in terms), start=Surd({}))
)


def to_sympy(surd):
    return sympy.sympify(str(surd).replace("sqrt", "sqrt"), rational=True)


@given(a=SURDS, b=SURDS)
def test_arithmetic_is_that_of_sympy(a, b):
    x, y = to_sympy(a), to_sympy(b)
    for got, expected in ((a + b, x + y), (a - b, x - y), (a * b, x * y), (a * a, x**2), (-a, -x)):
        assert sympy.expand(to_sympy(got) - expected) == 0
    assert (a == b) == (sympy.expand(x - y) == 0)


@given(a=SURDS)
def test_floats_are_correctly_rounded(a):
    assert float(a) == float(to_sympy(a).evalf(60))


@given(p=st.integers(1, 400), q=st.integers(1, 30))
def test_the_square_of_a_square_root(p, q):
    root = square_root(Fraction(p, q))
    assert root * root == Fraction(p, q)
    assert float(root) == pytest.approx(math.sqrt(p / q), rel=4e-16)


def test_equality_across_forms_and_hashes():
    assert square_root(8) == 2 * square_root(2)
    assert square_root("9/4") == Fraction(3, 2)
    assert hash(square_root(9)) == hash(3)
    assert len({square_root(8), 2 * square_root(2), square_root(3)}) == 2
    assert square_root(2) != 1.4142135623730951
    assert 1 - square_root(2) == -(square_root(2) - 1)
    assert (square_root(6) / 3) ** 3 == square_root(6) * Fraction(2, 9)
    assert str(Surd({})) == "0"


@pytest.mark.parametrize("radicand", [0, -2, "-1/4"])
def test_refusals(radicand):
    with pytest.raises(ValueError, match=f"radicand must be positive; got {radicand}"):
        square_root(radicand)


def test_floats_do_not_mix_in():
    with pytest.raises(TypeError):
        square_root(2) + 0.5
    with pytest.raises(TypeError):
        square_root(2) * 0.5
