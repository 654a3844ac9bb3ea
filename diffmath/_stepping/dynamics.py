"""The right-hand side as the solver calls it: checked once, always counted, with notes on its exceptions."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import fields
from typing import Any

import numpy as np

from diffmath._arrays.bound import Structured
from diffmath._arrays.callables import annotate, check_part, check_result, guarded
from diffmath._arrays.namespace import array_namespace
from diffmath._arrays.scalars import constant
from diffmath._core.typing import Array, Drift, Time
from diffmath._stepping.fetch import TrialFetch
from diffmath._stepping.watcher import Watcher, refuse_modified

__all__ = ["Dynamics"]

_ROLE = "f(t, x)"

_PER_ROW = (
    "t is an array here, one time per row: functions of math take no arrays; use those of the array library "
    "(np.sin(t) for math.sin(t)), or pass batch='shared' for a t that is a float"
)

_ORDER = (
    "x0 is the state that f gets; if it was meant as the time span, the order is ode.solve(f, x0, times), "
    "while solve_ivp takes the times first, solve_ivp(f, t_span, y0)"
)


class Dynamics(Watcher):
    """A user's ``f(t, x)`` with checks and counts.

    The first call (the solver's own, `start`) checks kind, shape and dtype of the result, and that the
    argument was not modified; the next calls check that the first result was not overwritten. Every call
    checks the shape. The slope at the start is stored and returned again, so the check costs no evaluation.
    The parts of a structured right-hand side are checked in the same way.
    """

    def __init__(self, f: Drift) -> None:
        super().__init__(_ROLE)
        self._f = f
        self._at_start: tuple[Time, Array, Array] | None = None
        self._parts: dict[tuple[str, int], Watcher] = {}
        self.calls = 0
        self.spared: Any = 0  # evaluations per row that it did not need: its iteration had ended
        self.bounds = -math.inf, math.inf  # of the times at which f may be evaluated
        self.whole = True  # all rows of x0 are finite
        self.near = True  # arrays of times may exceed a bound by rounding
        self.tolerance: Any = None  # of an adaptive solve: iterations within a step need no more
        self.unsolved: Any = None  # rows whose equations the last step could not solve, if it had any
        self.fetch: TrialFetch | None = None  # reads a trial step on the host, for the solver and the method

    @property
    def model(self) -> Drift:
        """The user's right-hand side, with all its parts."""
        return self._f

    def parts(self, model: Any) -> Any:
        """Return a structured right-hand side whose parts count as evaluations."""
        counted = copy(model)  # not `replace`, which would check the model again at every step
        for part in fields(model):
            function = getattr(model, part.name)
            if callable(function) and part.name != "jacobian":
                object.__setattr__(counted, part.name, self._counted(part.name, function))
        return counted

    def _counted(self, name: str, part: Any) -> Any:
        if isinstance(part, Structured):  # a part with parts of its own, such as a Jacobian, keeps them
            return self.parts(part)

        def counted(t: Time, x: Array) -> Any:
            self.calls += 1
            t = self.within(t)
            watcher = self._parts.setdefault(key, Watcher(role))
            # The sum of the parts broadcasts and promotes; a part by itself must not.
            result = check_part(role, guarded(part, role, t, t, x), x)
            if watcher.kind is None:
                watcher.begin(result)
            elif watcher.watching:
                watcher.settle(result)
            return result

        key, role = (name, id(part)), f"{name}(t, x)"
        return counted

    def within(self, t: Time) -> Time:
        """Return the time for f: a node that exceeds an end of the solve by rounding becomes that end."""
        low, high = self.bounds
        if isinstance(t, float):
            return low if t < low else min(t, high)
        if not self.near:
            return t
        xp = array_namespace(t)  # not `clip`, which copies its bounds to a device and synchronises
        return xp.minimum(xp.maximum(t, constant(low, t)), constant(high, t))

    def start(self, t: Time, x: Array, before: Array) -> Array:
        """Return ``f(t, x)`` at the start; `before` is another array with the values of `x`."""
        try:
            result = guarded(self._f, _ROLE, t, t, x)
        except Exception as error:
            if not isinstance(t, float):
                error.add_note(_PER_ROW)
            if _is_span(x):
                error.add_note(_ORDER)
            raise
        if isinstance(result, list | tuple | int | float):
            raise TypeError(
                f"the result of {_ROLE} must be an array for a batch of states, (batch, ...); got "
                f"{type(result).__name__}: a function of one state becomes one of a batch by ode.unbatched"
            )
        if type(x) is not np.ndarray:  # the device as well
            check_result(_ROLE, result, x)
        slope = check_part(_ROLE, result, x)
        self.calls = 1
        refuse_modified(_ROLE, x, before)
        self._at_start = (t, x, slope)
        self.begin(slope)
        return slope

    def __call__(self, t: Time, x: Array) -> Array:
        if self._at_start is not None:
            t0, x0, slope = self._at_start
            if x is x0 and (t is t0 or (isinstance(t, float) and t == t0)):
                return slope
        if (not self.bounds[0] <= t <= self.bounds[1]) if type(t) is float else self.near:
            t = self.within(t)
        try:  # like `guarded`, without its call, since this call takes microseconds
            result = self._f(t, x)
        except Exception as error:
            annotate(error, _ROLE, t)
            raise
        self.calls += 1
        same = type(result) is type(x) and result.shape == x.shape
        if not (same and (result.dtype is x.dtype or result.dtype == x.dtype)):
            check_result(_ROLE, result, x)  # types may differ where JAX traces
            if result.dtype != x.dtype:
                raise TypeError(
                    f"{_ROLE} must return dtype {x.dtype} as before; got {result.dtype} at t={t!r}"
                )
        if self.watching:
            self.settle(result)
            self._at_start = None  # the start is not evaluated again
        return result


def _is_span(x: Array) -> bool:
    """Whether one state of two numbers looks like a time span."""
    if x.shape != (1, 2):
        return False
    try:
        return bool(x[0, 0] < x[0, 1])
    except (TypeError, ValueError):  # complex, or traced
        return False
