"""What the solver knows of a trial step: the new state, the error of every row, the state inside the step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array, Time
from diffmath._stepping.clocks import Rows
from diffmath._stepping.trial import Interpolation

__all__ = ["Attempt", "Outcome"]


@dataclass(eq=False, slots=True)
class Outcome:
    """A step tried from x: `error` is in units of the tolerance, `state` that of the method after it."""

    x: Array
    error: Rows
    state: Any
    dense: Callable[[], Interpolation]
    on_device: tuple[Array, Time] | None = None  # error and step where x is, if every row has its own clock

    def passed(self) -> Array | None:
        """Return which rows are accepted, as the device finds it: the host need not send what it decided.

        The very comparison of `advance_clocks`, for rows that have ended take steps of length zero.
        """
        if self.on_device is None:
            return None
        size, dt = self.on_device
        xp = array_namespace(size)
        return (size <= 1) & (xp.reshape(dt, size.shape) != 0)


# (t, dt, x, state of the method) -> Outcome; t and dt hold one entry per clock.
Attempt: TypeAlias = Callable[[Rows, Rows, Array, Any], Outcome]
