"""Real numbers at the public edge: steps, tolerances, parameters."""

from __future__ import annotations

from numbers import Real
from typing import Any

__all__ = ["check_number"]


def check_number(name: str, value: Any) -> float:
    """Return a real number, NumPy's included, as a float, or refuse it by `name`.

    Raises
    ------
    TypeError
        Not a number; a bool is none.

    Examples
    --------
    >>> from diffmath._core.numbers import check_number
    >>> check_number("dt", 1)
    1.0
    >>> check_number("dt", "1")
    Traceback (most recent call last):
        ...
    TypeError: dt must be a number; got str
    """
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number; got {type(value).__name__}")
    return float(value)
