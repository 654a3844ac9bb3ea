"""User callables with checks: shape, dtype and library of their results must not change between calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import array_api_compat as compat

from diffmath._arrays.callables import FirstResult
from diffmath._arrays.models import SDE
from diffmath._core.typing import Array
from diffmath.sde._model.langevin import Langevin
from diffmath.sde._model.rows import Rows, fit_of

__all__ = ["Watched", "rows_of", "watched"]


class Watched:
    """A drift, diffusion or force; its first result sets shape and dtype, and must not be overwritten.

    `fit` expands a constant or a shape that broadcasts to a full array; `rows` are the rows of the calls.
    """

    __slots__ = (
        "_anew",
        "_dtype",
        "_first",
        "_fitting",
        "_tail",
        "fit",
        "function",
        "role",
        "rows",
        "shape_returned",
    )

    def __init__(self, role: str, function: Any, fit: Any = None, rows: Rows | None = None) -> None:
        self.role, self.function, self.fit, self.rows = role, function, fit, rows
        self._dtype: Any = None
        self._anew = False
        self._tail: tuple[int, ...] = ()
        self._first: FirstResult | None = None
        self._fitting = fit is not None
        self.shape_returned: tuple[int, ...] = ()  # of the first result, before it was expanded

    def __call__(self, t: float, x: Array) -> Any:
        raw = self.function(t, x)
        result = self.fit(raw, x) if self._fitting else raw
        if self._dtype is None:
            self.shape_returned = tuple(getattr(raw, "shape", ()))
            self._begin(result)
            self._fitting = self._fitting and result is not raw  # a full array needs no fitting
            return result
        shape = (x.shape[0], *self._tail)
        if getattr(result, "shape", None) != shape or result.dtype != self._dtype:
            result = self._amend(result, x, shape)
        first = self._first  # read once: another thread may clear it meanwhile
        if first is not None and first.settled(result):
            self._first = None
        elif self._anew:
            self._anew, self._first = False, FirstResult(self.role, result)
        return result

    def alone(self, t: float, x: Array) -> Any:
        """Call the function without checks, on rows that are not those of the solve."""
        raw = self.raw(t, x)
        return raw if self.fit is None else self.fit(raw, x)

    def raw(self, t: float, x: Array) -> Any:
        """Call the function directly and restart the checks, since a buffer may have been replaced."""
        self._first, self._anew = None, True
        return self.function(t, x)

    def _begin(self, result: Any) -> None:
        """Record the first result; the caller checks it."""
        if compat.is_array_api_obj(result) and result.ndim:
            self._tail, self._first = tuple(result.shape[1:]), FirstResult(self.role, result)
            self._dtype = result.dtype  # last: other threads check the result once this is set

    def _amend(self, result: Any, x: Array, shape: tuple[int, ...]) -> Any:
        """Expand a result that is not full in the same way as the first one, or refuse it."""
        if self.fit is not None and not self._fitting:
            self._fitting = True
            result = self.fit(result, x)
        if getattr(result, "shape", None) != shape or result.dtype != self._dtype:
            self._refuse(result, shape)
        return result

    def _refuse(self, result: Any, shape: tuple[int, ...]) -> None:
        if not compat.is_array_api_obj(result):
            raise TypeError(f"{self.role} must return an array, as before; got {type(result).__name__}")
        if tuple(result.shape) != shape:
            raise ValueError(f"{self.role} must return shape {shape}; got {tuple(result.shape)}")
        if result.dtype != self._dtype:
            raise TypeError(f"{self.role} must return {self._dtype}, as before; got {result.dtype}")

    def __reduce__(self) -> tuple[Any, ...]:
        # Worker processes get the function, not the result of a call.
        return Watched, (self.role, self.function, self.fit, self.rows)


_ROLES = ("drift", "diffusion", "drift_jacobian", "diffusion_derivative")


def watched(model: SDE, rows: Rows) -> SDE:
    """Return the model for flat rows, bound to its parameters, with checked callables, for one run."""
    if isinstance(model, Langevin):
        force = Watched("force(t, q)", rows.bound(model.force, "force"), rows=rows)
        jacobian = model.force_jacobian
        bound = None if jacobian is None else rows.bound(jacobian, "force_jacobian")
        return replace(model, force=force, force_jacobian=bound)
    if type(model) is not SDE and rows.parameters is None and not rows.args and len(rows.state) == 1:
        return model
    changed: dict[str, Any] = {}
    for role in _ROLES:
        function = getattr(model, role)
        if function is not None:
            fit = fit_of(model, role, rows.state)
            changed[role] = Watched(f"{role}(t, x)", rows.bound(function, role), fit, rows)
    return replace(model, **changed)


def rows_of(model: SDE) -> Rows | None:
    """Return the `Rows` that the callables of a watched model use."""
    found = getattr(model.force if isinstance(model, Langevin) else model.drift, "rows", None)
    return found if isinstance(found, Rows) else None
