r"""Order conditions with several matrices: additive Runge-Kutta and Rosenbrock methods.

An additive Runge-Kutta method treats :math:`f = f^{1} + f^{2} + \dots`, each part with its own matrix
:math:`a^{\nu}` and all with the weights b. A child of a node may belong to any part; the colour of its edge
states which. A Rosenbrock method multiplies stages by the Jacobian. Its matrix is
:math:`\beta = \alpha + \gamma` for the edge to an only child, and :math:`\alpha` for edges to several
children.

Source: Kennedy & Carpenter (2003), Additive Runge-Kutta schemes for convection-diffusion-reaction equations,
Appl. Numer. Math. 44, 139-181, section 2; Hairer & Wanner (1996), Solving Ordinary Differential Equations II,
section IV.7, theorem 7.5.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from typing import Any, TypeAlias

from diffmath.symbolic._conditions.butcher import RootedTree, rooted_trees

__all__ = ["ColouredTree", "additive_conditions", "rosenbrock_conditions"]

_Matrix: TypeAlias = Sequence[Sequence[Any]]


@dataclass(frozen=True, order=True)
class ColouredTree:
    """A rooted tree with coloured edges; a colour is the part of f to which a child belongs.

    Parameters
    ----------
    children : tuple of (str, ColouredTree)
        Colour of the edge and sub-tree. They are sorted, so that equal trees compare equal.

    Examples
    --------
    >>> from diffmath.symbolic import ColouredTree
    >>> leaf = ColouredTree()
    >>> tree = ColouredTree((("I", ColouredTree((("E", leaf),))), ("E", leaf)))
    >>> tree, tree.order, tree.density, tree.condition
    (ColouredTree([E,I[E]]), 4, 8, 'b.E*I(E) = 1/8')
    """

    children: tuple[tuple[str, ColouredTree], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "children", tuple(sorted(self.children)))

    @cached_property
    def order(self) -> int:
        """Number of nodes."""
        return 1 + sum(child.order for _, child in self.children)

    @cached_property
    def density(self) -> int:
        """The order times the densities of the children."""
        return self.order * math.prod(child.density for _, child in self.children)

    @property
    def condition(self) -> str:
        """The order condition, with the colours as matrices."""
        weight = f"b.{self._formula()}" if self.children else "sum(b)"
        return f"{weight} = {Fraction(1, self.density)}"

    def _formula(self) -> str:
        """Return the formula of the product over the children, each a matrix times the formula below it."""
        parts = [
            f"{colour}({child._formula()})" if child.children else colour for colour, child in self.children
        ]
        return "*".join(parts)

    def __str__(self) -> str:
        below = [f"{colour}{child if child.children else ''}" for colour, child in self.children]
        return f"[{','.join(below)}]" if below else "t"

    def __repr__(self) -> str:
        return f"ColouredTree({self})"


def additive_conditions(
    matrices: Mapping[str, _Matrix], b: Sequence[Any], order: int
) -> list[tuple[ColouredTree, Any]]:
    r"""Evaluate every order condition of an additive Runge-Kutta method whose parts share their weights.

    Parameters
    ----------
    matrices : mapping of str to sequence, shape (stages, stages)
        The Runge-Kutta matrix of each part, by its name, in exact numbers.
    b : sequence, shape (stages,)
        Weights of all parts.
    order : int
        Largest number of nodes of the trees.

    Returns
    -------
    list of (ColouredTree, number)
        Tree, with the names of the parts as colours, and residual; low orders first. The method has this
        order if all residuals are zero.

    References
    ----------
    .. [1] Kennedy & Carpenter (2003), Appl. Numer. Math. 44, 139-181, section 2.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from diffmath import symbolic
    >>> euler, backward = [[0, 0], [1, 0]], [[0, 0], [0, 1]]
    >>> for tree, residual in symbolic.additive_conditions({"E": euler, "I": backward}, [0, 1], 2):
    ...     print(tree.condition, residual)
    sum(b) = 1 0
    b.E = 1/2 1/2
    b.I = 1/2 1/2
    """
    colours, results = tuple(matrices), []
    for size in range(1, order + 1):
        for tree in _coloured_trees(size, colours):
            weight = sum((x * y for x, y in zip(b, _weights(tree, matrices), strict=True)), start=Fraction(0))
            results.append((tree, weight - Fraction(1, tree.density)))
    return results


def rosenbrock_conditions(
    alpha: _Matrix, gamma: _Matrix, b: Sequence[Any], order: int
) -> list[tuple[RootedTree, Any]]:
    r"""Evaluate every order condition of a Rosenbrock method up to `order`.

    .. math:: (I - h \gamma_{ii} J)\, k_i = h f\Bigl(x + \sum_{j<i} \alpha_{ij} k_j\Bigr)
              + h J \sum_{j<i} \gamma_{ij} k_j, \qquad x_{n+1} = x + \sum_i b_i k_i

    Parameters
    ----------
    alpha, gamma : sequence, shape (stages, stages)
        Exact numbers; `gamma` with its diagonal.
    b : sequence, shape (stages,)
        Weights.
    order : int
        Largest number of nodes of the trees.

    Returns
    -------
    list of (RootedTree, number)
        Tree and residual; low orders first.

    Notes
    -----
    The conditions are those of a Runge-Kutta method with the matrix alpha for a node with several children,
    and :math:`\beta = \alpha + \gamma` for a node with one child.

    References
    ----------
    .. [1] Hairer & Wanner (1996), section IV.7, theorem 7.5 and table 7.1.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from diffmath import symbolic
    >>> half = Fraction(1, 2)
    >>> symbolic.rosenbrock_conditions([[0]], [[half]], [1], 2)
    [(RootedTree(t), Fraction(0, 1)), (RootedTree([t]), Fraction(0, 1))]
    """
    beta = [[x + y for x, y in zip(*rows, strict=True)] for rows in zip(alpha, gamma, strict=True)]
    memory: dict[RootedTree, list[Any]] = {}

    def weights(tree: RootedTree) -> list[Any]:
        if tree not in memory:
            matrix = beta if len(tree.children) == 1 else alpha
            result: list[Any] = [1] * len(b)
            for child in tree.children:
                result = [w * v for w, v in zip(result, _apply(matrix, weights(child)), strict=True)]
            memory[tree] = result
        return memory[tree]

    trees = itertools.chain.from_iterable(rooted_trees(n) for n in range(1, order + 1))
    return [(tree, _apply([b], weights(tree))[0] - Fraction(1, tree.density)) for tree in trees]


def _apply(matrix: _Matrix, vector: Sequence[Any]) -> list[Any]:
    return [sum((a * v for a, v in zip(row, vector, strict=True) if a != 0), start=0) for row in matrix]


@cache
def _coloured_trees(size: int, colours: tuple[str, ...]) -> tuple[ColouredTree, ...]:
    """Return all trees of this size with coloured edges."""
    return tuple(dict.fromkeys(ColouredTree(forest) for forest in _forests(size - 1, colours)))


def _forests(size: int, colours: tuple[str, ...]) -> Iterator[tuple[tuple[str, ColouredTree], ...]]:
    if size == 0:
        yield ()
    for first in range(1, size + 1):
        for colour, tree in itertools.product(colours, _coloured_trees(first, colours)):
            for rest in _forests(size - first, colours):
                yield ((colour, tree), *rest)


def _weights(tree: ColouredTree, matrices: Mapping[str, _Matrix]) -> list[Any]:
    result: list[Any] = [Fraction(1)] * len(next(iter(matrices.values())))
    for colour, child in tree.children:
        below = _apply(matrices[colour], _weights(child, matrices))
        result = [w * v for w, v in zip(result, below, strict=True)]
    return result
