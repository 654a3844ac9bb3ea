r"""Order conditions of Runge-Kutta methods driven by W and the space-time Levy area H.

Let :math:`J_w` be the iterated Stratonovich integrals over a step of length 1. The weights of the exact
solution on coloured trees are combinations of words w, multiplied by shuffles. The weights of a method are
polynomials in W and H. Up to three half units of order, one Brownian motion has

.. math:: J_{1 \cdots 1} = W^n / n!, \qquad J_{10} = \tfrac12 W + H, \qquad J_{01} = \tfrac12 W - H,

so both sides are polynomials. The expectations are compared up to one more half unit. If w is a product of
blocks 0 and 11, :math:`\mathrm E J_w` is the product of 1 for each 0 and 1/2 for each 11, divided by the
factorial of the number of blocks.

Sources: Foster, dos Reis & Strange (2024), High order splitting methods for SDEs satisfying a commutativity
condition, SIAM J. Numer. Anal. 62, 500-532; Debrabant & Kvaerno (2008), SIAM J. Numer. Anal. 47, 181-203,
theorem 2.7; Kloeden & Platen (1992), section 5.7, for the expectations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from diffmath.symbolic._conditions.coloured_trees import Tree, name, trees
from diffmath.symbolic._conditions.levy_integrals import (
    Polynomial,
    exact_weight,
    expectation,
    moment,
    multiply,
    polynomial,
)
from diffmath.symbolic._conditions.srk_conditions import (
    Coefficients,
    Condition,
    Family,
    Slot,
    Weight,
    expand,
    residuals,
)
from diffmath.symbolic._conditions.strong_conditions import has_additive_noise

__all__ = ["Additive", "Stratonovich", "additive_noise_conditions", "stratonovich_conditions"]

_ONE: Polynomial = {(0, 0): Fraction(1)}
_W: Polynomial = {(1, 0): Fraction(1)}
_H: Polynomial = {(0, 1): Fraction(1)}


class Stratonovich:
    """Drift and diffusion at the same stages, which depend on W and H: `stratonovich_conditions`."""

    def step(self, colour: int) -> Sequence[Slot]:
        """Weights of the step."""
        if colour == 0:
            return [Slot("alpha", 0, _ONE)]
        return [Slot("betaW", 0, _W), Slot("betaH", 0, _H)]

    def stage(self, kind: Any, colour: int) -> Sequence[Slot]:
        """All stages are of one kind."""
        if colour == 0:
            return [Slot("A0", 0, _ONE)]
        return [Slot("BW", 0, _W), Slot("BH", 0, _H)]


class Additive:
    """Drift at the stages, and diffusion at the nodes c1: `additive_noise_conditions`."""

    def step(self, colour: int) -> Sequence[Slot]:
        """Weights of the step."""
        if colour == 0:
            return [Slot("alpha", 0, _ONE)]
        return [Slot("betaW", 1, _W), Slot("betaH", 1, _H)]

    def stage(self, kind: Any, colour: int) -> Sequence[Slot]:
        """The diffusion depends on time only."""
        if kind:
            return [] if colour else [Slot("c1", 1, _ONE)]
        return [Slot("BW", 1, _W), Slot("BH", 1, _H)] if colour else [Slot("A0", 0, _ONE)]


def stratonovich_conditions(
    coefficients: Coefficients, order: Fraction | int, *, additive: bool = False
) -> list[tuple[str, Any]]:
    r"""Evaluate the conditions of strong order 1 or 3/2 of a method for Stratonovich noise, driven by (W, H).

    .. math::
        z_i &= x + \sum_j A^{(0)}_{ij} f(z_j)\,h
            + \sum_j g(z_j) \bigl(B^{(W)}_{ij} W + B^{(H)}_{ij} H\bigr), \\
        x_{n+1} &= x + \sum_i \alpha_i f(z_i)\,h + \sum_i g(z_i) \bigl(\beta^{(W)}_i W + \beta^{(H)}_i H\bigr)

    Parameters
    ----------
    coefficients : mapping
        Exact numbers: ``alpha``, ``betaW``, ``betaH`` of shape (stages,) and ``A0``, ``BW``, ``BH`` of shape
        (stages, stages).
    order : Fraction or int
        1 or 3/2.
    additive : bool
        Whether the diffusion depends on time alone.

    Returns
    -------
    list of (str, number)
        Condition and residual.

    Raises
    ------
    ValueError
        An order other than 1 and 3/2.

    Notes
    -----
    For one Brownian motion, or for additive noise, the method has the strong order if and only if all
    residuals are zero. The conditions of order 1 for one motion also hold for commutative noise of several:
    with :math:`b_j' b_k = b_k' b_j`, the trees with two noise nodes combine in pairs. The drift and the
    diffusion are evaluated at the times ``c = A0 e``.

    References
    ----------
    .. [1] Foster, dos Reis & Strange (2024), SIAM J. Numer. Anal. 62, 500-532, section 6.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from diffmath import symbolic
    >>> half, none = Fraction(1, 2), [[0, 0], [0, 0]]
    >>> heun = {"alpha": [half, half], "betaW": [half, half], "betaH": [0, 0], "BH": none}
    >>> heun |= {"A0": [[0, 0], [1, 0]], "BW": [[0, 0], [1, 0]]}
    >>> all(residual == 0 for _, residual in symbolic.stratonovich_conditions(heun, 1))
    True
    >>> found = symbolic.stratonovich_conditions(heun, Fraction(3, 2))
    >>> next(name for name, residual in found if residual != 0)
    'H in a(b): alpha.BH(e) = 1'
    """
    return residuals(_stratonovich(_half_units(order), additive), coefficients)


def additive_noise_conditions(coefficients: Coefficients, order: Fraction | int) -> list[tuple[str, Any]]:
    r"""Evaluate the conditions of strong order 1 or 3/2 of a method for additive noise, driven by (W, H).

    .. math::
        z_i &= x + \sum_j A^{(0)}_{ij} f(z_j)\,h
            + \sum_j g(t + c^{(1)}_j h) \bigl(B^{(W)}_{ij} W + B^{(H)}_{ij} H\bigr), \\
        x_{n+1} &= x + \sum_i \alpha_i f(z_i)\,h
            + \sum_j g(t + c^{(1)}_j h) \bigl(\beta^{(W)}_j W + \beta^{(H)}_j H\bigr)

    Parameters
    ----------
    coefficients : mapping
        Exact numbers: ``alpha`` of shape (stages,), ``betaW``, ``betaH``, ``c1`` of shape (nodes,), ``A0`` of
        shape (stages, stages) and ``BW``, ``BH`` of shape (stages, nodes).
    order : Fraction or int
        1 or 3/2.

    Returns
    -------
    list of (str, number)
        Condition and residual. The method has the strong order if and only if all residuals are zero.

    Raises
    ------
    ValueError
        An order other than 1 and 3/2.

    Notes
    -----
    With ``BW = B0 / 2, BH = B0``, ``betaW = beta1 + beta2 / 2, betaH = beta2`` these are `sra_conditions`.

    References
    ----------
    .. [1] Foster, dos Reis & Strange (2024), SIAM J. Numer. Anal. 62, 500-532, sections 5 and 6.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> euler = {"alpha": [1], "A0": [[0]], "BW": [[0]], "BH": [[0]], "betaW": [1], "betaH": [0], "c1": [0]}
    >>> for condition, residual in symbolic.additive_noise_conditions(euler, 1):
    ...     print(condition, "  residual", residual)
    W in b: betaW.e = 1   residual 0
    H in b: betaH.e = 0   residual 0
    1 in a: alpha.e = 1   residual 0
    """
    return residuals(_additive(_half_units(order)), coefficients)


def _half_units(order: Fraction | int) -> int:
    if order not in (1, Fraction(3, 2)):
        raise ValueError(f"order must be 1 or Fraction(3, 2); got {order!r}")
    return int(2 * order)


@cache
def _stratonovich(half_units: int, additive: bool) -> list[Condition]:
    return _generate(Stratonovich(), half_units, has_additive_noise if additive else lambda tree: True)


@cache
def _additive(half_units: int) -> list[Condition]:
    return _generate(Additive(), half_units, has_additive_noise)


def _generate(family: Family, half_units: int, admissible: Callable[[Tree], bool]) -> list[Condition]:
    conditions = []
    for size in range(1, half_units + 1):
        for tree in filter(admissible, trees(size)):
            conditions += _almost_sure(family, tree)
    for tree in filter(admissible, trees(half_units + 1)):
        terms: dict[tuple[Weight, ...], Fraction] = {}
        for weight, noises in expand(family, tree):
            terms[weight,] = terms.get((weight,), Fraction(0)) + moment(noises)
        target = sum((q * expectation(word) for word, q in exact_weight(tree).items()), start=Fraction(0))
        terms = {weights: factor for weights, factor in terms.items() if factor}
        conditions.append(Condition(terms, target, f"E {name(tree)}: "))
    return [condition.normal() for condition in conditions if condition.terms or condition.target]


def _almost_sure(family: Family, tree: Tree) -> list[Condition]:
    """Compare the coefficients of every monomial in W and H."""
    sides: dict[tuple[int, int], dict[tuple[Weight, ...], Fraction]] = {}
    for weight, noises in expand(family, tree):
        for powers, factor in multiply(noises).items():
            side = sides.setdefault(powers, {})
            side[weight,] = side.get((weight,), Fraction(0)) + factor
    exact: dict[tuple[int, int], Fraction] = {}
    for word, factor in exact_weight(tree).items():
        for powers, share in polynomial(word).items():
            exact[powers] = exact.get(powers, Fraction(0)) + factor * share
    return [
        Condition(sides.get(p, {}), exact.get(p, Fraction(0)), f"{_monomial(p)} in {name(tree)}: ")
        for p in {**sides, **exact}
    ]


def _monomial(powers: tuple[int, int]) -> str:
    parts = [
        letter if power == 1 else f"{letter}^{power}"
        for letter, power in zip("WH", powers, strict=True)
        if power
    ]
    return " ".join(parts) or "1"
