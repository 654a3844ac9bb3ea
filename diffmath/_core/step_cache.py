"""Matrices that depend on a model and the step alone: computed once for as long as the model lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from diffmath._core.typing import Array, Time

__all__ = ["StepCache"]

Value = TypeVar("Value")

# Equal intervals of a rounded grid differ in the last place: a handful of steps, not one.
_KEPT = 8


class StepCache(Generic[Value]):
    """Values by (model, method, step, kind of array), the last eight steps of each model.

    A model is compared by identity and must not change; a solve has its own, and what it kept goes with it. A
    step given per row is an array, and nothing is kept for it.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._core.step_cache import StepCache
    >>> class Model:
    ...     pass
    >>> cache, model, x, built = StepCache(), Model(), np.ones((1, 1)), []
    >>> for dt in (0.1, 0.1, 0.2):
    ...     cache.get(model, "mine", dt, x, lambda: built.append(dt))
    >>> built
    [0.1, 0.2]
    """

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Any, dict[Any, Value]] = WeakKeyDictionary()

    def get(self, model: Any, method: Any, dt: Time, like: Array, build: Callable[[], Value]) -> Value:
        """Return what was built for this step and kind of array, or build and keep it."""
        if not isinstance(dt, int | float):
            return build()
        kept = self._kept.setdefault(model, {})
        key = (method, float(dt), type(like), str(like.dtype), str(getattr(like, "device", "")))
        if key in kept:
            value = kept[key]
        else:
            value = build()
        others = [item for item in kept.items() if item[0] != key]
        self._kept[model] = dict([*others[1 - _KEPT :], (key, value)])
        return value
