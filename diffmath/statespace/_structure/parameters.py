"""Checks of parameters: numbers inside their bounds."""

from __future__ import annotations

import math
from typing import Any

from diffmath._core.numbers import check_number

__all__ = ["check_parameter"]


def check_parameter(
    name: str,
    value: Any,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return a parameter as a Python float, or refuse a value that is not a number inside the bounds."""
    number = check_number(name, value)
    if not (above < number < below and number >= at_least):
        limits = {"greater than": above, "at least": at_least, "less than": below}
        bounds = [f"{words} {bound:g}" for words, bound in limits.items() if abs(bound) < math.inf]
        required = " and ".join(bounds) or "finite"
        raise ValueError(f"{name} must be {required}; got {value}")
    return number
