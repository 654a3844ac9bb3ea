"""Checks of whole-number arguments: steps, lengths, orders, cells."""

from __future__ import annotations

import operator
from typing import Any

__all__ = ["check_count"]


def check_count(name: str, value: Any, minimum: int = 1) -> int:
    """Return an integer of at least `minimum`, or refuse it by `name`.

    Python and NumPy integers pass; a bool or a float does not.

    Raises
    ------
    TypeError
        Not an integer.
    ValueError
        Less than `minimum`.

    Examples
    --------
    >>> from diffmath._core.counts import check_count
    >>> check_count("order", 8)
    8
    >>> check_count("order", 2.0)
    Traceback (most recent call last):
        ...
    TypeError: order must be an int; got float
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"{name} must be an int; got {type(value).__name__}") from None
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}; got {number}")
    return number
