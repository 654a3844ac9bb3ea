"""Numbers that may be Python numbers or arrays: their functions, and their conversion."""

from __future__ import annotations

import math
from typing import Any

import array_api_compat as compat

from diffmath._core.typing import Array, Scalar

__all__ = ["constant", "elementary"]


def constant(value: float, like: Array, dtype: Any = None) -> Array:
    """Return a number as a zero-dimensional array, filled on the device of `like`; `asarray` would copy it.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.scalars import constant
    >>> constant(0.5, np.ones(2))
    array(0.5)
    """
    xp = compat.array_namespace(like)
    return xp.full((), value, dtype=like.dtype if dtype is None else dtype, device=compat.device(like))


def elementary(t: Scalar | Array) -> Any:
    """Return the namespace of exp, log, sqrt, ... for `t`: `math` for a number, else its library."""
    if type(t) is float or not compat.is_array_api_obj(t):
        return math
    return compat.array_namespace(t)
