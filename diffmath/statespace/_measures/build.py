"""The system of a measure, in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace, asarray_like, is_real_float
from diffmath._core.typing import Array
from diffmath.statespace._structure import Measure, ignore_overflow
from diffmath.statespace._system import StateSpace

__all__ = ["build"]


def build(measure: Measure, order: Any, like: Array | None = None, dtype: Any = None) -> StateSpace:
    """Return the system of a measure in closed form, in the library of `like`."""
    order = measure.check_order(order)
    like = np.empty(0) if like is None else like
    xp = array_namespace(like, names=["like"])
    if dtype is not None and not is_real_float(dtype, xp):
        raise TypeError(f"dtype must be float32 or float64; got {dtype}")
    with ignore_overflow():
        matrices = measure.matrices(order)
        if not all(np.all(np.isfinite(values)) and np.any(values) for values in matrices):
            raise ValueError(
                f"the matrices of {measure!r} leave the range of float64: choose other parameters"
            )
        A, B = (asarray_like(values, like, dtype) for values in matrices)
    return StateSpace(A, B, structure=measure.structure(order), measure=measure)
