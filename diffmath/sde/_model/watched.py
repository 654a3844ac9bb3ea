"""User callables with checks: shape, dtype and library of their results must not change between calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import array_api_compat as compat

from diffmath._arrays.models import SDE
from diffmath._core.typing import Array
from diffmath._stepping.watcher import Watcher
from diffmath.sde._model.langevin import Langevin
from diffmath.sde._model.rows import Rows, fit_of

__all__ = ["Watched", "rows_of", "watched"]


class Watched(Watcher):
    """A drift, diffusion or force.

    `fit` expands a constant or a shape that broadcasts to a full array; `rows` are the rows of the calls.
    """

    __slots__ = ("_fitting", "fit", "function", "rows", "shape_returned")

    def __init__(self, role: str, function: Any, fit: Any = None, rows: Rows | None = None) -> None:
        super().__init__(role)
        self.function, self.fit, self.rows = function, fit, rows
        self._fitting = fit is not None
        self.shape_returned: tuple[int, ...] = ()  # of the first result, before it was expanded

    def __call__(self, t: float, x: Array) -> Any:
        raw = self.function(t, x)
        result = self.fit(raw, x) if self._fitting else raw
        shape = (x.shape[0], *self._tail)
        if self.watching or getattr(result, "shape", None) != shape or result.dtype != self._dtype:
            return self._looked_at(raw, result, x)
        return result

    def alone(self, t: float, x: Array) -> Any:
        """Call the function without checks, on rows that are not those of the solve."""
        raw = self.raw(t, x)
        return raw if self.fit is None else self.fit(raw, x)

    def raw(self, t: float, x: Array) -> Any:
        """Call the function directly and restart the checks, since a buffer may have been replaced."""
        self.restart()
        return self.function(t, x)

    def _looked_at(self, raw: Any, result: Any, x: Array) -> Any:
        """Record the first result; expand and check a later one."""
        if self._dtype is None:
            self.shape_returned = tuple(getattr(raw, "shape", ()))
            if compat.is_array_api_obj(result) and result.ndim:  # the caller checks it
                self.begin(result)
            self._fitting = self._fitting and result is not raw  # a full array needs no fitting
            return result
        shape = (x.shape[0], *self._tail)
        if getattr(result, "shape", None) != shape or result.dtype != self._dtype:
            if self.fit is not None and not self._fitting:
                self._fitting = True
                result = self.fit(result, x)
            if getattr(result, "shape", None) != shape or result.dtype != self._dtype:
                self.refuse_change(result, shape)
        if self.watching:
            self.settle(result)
        return result

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
