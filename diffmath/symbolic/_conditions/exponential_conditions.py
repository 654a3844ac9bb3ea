r"""Classical order conditions of exponential Runge-Kutta methods, for a linear part that is not stiff.

The trees have two colours: a node L of the linear part has at most one child, a node N of the nonlinear part
has any number.

Source: Hairer, Norsett & Wanner (1993), section II.15 (P-series); Berland, Owren & Skaflestad (2005),
B-series and order conditions for exponential integrators, SIAM J. Numer. Anal. 43, 1715-1727.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any, TypeAlias

from diffmath._core.counts import check_count
from diffmath.symbolic._conditions.phi_sums import ZERO, taylor

__all__ = ["exponential_conditions"]


def exponential_conditions(
    a: Sequence[Sequence[Any]], b: Sequence[Any], c: Sequence[Fraction], order: int
) -> list[tuple[str, Fraction]]:
    r"""Evaluate every classical order condition of an exponential Runge-Kutta method up to `order`.

    For a bounded L the step is a B-series in trees whose nodes are L (at most one child) or N. The conditions
    compare its coefficients, expanded in powers of z, with the exact weights :math:`1/\gamma`.

    Parameters
    ----------
    a, b, c
        As in `stiff_order_conditions`.
    order : int
        Largest number of nodes of the trees.

    Returns
    -------
    list of (str, Fraction)
        The tree as its elementary differential, and the residual; low orders first.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from diffmath import symbolic
    >>> for tree, residual in symbolic.exponential_conditions([[0]], [symbolic.phi(1)], [Fraction(0)], 2):
    ...     print(tree, residual)
    N 0
    N(Lu) -1/2
    N(N) -1/2
    LN 0
    """
    results = []
    for size in range(1, check_count("order", order) + 1):
        for chain in range(size):
            for forest in _chain_forests(size - chain - 1):
                stages = [_stage_weight(forest, a, c, i) for i in range(len(b))]
                weight = sum((taylor(b_i, chain) * s for b_i, s in zip(b, stages, strict=True)), start=ZERO)
                results.append((_name((chain, forest)), weight - Fraction(1, _density((chain, forest)))))
    return results


# A tree is (chain, forest): L^chain above a node N with a forest of trees below it; or (chain, None) for
# L^chain u.
_Tree: TypeAlias = tuple[int, Any]


@cache
def _chain_trees(size: int) -> tuple[_Tree, ...]:
    with_nodes = [(chain, forest) for chain in range(size) for forest in _chain_forests(size - chain - 1)]
    return ((size, None), *with_nodes)


@cache
def _chain_forests(size: int) -> tuple[tuple[_Tree, ...], ...]:
    if size == 0:
        return ((),)
    found = [
        tuple(sorted((tree, *rest), key=repr))
        for first in range(1, size + 1)
        for tree, rest in itertools.product(_chain_trees(first), _chain_forests(size - first))
    ]
    return tuple(dict.fromkeys(found))


def _stage_weight(forest: Any, a: Any, c: Any, i: int) -> Fraction:
    product = Fraction(1)
    for chain, below in forest:
        if below is None:
            product *= Fraction(c[i] ** chain) / math.factorial(chain)
        else:
            terms = (
                taylor(a_ij, chain) * _stage_weight(below, a, c, j)
                for j, a_ij in enumerate(a[i])
                if a_ij != 0
            )
            product *= sum(terms, start=ZERO)
    return product


def _size(tree: _Tree) -> int:
    chain, forest = tree
    return chain if forest is None else chain + 1 + sum(map(_size, forest))


def _density(tree: _Tree) -> int:
    chain, forest = tree
    size = _size(tree)
    above = math.perm(size, chain)  # the L nodes have the orders size, size - 1, ...
    return above if forest is None else above * (size - chain) * math.prod(map(_density, forest))


def _name(tree: _Tree) -> str:
    chain, forest = tree
    if forest is None:
        return "L" * chain + "u"
    return "L" * chain + "N" + (f"({','.join(map(_name, forest))})" if forest else "")
