"""Coloured trees are counted, and their weights are the iterated integrals of Kloeden and Platen."""

from __future__ import annotations

from fractions import Fraction

import pytest

from diffmath.symbolic._conditions.coloured_trees import (
    colourings,
    exact_weight,
    forests,
    name,
    noise_nodes,
    trees,
)
from diffmath.symbolic._conditions.ito_words import expectation

A, B = (0, ()), (1, ())


def test_counts():
    """Trees of colours 0 (cost 2) and 1 (cost 1); forests are their multisets (the Euler transform)."""
    assert [len(trees(n)) for n in range(1, 7)] == [1, 2, 4, 10, 27, 75]
    for n in range(3, 7):  # a root of either colour on the forests of the rest
        assert len(trees(n)) == len(forests(n - 1)) + len(forests(n - 2))
    multisets = [1]
    for n in range(1, 6):
        # n p(n) = sum_k s(k) p(n - k), s(k) = sum_{d | k} d t(d)
        total = sum(
            sum(d * len(trees(d)) for d in range(1, k + 1) if k % d == 0) * multisets[n - k]
            for k in range(1, n + 1)
        )
        multisets.append(total // n)
    assert [len(forests(n)) for n in range(6)] == multisets


def test_the_trees_of_order_one():
    assert [name(tree) for tree in trees(1)] == ["b"]
    assert [name(tree) for tree in trees(2)] == ["a", "b(b)"]


@pytest.mark.parametrize(("nodes", "bell"), [(1, 1), (2, 2), (3, 5), (4, 15)])
def test_colourings_of_a_chain_are_set_partitions(nodes, bell):
    chain = B
    for _ in range(nodes - 1):
        chain = (1, (chain,))
    assert noise_nodes(chain) == nodes
    assert len(colourings((chain,))) == bell


@pytest.mark.parametrize(
    ("tree", "weight"),
    [
        (B, {(1,): 1}),
        (A, {(0,): 1}),
        ((1, (B,)), {(1, 1): 1}),
        ((0, (B,)), {(1, 0): 1}),
        ((1, (A,)), {(0, 1): 1}),
        ((1, (B, B)), {(1, 1, 1): 2, (0, 1): 1}),
        ((1, ((1, (B,)),)), {(1, 1, 1): 1}),
    ],
)
def test_exact_weights(tree, weight):
    """The elementary differential of a tree multiplies this in the Ito-Taylor expansion."""
    assert exact_weight(tree) == {word: Fraction(factor) for word, factor in weight.items()}


def test_deterministic_trees_have_the_weights_of_butcher():
    bushy = (0, (A, A))
    assert expectation(exact_weight(bushy)) == Fraction(1, 3)
    assert expectation(exact_weight((0, (bushy, A)))) == Fraction(1, 3) * Fraction(1, 5)
