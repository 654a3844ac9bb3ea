r"""Order conditions of weak stochastic Runge-Kutta methods, for any family and any noise.

A step with bounded moments has weak order p if, for every multiset of coloured trees with a total order of at
most p + 1/2,

.. math:: \mathbb E \prod_i \Phi(\tau_i) = \mathbb E \prod_i \varphi(\tau_i).

For p = 2 there are 86 multisets of trees, with up to five Brownian motions. Both sides are computed exactly.
Without identities and repetitions, the conditions are polynomials in the coefficients that must be zero: 158
for Roessler's family. His 59 conditions imply all of them, and each of the 59 is necessary.

The discrete variables must also have the right moments. The printed scheme can be read as if all pairs (k, l)
with the same k shared one two-point variable. Then E I_12 I_13 = h^2/4, but the exact value is 0; the
conditions fail for three Brownian motions, and the order is 1. Here every pair has its own variable.

Source: Roessler (2006), Rooted tree analysis for order conditions of stochastic Runge-Kutta methods for the
weak approximation of stochastic differential equations, Stoch. Anal. Appl. 24, 97-134, theorem 6.4.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from diffmath.symbolic._conditions.coloured_trees import Forest, Tree, colourings, exact_weight, forests, name
from diffmath.symbolic._conditions.ito_words import expectation, product
from diffmath.symbolic._conditions.srk_conditions import (
    Coefficients,
    Condition,
    Family,
    Slot,
    Weight,
    expand,
    residuals,
)

__all__ = ["generate", "tang_xiao_conditions", "weak_conditions"]

# A polynomial in the discrete variables of a step of length 1. A monomial is a sorted tuple of letters: k > 0
# for the three-point variable of Brownian motion k, k < 0 for a two-point variable. Every coefficient is a
# multiple of a power of 1/2 with few digits, so that floats are exact here, and ten times faster.
Polynomial = Mapping[tuple[int, ...], float]

_ONE: Polynomial = {(): 1.0}


def weak_conditions(coefficients: Coefficients) -> list[tuple[str, Any]]:
    r"""Evaluate the conditions of weak order 2 of a method of Roessler's family, for any Ito noise.

    .. math::
        H^{(0)}_i &= x + \sum_j A^{(0)}_{ij} a(H^{(0)}_j)\,h
            + \sum_{j,l} B^{(0)}_{ij} b^l(H^{(l)}_j)\,\hat I_l, \\
        H^{(k)}_i &= x + \sum_j A^{(1)}_{ij} a(H^{(0)}_j)\,h + \sum_j B^{(1)}_{ij} b^k(H^{(k)}_j) \sqrt h, \\
        \hat H^{(k)}_i &= x + \sum_j A^{(2)}_{ij} a(H^{(0)}_j)\,h
            + \sum_j \sum_{l \ne k} B^{(2)}_{ij} b^l(H^{(l)}_j)\,\tfrac{\hat I_{kl}}{\sqrt h}, \\
        x_{n+1} &= x + \sum_i \alpha_i a(H^{(0)}_i)\,h
            + \sum_{i,k} \Bigl(\beta^{(1)}_i \hat I_k
            + \beta^{(2)}_i \tfrac{\hat I_{kk}}{\sqrt h}\Bigr) b^k(H^{(k)}_i)
            + \sum_{i,k} \bigl(\beta^{(3)}_i \hat I_k + \beta^{(4)}_i \sqrt h\bigr) b^k(\hat H^{(k)}_i)

    Parameters
    ----------
    coefficients : mapping
        Exact numbers: ``alpha``, ``beta1``, ``beta2``, ``beta3``, ``beta4`` of shape (stages,) and ``A0``,
        ``B0``, ``A1``, ``B1``, ``A2``, ``B2`` of shape (stages, stages).

    Returns
    -------
    list of (str, number)
        Multiset of trees with its formula, and residual. The method has weak order 2 if all are zero.

    Notes
    -----
    The discrete variable :math:`\hat I_k` is :math:`\pm\sqrt{3h}` with probability 1/6 each, and 0 otherwise.
    The mixed one is :math:`\hat I_{kl} = \frac12 (\hat I_k \hat I_l \mp \sqrt h\,V_{kl})`, with minus for k <
    l and an independent two-point variable :math:`V_{kl} = V_{lk} = \pm\sqrt h` for each pair. The times of
    the stages are those of the state. The conditions are derived on the first call, in a few tenths of a
    second.

    References
    ----------
    .. [1] Roessler (2009), Second order Runge-Kutta methods for Ito stochastic differential equations,
       SIAM J. Numer. Anal. 47, 1713-1738, equation (3.1) and theorem 5.1 (59 conditions).

    Examples
    --------
    >>> from diffmath import symbolic
    >>> euler = {"alpha": [1], "beta1": [1], "beta2": [0], "beta3": [0], "beta4": [0]}
    >>> zeros = {name: [[0]] for name in ("A0", "B0", "A1", "B1", "A2", "B2")}
    >>> conditions = symbolic.weak_conditions(euler | zeros)
    >>> len(conditions), conditions[1]
    (158, ('E(a): alpha.e = 1', Fraction(0, 1)))
    >>> next((name, residual) for name, residual in conditions if residual != 0)
    (...)
    """
    return residuals(_ri(), coefficients)


def tang_xiao_conditions(coefficients: Coefficients) -> list[tuple[str, Any]]:
    r"""Evaluate the conditions of weak order 2 of a method of Tang and Xiao's family, for any Ito noise.

    .. math::
        H^{(0)}_i &= x + \sum_j A^{(0)}_{ij} a(H^{(0)}_j)\,h
            + \sum_{j,l} B^{(0)}_{ij} b^l(H^{(l)}_j)\,\hat I_l, \\
        H^{(k)}_i &= x + \sum_j A^{(1)}_{ij} a(H^{(0)}_j)\,h + \sum_j B^{(1)}_{ij} b^k(H^{(k)}_j)\,
            \xi \sqrt h + \sum_j \sum_{l \ne k} B^{(2)}_{ij} b^l(H^{(l)}_j)\,\hat I_{kl}, \\
        x_{n+1} &= x + \sum_i \alpha_i a(H^{(0)}_i)\,h
            + \sum_{i,k} \Bigl(\beta^{(0)}_i \hat I_k + \beta^{(1)}_i \tfrac{\xi}{2 \sqrt h}
            (\hat I_k^2 - h)\Bigr) b^k(H^{(k)}_i)

    Parameters
    ----------
    coefficients : mapping
        Exact numbers: ``alpha``, ``beta0``, ``beta1`` of shape (stages,) and ``A0``, ``B0``, ``A1``, ``B1``,
        ``B2`` of shape (stages, stages).

    Returns
    -------
    list of (str, number)
        Multiset of trees with its formula, and residual. The method has weak order 2 if all are zero.

    Notes
    -----
    :math:`\hat I_k` are three-point variables as in `weak_conditions`, and :math:`\xi = \pm 1`. The mixed
    variable is :math:`\hat I_{kl} = \frac12 \hat I_l (1 \mp \eta_{kl})`, with minus for k < l and an
    independent sign for each pair; the paper has one sign for all pairs.

    References
    ----------
    .. [1] Tang & Xiao (2017), Efficient weak second-order stochastic Runge-Kutta methods for Ito stochastic
       differential equations, BIT 57, 241-260.

    Examples
    --------
    >>> from diffmath import sde, symbolic
    >>> conditions = symbolic.tang_xiao_conditions(sde.w2ito1.step.tableau.coefficients)
    >>> any(residual != 0 for _, residual in conditions)
    False
    """
    return residuals(_tang_xiao(), coefficients)


@cache
def _ri() -> list[Condition]:
    return generate(Ri())


@cache
def _tang_xiao() -> list[Condition]:
    return generate(TangXiao())


class Ri:
    """The drift at stages (0), the diffusion b^k at (1, k) and (2, k): Roessler (2009), equation (3.1)."""

    def step(self, colour: int) -> Sequence[Slot]:
        """Weights of the step."""
        if colour == 0:
            return [Slot("alpha", 0, _ONE)]
        k = colour
        return [
            Slot("beta1", (1, k), _three_point(k)),
            Slot("beta2", (1, k), _pair(k, k)),
            Slot("beta3", (2, k), _three_point(k)),
            Slot("beta4", (2, k), _ONE),
        ]

    def stage(self, kind: Any, colour: int) -> Sequence[Slot]:
        """Stages (1, k) depend on their own Brownian motion, stages (2, k) on all others."""
        row, k = kind or (0, 0)
        if colour == 0:
            return [Slot(f"A{row}", 0, _ONE)]
        if row == 0:
            return [Slot("B0", (1, colour), _three_point(colour))]
        if row == 1:
            return [Slot("B1", (1, k), _ONE)] if colour == k else []
        return [Slot("B2", (1, colour), _pair(k, colour))] if colour != k else []


class TangXiao:
    """The drift at stages (0), the diffusion b^k at (1, k): Tang & Xiao (2017), equation (3)."""

    def step(self, colour: int) -> Sequence[Slot]:
        """Weights of the step."""
        if colour == 0:
            return [Slot("alpha", 0, _ONE)]
        k = colour
        squared: Polynomial = {(-1, k, k): 0.5, (-1,): -0.5}
        return [Slot("beta0", (1, k), _three_point(k)), Slot("beta1", (1, k), squared)]

    def stage(self, kind: Any, colour: int) -> Sequence[Slot]:
        """Stages (1, k) depend on their own Brownian motion with the sign xi, and on all others."""
        row, k = kind or (0, 0)
        if colour == 0:
            return [Slot(f"A{row}", 0, _ONE)]
        if row == 0:
            return [Slot("B0", (1, colour), _three_point(colour))]
        if colour == k:
            return [Slot("B1", (1, k), {(-1,): 1.0})]
        first, second = sorted((k, colour))
        sign = -0.5 if k < colour else 0.5
        return [Slot("B2", (1, colour), {(colour,): 0.5, (-(10 * first + second), colour): sign})]


def _three_point(k: int) -> Polynomial:
    return {(k,): 1.0}


def _pair(k: int, l: int) -> Polynomial:
    r"""Return :math:`\hat I_{kl}` for a step of length 1."""
    if k == l:
        return {(k, k): 0.5, (): -0.5}
    first, second = sorted((k, l))
    return {(first, second): 0.5, (-(10 * first + second),): -0.5 if k < l else 0.5}


def generate(
    family: Family,
    expect: Callable[[Any], Any] | None = None,
    admissible: Callable[[Tree], bool] | None = None,
) -> list[Condition]:
    """Return the conditions of weak order 2 for a family of methods, without repetitions.

    `expect` maps the factors of a product of random variables to its expectation; by default they are
    polynomials in discrete variables. Trees whose elementary differential is zero are not `admissible`.
    """
    found: dict[Any, Condition] = {}
    terms_of = cache(lambda tree: list(expand(family, tree)))
    for half_units in range(1, 6):
        for plain in forests(half_units):
            for forest in colourings(plain):
                if admissible is None or all(map(admissible, forest)):
                    condition = _compare([terms_of(tree) for tree in forest], forest, expect or _expect)
                    if condition.terms or condition.target:
                        found.setdefault((frozenset(condition.terms.items()), condition.target), condition)
    return [condition.normal() for condition in found.values()]


def _compare(sides: Sequence[Any], forest: Forest, expect: Callable[[Any], Any]) -> Condition:
    """Return the expectation of a product of weights as a polynomial in the coefficients, and its target."""
    terms: dict[tuple[Weight, ...], Fraction] = {}
    for factors in itertools.product(*sides):
        value = expect([noise for _, noises in factors for noise in noises])
        if value:
            weights = tuple(sorted(weight for weight, _ in factors))
            terms[weights] = terms.get(weights, Fraction(0)) + Fraction(value)
    target = expectation(product(map(exact_weight, forest)))
    label = f"E({' '.join(name(tree, single=False) for tree in forest)}): "
    return Condition({weights: factor for weights, factor in terms.items() if factor}, target, label)


def _expect(factors: Sequence[Polynomial]) -> float:
    result: dict[tuple[int, ...], float] = {(): 1.0}
    for factor in factors:
        if factor is not _ONE:
            terms: dict[tuple[int, ...], float] = {}
            for (letters, p), (more, q) in itertools.product(result.items(), factor.items()):
                key = letters + more
                terms[key] = terms.get(key, 0.0) + p * q
            result = terms
    return sum(factor * _moment(tuple(sorted(letters))) for letters, factor in result.items())


@cache
def _moment(letters: tuple[int, ...]) -> int:
    """Return E of a monomial: 1, 3, 9 for powers 2, 4, 6 of a three-point variable, 1 for a two-point one."""
    moment = 1
    for letter, copies in itertools.groupby(letters):
        power = len(list(copies))
        moment *= 0 if power % 2 else 3 ** (power // 2 - 1) if letter > 0 else 1
    return moment
