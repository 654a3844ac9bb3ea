r"""Rooted trees and the order conditions of Runge-Kutta methods, in exact arithmetic.

A method with coefficients (a, b) has order p if, for every rooted tree with at most p nodes,

.. math:: \Phi(\tau) = \frac{1}{\gamma(\tau)},

where the elementary weight :math:`\Phi` is a polynomial in (a, b) and the density :math:`\gamma` is an
integer. The numbers may be of any exact kind (`fractions.Fraction`, SymPy numbers, SymPy symbols). This file
does not import SymPy; a tableau is proven in a millisecond.

Source: Hairer, Norsett & Wanner (1993), Solving Ordinary Differential Equations I, section II.2.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from typing import Any

__all__ = ["RootedTree", "elementary_weight", "order_conditions", "rooted_trees"]


@dataclass(frozen=True, order=True)
class RootedTree:
    r"""A rooted tree in canonical form: the sub-trees at its root, largest first.

    Parameters
    ----------
    children : tuple of RootedTree
        Sub-trees at the root. They are sorted, so that equal trees compare equal.

    Examples
    --------
    >>> from diffmath.symbolic._conditions.butcher import RootedTree
    >>> leaf = RootedTree()
    >>> tree = RootedTree((leaf, RootedTree((leaf,))))
    >>> tree, tree.order, tree.density, tree.symmetry, tree.condition
    (RootedTree([[t],t]), 4, 8, 1, 'b.c*A(c) = 1/8')
    """

    children: tuple[RootedTree, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "children", tuple(sorted(self.children, reverse=True)))

    @cached_property
    def order(self) -> int:
        """Number of nodes."""
        return 1 + sum(child.order for child in self.children)

    @cached_property
    def density(self) -> int:
        r"""The integer :math:`\gamma`: the order times the densities of the children."""
        return self.order * math.prod(child.density for child in self.children)

    @cached_property
    def symmetry(self) -> int:
        r"""The integer :math:`\sigma`: the number of automorphisms."""
        groups = [(child, len(list(copies))) for child, copies in itertools.groupby(self.children)]
        return math.prod(math.factorial(n) * child.symmetry**n for child, n in groups)

    @property
    def condition(self) -> str:
        """The order condition in the usual notation, with c the row sums of A."""
        weight = f"b.{_stage_formula(self)}" if self.children else "sum(b)"
        return f"{weight} = {Fraction(1, self.density)}"

    def __str__(self) -> str:
        return f"[{','.join(map(str, self.children))}]" if self.children else "t"

    def __repr__(self) -> str:
        return f"RootedTree({self})"


def _stage_formula(tree: RootedTree) -> str:
    """Return the formula of the vector over stages whose scalar product with b is the weight of `tree`."""
    factors = []
    for child, copies in itertools.groupby(tree.children):
        factor = f"A({_stage_formula(child)})" if child.children else "c"
        power = len(list(copies))
        factors.append(factor if power == 1 else f"{factor}^{power}")
    return "*".join(reversed(factors))


def rooted_trees(order: int) -> tuple[RootedTree, ...]:
    """Return all rooted trees with `order` nodes, from the bushiest to the tallest.

    Parameters
    ----------
    order : int
        Number of nodes, at least 1.

    Returns
    -------
    tuple of RootedTree
        1, 1, 2, 4, 9, 20, 48, 115, ... trees for order 1, 2, 3, ... (OEIS A000081).

    Raises
    ------
    TypeError
        `order` is not an integer.
    ValueError
        `order` is below 1.

    References
    ----------
    .. [1] Hairer, Norsett & Wanner (1993), section II.2, definition 2.2.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> symbolic.rooted_trees(3)
    (RootedTree([t,t]), RootedTree([[t]]))
    """
    return _trees(_check_order(order))


@cache
def _trees(order: int) -> tuple[RootedTree, ...]:
    return tuple(sorted(RootedTree(forest) for forest in _forests(order - 1, order - 1)))


def _forests(nodes: int, largest: int) -> Iterator[tuple[RootedTree, ...]]:
    """Yield every multiset of trees with `nodes` nodes in all, none larger than `largest`."""
    if nodes == 0:
        yield ()
        return
    for size in range(min(nodes, largest), 0, -1):
        for copies in range(1, nodes // size + 1):
            for same_size in itertools.combinations_with_replacement(_trees(size), copies):
                for smaller in _forests(nodes - copies * size, size - 1):
                    yield same_size + smaller


def elementary_weight(tree: RootedTree, a: Sequence[Sequence[Any]], b: Sequence[Any]) -> Any:
    r"""Return :math:`\Phi(\tau) = \sum_i b_i \prod_{k} \bigl(A\,\phi(\tau_k)\bigr)_i`, exactly.

    Parameters
    ----------
    tree : RootedTree
    a : sequence, shape (stages, stages)
        Runge-Kutta matrix.
    b : sequence, shape (stages,)
        Weights.

    Returns
    -------
    number
        Of the type of the entries of `a` and `b`.

    References
    ----------
    .. [1] Hairer, Norsett & Wanner (1993), section II.2, definition 2.9.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from diffmath.symbolic._conditions.butcher import elementary_weight, rooted_trees
    >>> midpoint = [[0, 0], [Fraction(1, 2), 0]], [0, 1]
    >>> elementary_weight(rooted_trees(2)[0], *midpoint)
    Fraction(1, 2)
    """
    return _dot(b, _stage_weights(tree, a, {}))


def order_conditions(
    a: Sequence[Sequence[Any]], b: Sequence[Any], order: int
) -> list[tuple[RootedTree, Any]]:
    r"""Evaluate every order condition of a Runge-Kutta method up to `order`.

    .. math:: r(\tau) = \Phi(\tau) - \frac{1}{\gamma(\tau)}

    Parameters
    ----------
    a : sequence, shape (stages, stages)
        Runge-Kutta matrix, explicit or implicit. The nodes c are its row sums.
    b : sequence, shape (stages,)
        Weights.
    order : int
        Largest number of nodes of the trees.

    Returns
    -------
    list of (RootedTree, number)
        Tree and residual, low orders first. The method has this order if all residuals are zero.

    Raises
    ------
    TypeError
        An entry is a float, for which exact conditions do not hold, or `order` is not an integer.
    ValueError
        `order` is below 1, or `a` and `b` do not fit.

    Notes
    -----
    The residuals are exact if the entries are: integers, `fractions.Fraction`, SymPy numbers or formulas. The
    cost is one product with `a` per tree. There are 37 trees up to order 6 and 200 up to order 8.

    References
    ----------
    .. [1] Hairer, Norsett & Wanner (1993), section II.2, theorem 2.13.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from diffmath import symbolic
    >>> half = Fraction(1, 2)
    >>> for tree, residual in symbolic.order_conditions([[0, 0], [1, 0]], [half, half], 3):
    ...     print(tree, tree.condition, residual)
    t sum(b) = 1 0
    [t] b.c = 1/2 0
    [t,t] b.c^2 = 1/3 1/6
    [[t]] b.A(c) = 1/6 -1/6
    """
    order = _check_order(order)
    _check_coefficients(a, b)
    memory: dict[RootedTree, list[Any]] = {}
    trees = itertools.chain.from_iterable(_trees(n) for n in range(1, order + 1))
    return [(tree, _dot(b, _stage_weights(tree, a, memory)) - Fraction(1, tree.density)) for tree in trees]


def _stage_weights(
    tree: RootedTree, a: Sequence[Sequence[Any]], memory: dict[RootedTree, list[Any]]
) -> list[Any]:
    """Return the vector phi(tree) over stages: the product of A phi(child) over the children."""
    weights: list[Any] = [1] * len(a)
    for child in tree.children:
        if child not in memory:
            inner = _stage_weights(child, a, memory)
            memory[child] = [_dot(row, inner) for row in a]
        weights = [w * m for w, m in zip(weights, memory[child], strict=True)]
    return weights


def _dot(row: Sequence[Any], column: Sequence[Any]) -> Any:
    """Return a scalar product without the terms that are zero, as most are in an explicit tableau."""
    return sum((r * v for r, v in zip(row, column, strict=True) if r != 0 and v != 0), start=0)


def _check_order(order: Any) -> int:
    if not isinstance(order, int) or isinstance(order, bool):
        raise TypeError(f"order must be an integer; got {type(order).__name__}")
    if order < 1:
        raise ValueError(f"order must be at least 1; got {order}")
    return order


def _check_coefficients(a: Sequence[Sequence[Any]], b: Sequence[Any]) -> None:
    shape = (len(a), *sorted({len(row) for row in a}))
    if any(len(row) != len(b) for row in a) or len(a) != len(b) or not len(b):
        raise ValueError(f"a must have shape (stages, stages) and b (stages,); got {shape} and ({len(b)},)")
    for name, values in (("b", b), *(("a", row) for row in a)):
        for value in values:
            if isinstance(value, str | float | complex):
                raise TypeError(f"{name} must hold exact numbers (int, Fraction, SymPy); got {value!r}")
