r"""Linear combinations of arrays, with one pass over memory where a kernel can take them.

.. math:: \sum_j \mathrm{factor}_j\,a_j, \quad \text{added from left to right}

A sampler's step and the conversion of a prediction are such sums. The kernel adds in the same order, without
fused multiplications, so its numbers are those of the array code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from diffmath._arrays.accelerate import accelerated
from diffmath._arrays.namespace import all_finite
from diffmath._core.typing import Array

__all__ = ["Combination", "alike", "checked_combination", "linear_combination", "nested_combination"]

_WORTH = 2**12  # numbers in an array from which on finding a kernel takes less time than it saves


def linear_combination(factors: Sequence[float], arrays: Sequence[Array]) -> Array:
    """Return the sum of arrays times factors; an overflow gives no warning, the caller checks.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath.diffusion._process.combination import linear_combination
    >>> linear_combination((2.0, -1.0), (np.ones(2), np.ones(2)))
    array([1., 1.])
    """
    run = combine if alike(arrays) else combine.reference
    return run(tuple(factors), *arrays)


def checked_combination(factors: Sequence[float], arrays: Sequence[Array]) -> tuple[Array, bool]:
    """Return the sum of arrays times factors, and whether all its numbers are finite.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath.diffusion._process.combination import checked_combination
    >>> checked_combination((2.0, -1.0), (np.ones(2), np.array([1.0, np.inf])))
    (array([  1., -inf]), False)
    """
    run = combine_checked if alike(arrays) else combine_checked.reference
    return run(tuple(factors), *arrays)


class Combination(NamedTuple):
    """A linear combination of two arrays that is yet to be computed, for `nested_combination`."""

    factors: tuple[float, float]
    arrays: tuple[Array, Array]

    def value(self) -> Array:
        """Return the combination."""
        return linear_combination(*self)


def nested_combination(
    inner: Combination, factors: Sequence[float], others: Sequence[Array]
) -> tuple[Array, Array, bool]:
    """Return ``p = inner.value()``, the sum of ``x, p, *others`` times factors, and whether that is finite.

    x is the first array of `inner`.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath.diffusion._process.combination import Combination, nested_combination
    >>> inner = Combination((2.0, -1.0), (np.ones(1), np.ones(1)))
    >>> nested_combination(inner, (1.0, 3.0, 1.0), [np.ones(1)])
    (array([1.]), array([5.]), True)
    """
    run = combine_nested if alike((*inner.arrays, *others)) else combine_nested.reference
    return run(inner.factors, tuple(factors), *inner.arrays, *others)


def alike(arrays: Sequence[Array]) -> bool:
    """Whether a kernel can take arrays: they are large, and of one shape and dtype."""
    first = arrays[0]
    shape, dtype = first.shape, first.dtype
    return math.prod(shape) >= _WORTH and all(a.shape == shape and a.dtype == dtype for a in arrays[1:])


@accelerated
def combine(factors: tuple[float, ...], *arrays: Array) -> Array:
    """Return ``factors[0] arrays[0] + factors[1] arrays[1] + ...``."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = factors[0] * arrays[0]
        for factor, array in zip(factors[1:], arrays[1:], strict=True):
            total = total + (array if factor == 1.0 else factor * array)
        return total


@accelerated
def combine_checked(factors: tuple[float, ...], *arrays: Array) -> tuple[Array, bool]:
    """Return what `combine` does, and whether it is finite."""
    total = combine.reference(factors, *arrays)
    return total, all_finite(total)


@accelerated
def combine_nested(
    pair: tuple[float, float], factors: tuple[float, ...], x: Array, y: Array, *others: Array
) -> tuple[Array, Array, bool]:
    """Return ``p = pair[0] x + pair[1] y``, then the sum of (x, p, *others), and whether that is finite."""
    inner = combine.reference(pair, x, y)
    return inner, *combine_checked.reference(factors, x, inner, *others)
