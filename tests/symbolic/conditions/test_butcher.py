"""Rooted trees are counted and weighed; known methods satisfy exactly the conditions of their order."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from diffmath.symbolic._conditions.butcher import (
    RootedTree,
    elementary_weight,
    order_conditions,
    rooted_trees,
)

HALF, SIXTH = Fraction(1, 2), Fraction(1, 6)
RK4 = (
    [[0, 0, 0, 0], [HALF, 0, 0, 0], [0, HALF, 0, 0], [0, 0, 1, 0]],
    [SIXTH, 2 * SIXTH, 2 * SIXTH, SIXTH],
)


def test_the_number_of_trees_is_that_of_oeis_a000081() -> None:
    assert [len(rooted_trees(n)) for n in range(1, 11)] == [1, 1, 2, 4, 9, 20, 48, 115, 286, 719]


@pytest.mark.parametrize("order", range(1, 10))
def test_trees_are_distinct_and_their_labellings_add_up(order: int) -> None:
    """n! / (gamma sigma) monotone labellings of every tree, (n-1)! in all: a check of all three at once."""
    trees = rooted_trees(order)
    assert len(set(trees)) == len(trees)
    assert all(tree.order == order for tree in trees)
    assert sum(Fraction(math.factorial(order), t.density * t.symmetry) for t in trees) == math.factorial(
        order - 1
    )


def test_a_tree_is_canonical_and_readable() -> None:
    leaf = RootedTree()
    stick = RootedTree((leaf,))
    assert RootedTree((leaf, stick)) == RootedTree((stick, leaf))
    assert str(RootedTree((leaf, stick))) == "[[t],t]"
    assert RootedTree((leaf, stick)).condition == "b.c*A(c) = 1/8"
    assert RootedTree((stick, stick)).condition == "b.A(c)^2 = 1/20"
    assert RootedTree((RootedTree((leaf, stick)),)).condition == "b.A(c*A(c)) = 1/40"


def test_rk4_has_order_four_and_not_five() -> None:
    residuals = [residual for _, residual in order_conditions(*RK4, 5)]
    assert residuals[:8] == [0] * 8
    assert all(isinstance(residual, Fraction) for residual in residuals)
    assert any(residuals[8:])


def test_gauss_legendre_with_square_roots_has_order_four_exactly() -> None:
    """An implicit method with irrational coefficients, in SymPy numbers: the arithmetic is duck-typed."""
    root = sympy.sqrt(3)
    a = [
        [sympy.Rational(1, 4), sympy.Rational(1, 4) - root / 6],
        [sympy.Rational(1, 4) + root / 6, sympy.Rational(1, 4)],
    ]
    b = [sympy.Rational(1, 2)] * 2
    residuals = [sympy.expand(residual) for _, residual in order_conditions(a, b, 5)]
    assert residuals[:8] == [0] * 8
    assert any(residual != 0 for residual in residuals[8:])


def test_gauss_legendre_with_three_stages_has_order_six_and_not_seven() -> None:
    root = sympy.sqrt(15)
    rational = sympy.Rational
    a = [
        [rational(5, 36), rational(2, 9) - root / 15, rational(5, 36) - root / 30],
        [rational(5, 36) + root / 24, rational(2, 9), rational(5, 36) - root / 24],
        [rational(5, 36) + root / 30, rational(2, 9) + root / 15, rational(5, 36)],
    ]
    conditions = order_conditions(a, [rational(5, 18), rational(4, 9), rational(5, 18)], 7)
    residuals = [(tree.order, sympy.expand(residual)) for tree, residual in conditions]
    assert all(residual == 0 for order, residual in residuals if order <= 6)
    assert any(residual != 0 for order, residual in residuals if order == 7)


def test_symbols_give_the_family_of_two_stage_methods() -> None:
    alpha = sympy.Symbol("alpha")
    b2 = 1 / (2 * alpha)
    residuals = order_conditions([[0, 0], [alpha, 0]], [1 - b2, b2], 2)
    assert [sympy.simplify(residual) for _, residual in residuals] == [0, 0]


@given(
    st.lists(st.fractions(-2, 2, max_denominator=7), min_size=6, max_size=6),
    st.lists(st.fractions(-2, 2, max_denominator=7), min_size=4, max_size=4),
)
def test_weights_agree_with_the_formulas_written_out(entries: list[Fraction], b: list[Fraction]) -> None:
    """Elementary weights of order 4 against the sums of Hairer, Norsett & Wanner, table II.2.2."""
    lower = iter(entries)
    a = [[next(lower) if j < i else Fraction(0) for j in range(4)] for i in range(4)]
    c = [sum(row, start=Fraction(0)) for row in a]
    ac = [sum(x * y for x, y in zip(row, c)) for row in a]
    acc = [sum(x * y * y for x, y in zip(row, c)) for row in a]
    aac = [sum(x * y for x, y in zip(row, ac)) for row in a]
    expected = {
        "[t,t,t]": sum(w * x**3 for w, x in zip(b, c)),
        "[[t],t]": sum(w * x * y for w, x, y in zip(b, c, ac)),
        "[[t,t]]": sum(w * x for w, x in zip(b, acc)),
        "[[[t]]]": sum(w * x for w, x in zip(b, aac)),
    }
    assert {str(tree): elementary_weight(tree, a, b) for tree in rooted_trees(4)} == expected


@pytest.mark.parametrize(
    ("order", "error"), [(0, ValueError), (-1, ValueError), (2.0, TypeError), (True, TypeError)]
)
def test_the_order_must_be_a_positive_integer(order: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="order must be"):
        rooted_trees(order)  # type: ignore[arg-type]
    with pytest.raises(error, match="order must be"):
        order_conditions(*RK4, order)  # type: ignore[arg-type]


def test_coefficients_must_fit_and_be_exact() -> None:
    with pytest.raises(ValueError, match=r"a must have shape \(stages, stages\)"):
        order_conditions([[0, 0], [1, 0]], [1], 1)
    with pytest.raises(ValueError, match=r"a must have shape"):
        order_conditions([], [], 1)
    with pytest.raises(TypeError, match=r"b must hold exact numbers .* got 0.5"):
        order_conditions([[0, 0], [1, 0]], [0.5, 0.5], 1)
    with pytest.raises(TypeError, match=r"a must hold exact numbers"):
        order_conditions([[0, 0], [1.0, 0]], [HALF, HALF], 1)
