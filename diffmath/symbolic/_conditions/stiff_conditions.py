r"""Stiff order conditions of exponential Runge-Kutta methods, generated and decided exactly.

Source: Hochbruck & Ostermann (2005), Explicit exponential Runge-Kutta methods for semilinear parabolic
problems, SIAM J. Numer. Anal. 43, 1069-1090; Luan & Ostermann (2013), Exponential B-series: the stiff case,
SIAM J. Numer. Anal. 51, 3431-3445.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from diffmath._core.counts import check_count
from diffmath.symbolic._conditions.phi_sums import (
    Function,
    accumulate,
    frozen,
    function,
    phi,
    product,
    sum_of_products,
)

__all__ = ["StiffTree", "stiff_order_conditions", "stiff_trees"]


@dataclass(frozen=True, order=True)
class StiffTree:
    r"""A stiff order condition: a node with a power of c, and defects and other nodes below it.

    Parameters
    ----------
    power : int
        m. The factor of the node is :math:`c_i^m`, for derivatives along the exact solution.
    defects : tuple of int
        A number k >= 2 for each factor :math:`\psi_{k,i}(z) = c_i^k \varphi_k(c_i z) -
        \sum_j a_{ij}(z)\, c_j^{k-1} / (k-1)!`, the error of a stage.
    children : tuple of StiffTree
        Nodes reached through :math:`a_{ij}`.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> symbolic.stiff_trees(4)
    (b.c^3/3! = phi4, b.psi3 = 0, b.c*psi2 = 0, b.a(psi2) = 0)
    """

    power: int = 0
    defects: tuple[int, ...] = ()
    children: tuple[StiffTree, ...] = ()

    @property
    def order(self) -> int:
        """Order of the condition."""
        return 1 + self.power + sum(self.defects) + sum(child.order for child in self.children)

    @property
    def is_quadrature(self) -> bool:
        """Whether this is a condition on b and c alone, sum(b c^m) / m! = phi_(m+1)."""
        return not (self.defects or self.children)

    def __repr__(self) -> str:
        if self.is_quadrature:
            m = self.power
            left = "sum(b)" if m == 0 else "b.c" if m == 1 else f"b.c^{m}/{m}!"
            return f"{left} = phi{m + 1}"
        return f"b.{self._factors} = 0"

    @property
    def _factors(self) -> str:
        powers = ["c" if self.power == 1 else f"c^{self.power}"] * (self.power > 0)
        stages = [f"psi{k}" for k in self.defects] + [f"a({child._factors})" for child in self.children]
        return "*".join(powers + stages)


@cache
def stiff_trees(order: int) -> tuple[StiffTree, ...]:
    """Return the stiff order conditions of exactly this order.

    Parameters
    ----------
    order : int
        At least 1.

    Returns
    -------
    tuple of StiffTree
        1, 1, 2, 4, 9, 20 conditions for order 1, ..., 6.

    Notes
    -----
    Up to order 4 these are the conditions of table 2 of Hochbruck & Ostermann (2005). Their condition on row
    sums, ``psi1 = 0``, is assumed. Luan & Ostermann (2014) count 16 conditions up to order 5, and Luan &
    Alhsmy (2024) 36 up to order 6: their form of a method satisfies ``sum(b) = phi1``.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> symbolic.stiff_trees(3)
    (b.c^2/2! = phi3, b.psi2 = 0)
    """
    return (StiffTree(check_count("order", order) - 1), *_defect_trees(order))


@cache
def _defect_trees(order: int) -> tuple[StiffTree, ...]:
    """Return the trees of this order whose branches all end in defects."""
    found = []
    for power in range(order - 1):
        for rest in _forests(order - 1 - power):
            defects = tuple(sorted(part for part in rest if isinstance(part, int)))
            children = tuple(sorted(part for part in rest if not isinstance(part, int)))
            found.append(StiffTree(power, defects, children))
    return tuple(sorted(set(found), key=lambda tree: (len(tree.children), tree)))


def _forests(order: int) -> Iterator[tuple[Any, ...]]:
    """Yield the multisets of defects and trees with this total order, some more than once."""
    if order == 0:
        yield ()
    for first in range(2, order + 1):
        for part in (first, *_defect_trees(first)):
            for rest in _forests(order - first):
                yield (part, *rest)


def stiff_order_conditions(
    a: Sequence[Sequence[Any]], b: Sequence[Any], c: Sequence[Fraction], order: int, *, weak: bool = False
) -> list[tuple[StiffTree, bool]]:
    r"""Decide every stiff order condition up to `order`.

    Parameters
    ----------
    a : sequence, shape (stages, stages)
        `PhiSum` or 0.
    b : sequence, shape (stages,)
        `PhiSum` or 0.
    c : sequence, shape (stages,)
        Nodes.
    order : int
        Highest order of the conditions.
    weak : bool
        Use b at z = 0 in the conditions of the highest order, which is enough for parabolic problems.

    Returns
    -------
    list of (StiffTree, bool)
        Condition, and whether it holds for all operators; low orders first.

    Notes
    -----
    A method converges with order p, uniformly in the stiffness, if its conditions below p hold and those of
    order p hold at least weakly ([1]_, theorem 4.7). The trees are those of [2]_.

    References
    ----------
    .. [1] Hochbruck & Ostermann (2005), SIAM J. Numer. Anal. 43, 1069-1090.
    .. [2] Luan & Ostermann (2014), Explicit exponential Runge-Kutta methods of high order for parabolic
       problems, J. Comput. Appl. Math. 256, 168-179.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from diffmath import symbolic
    >>> phi1, phi2 = symbolic.phi(1), symbolic.phi(2)
    >>> a, b, c = [[0, 0], [phi1, 0]], [phi1 - phi2, phi2], [Fraction(0), Fraction(1)]
    >>> symbolic.stiff_order_conditions(a, b, c, 3)
    [(sum(b) = phi1, True), (b.c = phi2, True), (b.c^2/2! = phi3, False), (b.psi2 = 0, False)]
    """
    trees = [tree for p in range(1, check_count("order", order) + 1) for tree in stiff_trees(p)]
    table = _Stages(a, c)
    results = []
    for tree in trees:
        weakened = weak and tree.order == order
        weights = [frozen(b_i) if weakened else function(b_i) for b_i in b]
        stages = [table.weight(tree, i) for i in range(len(b))]
        total = sum_of_products(weights, stages)
        if tree.is_quadrature:
            target = phi(tree.power + 1)
            accumulate(total, frozen(-target) if weakened else (-target).function)
        results.append((tree, not any(total.values())))
    return results


class _Stages:
    """The functions of several variables that trees give for the stages."""

    def __init__(self, a: Sequence[Sequence[Any]], c: Sequence[Fraction]) -> None:
        self.a, self.c = a, c

    def weight(self, tree: StiffTree, i: int) -> Function:
        """Return the product over the parts of a node at stage i, with one variable for each part."""
        power = self.c[i] ** tree.power
        result: Function = {(): Fraction(power, math.factorial(tree.power) if tree.is_quadrature else 1)}
        for k in tree.defects:
            result = product(result, self.defect(k, i))
        for child in tree.children:
            below = [self.weight(child, j) for j in range(len(self.c))]
            result = product(result, sum_of_products([function(x) for x in self.a[i]], below))
        return result

    def defect(self, k: int, i: int) -> Function:
        """Return psi_ki."""
        c = self.c[i]
        total = (phi(k, c) * c**k).function.copy() if c else {}
        for a_ij, c_j in zip(self.a[i], self.c, strict=True):
            weight = -(c_j ** (k - 1)) / math.factorial(k - 1)
            accumulate(total, {key: q * weight for key, q in function(a_ij).items()})
        return total
