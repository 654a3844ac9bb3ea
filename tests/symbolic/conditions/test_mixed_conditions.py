"""Conditions of additive and Rosenbrock methods: counts, reduction to Runge-Kutta, and power to reject."""

import itertools
from fractions import Fraction

import pytest

from diffmath import ode, symbolic

HEUN = [[0, 0], [1, 0]], [Fraction(1, 2), Fraction(1, 2)]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_one_part_is_a_runge_kutta_method(order):
    a, b = ode.rk4.tableau.a, ode.rk4.tableau.b
    square = [list(row) + [Fraction(0)] * (len(b) - len(row)) for row in a]
    plain = [residual for _, residual in symbolic.order_conditions(square, b, order)]
    additive = [residual for _, residual in symbolic.additive_conditions({"A": square}, b, order)]
    assert sorted(plain) == sorted(additive)


def test_two_parts_have_the_trees_of_the_literature():
    """Bi-coloured trees are 2, 4, 14, 52; the colour of the root does not matter where weights are shared."""
    count = []
    for order in (1, 2, 3, 4):
        found = symbolic.additive_conditions({"E": HEUN[0], "I": HEUN[0]}, HEUN[1], order)
        count.append(len(found))
        assert len({tree.condition for tree, _ in found}) == len({tree for tree, _ in found}) == len(found)
    assert [count[0], *(b - a for a, b in itertools.pairwise(count))] == [1, 2, 7, 26]


def test_coupling_is_checked():
    """Two methods of order 2 with different nodes are not an additive method of order 2."""
    midpoint = [[0, 0], [Fraction(1, 2), 0]]
    found = symbolic.additive_conditions({"E": midpoint, "I": HEUN[0]}, [0, 1], 2)
    residuals = {tree.condition: residual for tree, residual in found}
    assert residuals["b.E = 1/2"] == 0
    assert residuals["b.I = 1/2"] == Fraction(1, 2)


def test_a_rosenbrock_method_without_gamma_is_a_runge_kutta_method():
    zero = [[0, 0], [0, 0]]
    found = symbolic.rosenbrock_conditions(HEUN[0], zero, HEUN[1], 3)
    assert found == symbolic.order_conditions(*HEUN, 3)


def test_only_nodes_with_one_child_meet_beta():
    alpha, gamma = [[0, 0], [1, 0]], [[Fraction(1, 3), 0], [Fraction(1, 7), Fraction(1, 3)]]
    b = [Fraction(1, 4), Fraction(3, 4)]
    residuals = {str(tree): residual for tree, residual in symbolic.rosenbrock_conditions(alpha, gamma, b, 3)}
    beta = [Fraction(1, 3), 1 + Fraction(1, 7) + Fraction(1, 3)]
    assert residuals["[t]"] == b[0] * beta[0] + b[1] * beta[1] - Fraction(1, 2)
    assert residuals["[t,t]"] == b[1] - Fraction(1, 3)  # alpha sums are 0 and 1
    below = [beta[0] / 3, beta[0] * (1 + Fraction(1, 7)) + beta[1] / 3]
    assert residuals["[[t]]"] == b[0] * below[0] + b[1] * below[1] - Fraction(1, 6)
