"""Exact algebraic numbers: the arithmetic of a field, decided by fractions and compared with floats."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath.ode._tableaux.algebraic import as_fraction, number_row, root_of

CUBIC = root_of("-1/6", "3/2", -3, 1, near="0.436")
SMALL = st.fractions(min_value=-5, max_value=5, max_denominator=7)


def numbers():
    return st.builds(lambda a, b, c: a + b * CUBIC + c * CUBIC * CUBIC, SMALL, SMALL, SMALL)


def test_a_root_satisfies_its_polynomial():
    assert CUBIC * CUBIC * CUBIC - 3 * CUBIC * CUBIC + Fraction(3, 2) * CUBIC == Fraction(1, 6)
    assert float(CUBIC) == pytest.approx(0.43586652150845967, rel=1e-15)
    assert Fraction(43586652150845967, 10**17) != CUBIC


@given(x=numbers(), y=numbers())
def test_field_operations_agree_with_floats(x, y):
    tolerance = {"rel": 1e-12, "abs": 1e-12 * (1 + abs(float(x)) + abs(float(y))) ** 2}
    assert float(x + y) == pytest.approx(float(x) + float(y), **tolerance)
    assert float(x * y) == pytest.approx(float(x) * float(y), **tolerance)
    assert x - y == -(y - x)
    if y != 0:
        assert x / y * y == x


def test_rational_values_stay_exact():
    assert as_fraction(CUBIC - CUBIC + Fraction(1, 3)) == Fraction(1, 3)
    assert 1 / root_of(-2, 0, 1, near="1.4") == root_of(-2, 0, 1, near="1.4") / 2


def test_refusals():
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        1 / (CUBIC - CUBIC)
    with pytest.raises(TypeError):
        CUBIC + 0.5  # a float is not exact
    with pytest.raises(TypeError):
        CUBIC + root_of(-2, 0, 1, near="1.4")  # another field
    with pytest.raises(TypeError):
        number_row("b", [0.5])
