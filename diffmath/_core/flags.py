"""Checks of switches: only True or False, not other true values."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["check_flag"]


def check_flag(name: str, value: Any) -> bool:
    """Return a switch as a bool, or refuse it by `name`.

    A text such as "no" is true in Python, so only bools of Python and NumPy pass.

    Raises
    ------
    TypeError
        Not a bool.

    Examples
    --------
    >>> from diffmath._core.flags import check_flag
    >>> check_flag("progress", True)
    True
    >>> check_flag("progress", "no")
    Traceback (most recent call last):
        ...
    TypeError: progress must be True or False; got str
    """
    if type(value) is bool:
        return value
    if not isinstance(value, np.bool_):
        raise TypeError(f"{name} must be True or False; got {type(value).__name__}")
    return bool(value)
