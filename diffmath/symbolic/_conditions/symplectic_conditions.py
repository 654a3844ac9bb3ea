r"""Order conditions of splitting methods, from Lyndon words, in exact arithmetic.

A splitting method composes the flows of x' = A(x) and x' = B(x). As an operator on functions, one step is the
product :math:`e^{s_1 h X_1} e^{s_2 h X_2} \cdots` with each X one of A, B. It has order p if it agrees with
:math:`e^{h(A+B)}` in all words of at most p letters. Both are exponentials of Lie series. The coefficients of
all words therefore follow from those of the Lyndon words (Radford's theorem). There are 2, 1, 2, 3, 6, 9, 18
independent conditions for the orders 1, 2, 3, ..., as many as Lie brackets.

Source: Hairer, Lubich & Wanner (2006), Geometric Numerical Integration, section III.5; Reutenauer (1993),
Free Lie Algebras, sections 5.1 and 6.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from diffmath._core.counts import check_count

__all__ = ["lyndon_words", "splitting_conditions", "word_coefficient"]


def lyndon_words(length: int) -> tuple[str, ...]:
    """Return the Lyndon words of this length in A < B, which are smaller than all their rotations.

    Parameters
    ----------
    length : int
        Number of letters, at least 1.

    Returns
    -------
    tuple of str
        2, 1, 2, 3, 6, 9, 18, ... words for length 1, 2, 3, ... (OEIS A001037), in alphabetical order.

    References
    ----------
    .. [1] Duval (1988), Generation d'une section des classes de conjugaison, Theor. Comput. Sci. 60, 255-283.

    Examples
    --------
    >>> from diffmath import symbolic
    >>> symbolic.lyndon_words(4)
    ('AAAB', 'AABB', 'ABBB')
    """
    length, found, word = check_count("length", length), [], [-1]
    while word:  # Duval's algorithm: the next Lyndon word of at most this length
        word[-1] += 1
        if len(word) == length:
            found.append("".join("AB"[letter] for letter in word))
        period = len(word)
        while len(word) < length:
            word.append(word[-period])
        while word and word[-1] == 1:
            word.pop()
    return tuple(found)


def word_coefficient(word: str, steps: Sequence[tuple[str, Any]]) -> Any:
    r"""Return the exact coefficient of a word in the product of the exponentials :math:`e^{s_k X_k}`.

    Parameters
    ----------
    word : str
        Letters A and B.
    steps : sequence of (letter, number)
        The factors from left to right, which is the order in which the flows are applied.

    Returns
    -------
    number
        Of the type of the given numbers: integers, `fractions.Fraction`, algebraic numbers, SymPy formulas.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from diffmath.symbolic._conditions.symplectic_conditions import word_coefficient
    >>> half = Fraction(1, 2)
    >>> word_coefficient("AB", [("A", half), ("B", 1), ("A", half)])
    Fraction(1, 2)
    """
    prefix: list[Any] = [1, *(0 for _ in word)]  # coefficients of word[:j] in the product so far
    for letter, number in steps:
        following = list(prefix)
        for start in range(len(word)):
            power: Any = prefix[start]
            for stop in range(start, len(word)):
                if word[stop] != letter or power == 0:
                    break
                power = power * number * Fraction(1, stop - start + 1)
                following[stop + 1] = following[stop + 1] + power
        prefix = following
    return prefix[-1]


def splitting_conditions(steps: Sequence[tuple[str, Any]], order: int) -> list[tuple[str, Any]]:
    r"""Evaluate every order condition of a splitting method up to `order`.

    .. math:: r(w) = \Bigl[\prod_k e^{s_k X_k}\Bigr]_w - \frac{1}{|w|!}

    Parameters
    ----------
    steps : sequence of ("A" or "B", number)
        The flows in the order in which they are applied, each with its fraction of the step.
    order : int
        Largest length of the Lyndon words.

    Returns
    -------
    list of (str, number)
        Word and residual, short words first. The method has this order if all residuals are zero.

    Raises
    ------
    TypeError
        A fraction is a float, for which exact conditions do not hold.
    ValueError
        `order` is below 1, or a letter is neither A nor B.

    Notes
    -----
    The conditions hold for any A and B: no bracket is assumed to be zero. Methods for a quadratic kinetic
    energy (Nystrom) fail the words with BBB, because they do not have this order for other problems.

    References
    ----------
    .. [1] Hairer, Lubich & Wanner (2006), Geometric Numerical Integration, section III.5.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from diffmath import symbolic
    >>> half = Fraction(1, 2)
    >>> for word, residual in symbolic.splitting_conditions([("B", half), ("A", 1), ("B", half)], 3):
    ...     print(word, residual)
    A 0
    B 0
    AB 0
    AAB 1/12
    ABB -1/24
    """
    order = check_count("order", order)
    for letter, number in steps:
        if letter not in ("A", "B"):
            raise ValueError(f"a step must name A or B; got {letter!r}")
        if isinstance(number, str | float | complex):
            raise TypeError(f"steps must hold exact numbers (int, Fraction, SymPy); got {number!r}")
    words = [word for length in range(1, order + 1) for word in lyndon_words(length)]
    return [(word, word_coefficient(word, steps) - Fraction(1, math.factorial(len(word)))) for word in words]
