"""A user's callables as the solvers call them: what they return must keep its kind, call after call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import array_api_compat as compat

from diffmath._callables import FirstResult
from diffmath._models import SDE
from diffmath._typing import Array
from diffmath.sde._langevin import Langevin

__all__ = ["Watched", "watched"]


class Watched:
    """A drift, diffusion or force; its first result sets shape and dtype, and must be left alone."""

    __slots__ = ("_dtype", "_first", "_tail", "function", "role")

    def __init__(self, role: str, function: Any) -> None:
        self.role, self.function = role, function
        self._dtype: Any = None
        self._tail: tuple[int, ...] = ()
        self._first: FirstResult | None = None

    def __call__(self, t: float, x: Array) -> Any:
        result = self.function(t, x)
        if self._dtype is None:
            self._begin(result)
            return result
        shape = (x.shape[0], *self._tail)
        if getattr(result, "shape", None) != shape or result.dtype != self._dtype:
            self._refuse(result, shape)
        first = self._first  # threads share it: another may end it meanwhile
        if first is not None and first.settled(result):
            self._first = None
        return result

    def _begin(self, result: Any) -> None:
        """Learn from the first result; what it must be is checked by who asked for it."""
        if compat.is_array_api_obj(result) and result.ndim:
            self._tail, self._first = tuple(result.shape[1:]), FirstResult(self.role, result)
            self._dtype = result.dtype  # last: from now on, other threads look at the rest

    def _refuse(self, result: Any, shape: tuple[int, ...]) -> None:
        if not compat.is_array_api_obj(result):
            raise TypeError(f"{self.role} must return an array, as before; got {type(result).__name__}")
        if tuple(result.shape) != shape:
            raise ValueError(f"{self.role} must return shape {shape}; got {tuple(result.shape)}")
        if result.dtype != self._dtype:
            raise TypeError(f"{self.role} must return {self._dtype}, as before; got {result.dtype}")

    def __reduce__(self) -> tuple[Any, ...]:
        # Worker processes are sent the function, not what one call returned.
        return Watched, (self.role, self.function)


def watched(model: SDE) -> SDE:
    """Return the model with its callables watched, for one run."""
    if isinstance(model, Langevin):
        return replace(model, force=Watched("force(t, q)", model.force))
    if type(model) is not SDE:
        return model
    return replace(
        model,
        drift=Watched("drift(t, x)", model.drift),
        diffusion=Watched("diffusion(t, x)", model.diffusion),
    )
