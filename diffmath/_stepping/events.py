"""Events in a solution, as objects that are checked when they are built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from diffmath._arrays.callables import check_dynamics
from diffmath._core.numbers import check_number
from diffmath._core.typing import Array, Time

__all__ = ["Event", "Events", "check_events"]


@dataclass(frozen=True)
class Event:
    """An event: where ``function(t, x)`` reaches zero or changes its sign.

    Parameters
    ----------
    function : callable
        ``function(t, x)`` -> array of shape (batch,), one number per row; `t` has the form that f gets.
    terminal : bool or int, optional
        Whether the first such event ends its row; an int n means the n-th. None is False, as in solve_ivp.
    direction : float
        Positive: only from negative to positive; negative: only from positive to negative; 0: both.
    checks : int
        Number of parts of every step in which the sign is checked: a pair of events within one part is not
        detected.

    Notes
    -----
    An event is a change of sign, or a change to zero: a row that starts at zero has no event there. Its time
    is exact to four units in the last place of t, or to the noise of `function`. Its state is that of the
    dense output, which inside a long step of a stiffly accurate method is less accurate than the ends of the
    step: set `max_step` if that matters. Where the function is nan a crossing may hide, so the row ends there
    with the status
    "nonfinite". A plain function can be used instead of an `Event`, with the attributes ``terminal`` and
    ``direction`` of scipy.integrate.solve_ivp if it has them.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> ground = ode.Event(lambda t, x: x[:, 0], terminal=True, direction=-1)
    >>> fall = lambda t, x: np.stack([x[:, 1], -9.81 + 0 * x[:, 0]], axis=1)
    >>> found = ode.solve(fall, np.array([[10.0, 0.0], [20.0, 0.0]]), [0.0, 5.0], events=ground)
    >>> found.status, [float(t[0].round(4)) for t in found.t_events[0]]
    ('event', [1.4278, 2.0193])
    """

    function: Callable[[Time, Array], Array]
    terminal: bool | int | None = False
    direction: float = 0.0
    checks: int = 4

    def __post_init__(self) -> None:
        check_dynamics(self.function, "event", more=None)
        if self.terminal is None or (isinstance(self.terminal, float) and self.terminal.is_integer()):
            object.__setattr__(self, "terminal", int(self.terminal or 0))  # as solve_ivp, accept bool and int
        if isinstance(self.direction, bool) or self.direction is None:
            raise TypeError(f"direction must be a number: positive, negative or 0; got {self.direction}")
        if not isinstance(self.terminal, int | np.integer | np.bool_) or self.terminal < 0:
            raise ValueError(f"terminal must be True, False or a count; got {self.terminal!r}")
        if check_number("direction", self.direction) != self.direction:
            raise ValueError(f"direction must be a number: positive, negative or 0; got {self.direction}")
        if isinstance(self.checks, bool) or not isinstance(self.checks, int) or self.checks < 1:
            raise ValueError(f"checks must be an int of at least 1; got {self.checks!r}")


def check_events(events: Any) -> tuple[Event, ...]:
    """Return a tuple of `Event` from one or several events or functions with scipy's attributes."""
    if events is None:
        return ()
    several = events if isinstance(events, Sequence) else [events]
    return tuple(
        event
        if isinstance(event, Event)
        else Event(event, getattr(event, "terminal", False), getattr(event, "direction", 0.0))
        for event in several
    )


Events: TypeAlias = Event | Callable[..., Any] | Sequence[Event | Callable[..., Any]]
