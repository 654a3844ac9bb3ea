r"""Coloured rooted trees: the terms of drift and diffusions in the Taylor expansion of a solution.

The solution of :math:`dX = g_0\,dt + \sum_l g_l\,dW^l` (Ito) is a sum over trees whose nodes carry a colour
l,

.. math:: X_h = x + \sum_\tau \frac{F(\tau)}{\sigma(\tau)}\,\varphi(\tau), \qquad
    \varphi\bigl([\tau_1, \dots, \tau_k]_l\bigr) = \int_0^h \varphi(\tau_1) \cdots \varphi(\tau_k)\,dW^l,
    \qquad dW^0 = dt,

and a step of a stochastic Runge-Kutta method is such a sum with other weights. A node of colour 0 has the
order of two half units, and any other node of one: :math:`\varphi(\tau)` scales with :math:`h^{\rho/2}`.

Source: Debrabant & Kvaerno (2008), B-series analysis of stochastic Runge-Kutta methods that use an iterative
scheme to compute their internal stages, SIAM J. Numer. Anal. 47, 181-203, theorem 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from diffmath.symbolic._conditions.ito_words import Words, integrate, product

__all__ = ["Forest", "Tree", "colourings", "exact_weight", "forests", "name", "noise_nodes", "trees"]

# (colour, sub-trees in canonical order); a forest is a multiset of trees.
Tree = tuple[int, tuple[Any, ...]]
Forest = tuple[Tree, ...]


@cache
def trees(half_units: int) -> tuple[Tree, ...]:
    """Return all trees of colours 0 and 1 with this order in half units: 1, 2, 4, 10, 27, ... trees.

    Examples
    --------
    >>> from diffmath.symbolic._conditions.coloured_trees import name, trees
    >>> [name(tree) for tree in trees(3)]
    ['a(b)', 'b(a)', 'b(b,b)', 'b(b(b))']
    """
    roots = [(colour, cost) for colour, cost in ((0, 2), (1, 1)) if cost <= half_units]
    found = {(colour, forest) for colour, cost in roots for forest in forests(half_units - cost)}
    return tuple(sorted(found, key=lambda tree: (_nodes((tree,)), tree)))


@cache
def forests(half_units: int) -> tuple[Forest, ...]:
    """Return all multisets of such trees with this total order: 1, 3, 7, 20, 55, ... multisets."""
    found = {
        tuple(sorted((tree, *rest)))
        for size in range(1, half_units + 1)
        for tree in trees(size)
        for rest in forests(half_units - size)
    }
    return tuple(sorted(found, key=lambda forest: (_nodes(forest), forest))) if half_units else ((),)


def _nodes(forest: Forest) -> int:
    return sum(1 + _nodes(children) for _, children in forest)


def colourings(forest: Forest) -> list[Forest]:
    """Return the forests with a Brownian motion for each noise node, up to renumbering.

    Examples
    --------
    >>> from diffmath.symbolic._conditions.coloured_trees import colourings
    >>> colourings(((1, ()), (1, ())))
    [((1, ()), (1, ())), ((1, ()), (2, ()))]
    """
    painted = (_paint(forest, iter(numbers)) for numbers in _numberings(sum(map(noise_nodes, forest))))
    return list(dict.fromkeys(painted))


def _numberings(count: int) -> Iterator[tuple[int, ...]]:
    """Yield all numberings of `count` nodes by first appearance: 1, 2, 5, 15, 52, ... numberings."""
    if count == 0:
        yield ()
        return
    for head in _numberings(count - 1):
        for last in range(1, max(head, default=0) + 2):
            yield (*head, last)


def noise_nodes(tree: Tree) -> int:
    """Return the number of nodes with a colour other than 0."""
    colour, children = tree
    return (colour != 0) + sum(map(noise_nodes, children))


def _paint(forest: Forest, colours: Iterator[int]) -> Forest:
    painted = [(next(colours) if colour else 0, _paint(children, colours)) for colour, children in forest]
    return tuple(sorted(painted))


@cache
def exact_weight(tree: Tree) -> Words:
    """Return the weight of the exact solution as iterated Ito integrals.

    Examples
    --------
    >>> from diffmath.symbolic._conditions.coloured_trees import exact_weight
    >>> leaf = (1, ())
    >>> {word: str(factor) for word, factor in exact_weight((1, (leaf, leaf))).items()}  # int W^2 dW
    {(1, 1, 1): '2', (0, 1): '1'}
    """
    colour, children = tree
    return integrate(product(map(exact_weight, children)), colour)


def name(tree: Tree, single: bool = True) -> str:
    """Return the elementary differential as text: a for the drift, b (b1, b2, ... unless `single`) for noise.

    Examples
    --------
    >>> from diffmath.symbolic._conditions.coloured_trees import name
    >>> name((1, ((0, ()), (2, ()))), single=False)
    'b1(a,b2)'
    """
    colour, children = tree
    letter = "a" if colour == 0 else "b" if single else f"b{colour}"
    return letter + (f"({','.join(name(child, single) for child in children)})" if children else "")
