"""The result of a trial step for the solver: new state, error of every row, and the state inside the step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array, Time
from diffmath._stepping.clocks import Rows
from diffmath._stepping.trial import Interpolation

__all__ = ["Attempt", "NumberAttempt", "Outcome"]


@dataclass(eq=False, slots=True)
class Outcome:
    """A step tried from x: `error` is in units of the tolerance, `state` that of the method after it."""

    x: Array
    error: Any  # one per row, Rows; or a number from a `NumberAttempt`
    state: Any
    dense: Callable[[], Interpolation]
    on_device: tuple[Array, Time] | None = None  # error and step on the device, with own clocks

    def passed(self) -> Array | None:
        """Return which rows are accepted, computed on the device, so that the host need not copy its
        decision.

        The same comparison as in `advance_clocks`, since rows that have ended take steps of length zero.
        """
        if self.on_device is None:
            return None
        size, dt = self.on_device
        xp = array_namespace(size)
        return (size <= 1) & (xp.reshape(dt, size.shape) != 0)


# (t, dt, x, state of the method) -> Outcome; t and dt hold one entry per clock.
Attempt: TypeAlias = Callable[[Rows, Rows, Array, Any], Outcome]

# The same for one clock, in numbers.
NumberAttempt: TypeAlias = Callable[[float, float, Array, Any], Outcome]
