"""Convert a problem as the user states it to the arguments of the batch solver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import array_api_compat as compat

from diffmath._arrays.bound import bind, check_args, check_parameters
from diffmath._arrays.callables import check_dynamics
from diffmath._core.typing import Array, Drift
from diffmath._stepping.events import Event, check_events
from diffmath.ode._problem.single import Single, single_state

__all__ = ["Problem", "pose"]


class Problem(NamedTuple):
    """A right-hand side of (t, x), a batch of states, events and callback; `single` for one state."""

    f: Drift
    x0: Array
    events: tuple[Event, ...]
    callback: Callable[[Any, Array], Any] | None
    single: Single | None


def pose(f: Any, x0: Any, parameters: Any, args: Any, *, events: Any = None, callback: Any = None) -> Problem:
    """Check and bind the user's arguments, and convert one state to a batch of one.

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong kind or value, except for the numbers in a batch.
    """
    single, args = single_state(f, x0), check_args(args)
    if single is None and parameters is not None and compat.is_array_api_obj(x0):
        parameters = check_parameters(parameters, x0.shape[0])
    f = bind(f, parameters, args, "f")
    watched = tuple(
        replace(event, function=bind(event.function, parameters, args, "event"))
        for event in check_events(events)
    )
    if callback is not None:
        check_dynamics(callback, "callback")
    if single is None:
        return Problem(f, x0, watched, callback, None)
    return Problem(
        single.lifted(f),
        single.batch,
        tuple(replace(event, function=single.event(event.function)) for event in watched),
        None if callback is None else single.callback(callback),
        single,
    )
