"""Cache of matrices that depend only on a model and a step, for the lifetime of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from diffmath._core.typing import Array, Time

__all__ = ["StepCache"]

Value = TypeVar("Value")

# Equal intervals of a rounded grid differ in the last place, so there are several steps, not one.
_KEPT = 8


class StepCache(Generic[Value]):
    """Values by (model, method, step, kind of array), for the last eight steps of each model.

    A model is compared by identity and must not change. Each solve has its own model, and its cached values
    are freed with it. A step given per row is an array, for which nothing is cached.

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
        """Return the value for this step and kind of array; build and cache it if needed."""
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
