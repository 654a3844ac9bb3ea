"""How rows of a fixed-step solve end before the last time: events at the ends of steps, non-finite starts.

A path has no interpolant inside a step, so an event is detected at the first step end after the crossing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.bound import bind
from diffmath._arrays.callables import callback_stops, guarded
from diffmath._arrays.namespace import array_namespace, device, to_numpy
from diffmath._core.solution import Solution, Status
from diffmath._core.typing import Array
from diffmath._stepping.control import finite_rows
from diffmath._stepping.events import Event, check_events
from diffmath._stepping.failures import Failures, advice
from diffmath._stepping.trial import select_state
from diffmath.sde._methods import Trial
from diffmath.sde._model import take

__all__ = ["Endings", "bound_events", "checked_callback", "saved_states"]

Rows = npt.NDArray[np.float64]


class Endings:
    """The rows that continue, and where the others ended."""

    def __init__(
        self,
        x: Array,
        t: float,
        events: tuple[Event, ...],
        callback: Callable[[float, Array], Any] | None,
        shaped: Callable[[Array], Array],
        first_row: int,
    ) -> None:
        self._events, self._callback, self._shaped = events, callback, shaped
        xp, batch = array_namespace(x), x.shape[0]
        self._bad = ~finite_rows(x)
        self.alive, self.failures = ~self._bad, Failures(batch, first_row=first_row)
        self._t_end = np.full(batch, t)
        self._found: list[tuple[int, Any, float, Array]] = []  # event, rows, time, states
        self._counts = np.zeros((len(events), batch), dtype=int)
        self.begin = x
        if self._bad.any():
            # Replace these rows by a row at which drift and diffusion can be evaluated.
            place = np.where(self._bad, int(np.argmin(self._bad)), np.arange(batch))
            self.begin = xp.take(x, xp.asarray(place, device=device(x)), axis=0)
            self.failures.add("nonfinite", np.flatnonzero(self._bad), advice("x0"))
        self._mask = self._on_device(self.alive)
        self._values = self._at(t, self.begin)

    def freeze(self, before: Array, state: Any, trial: Trial) -> tuple[Array, Any]:
        """Return the states after a step, and that of the method; ended rows keep those before it."""
        if self.alive.all():
            return trial.x, trial.state
        x = array_namespace(trial.x).where(self._mask, trial.x, before)
        return x, select_state(self._mask[:, 0], trial.state, state, complete=True)

    def observe(self, t: float, x: Array) -> bool:
        """Check for events at the end of a step and call the callback; return whether the solve ends."""
        values = self._at(t, x)
        going = self.alive.copy()
        self._t_end[going] = t
        for i, event in enumerate(self._events):
            happened = going & _changed(self._values[i], values[i], event.direction)
            rows = np.flatnonzero(happened)
            if len(rows):
                self._found.append((i, rows, t, self._shaped(take(x, rows))))
            self._counts[i] += happened
            last = int(event.terminal or 0)
            if last:
                self._end("event", happened & (self._counts[i] >= last), advice("event"))
        unknown = self.alive & np.isnan(values).any(axis=0)
        self._end("nonfinite", unknown, _UNKNOWN.format(t=t, rows="{rows}"))
        self._values = values
        if self._callback is not None and callback_stops(self._callback(t, self._lent(x))):
            self.failures.add("user_stop", np.flatnonzero(self.alive), advice("user_stop", t=t))
            return True
        return not self.alive.any()

    def shown(self, states: Array) -> Array:
        """Return saved states, (times, batch, n), with nan in the rows that were nan or inf at the start."""
        if not self._bad.any():
            return states
        xp = array_namespace(states)
        nan = xp.full(states.shape, float("nan"), dtype=states.dtype, device=device(states))
        return xp.where(self._on_device(self._bad)[None, ...], nan, states)

    def solution(self, t: Rows, x: Array, stats: dict[str, Any]) -> Solution:
        """Return the saved states with the endings of the rows."""
        more: dict[str, Any] = {"t_end": self._t_end.copy()}
        if self._events:
            more["t_events"], more["x_events"] = self._results(x)
        return self.failures.solution((t, x), stats, True, **more)

    def fail(self, status: Status, message: str) -> None:
        """Record that the continuing rows ended together, for a reason of the method."""
        self.failures.add(status, np.flatnonzero(self.alive), message)

    def ended_by_events(self) -> bool:
        """Whether no row continues, and the last ones ended by events."""
        return not self.alive.any() and self.failures.status != "user_stop"

    def _results(self, x: Array) -> tuple[Any, Any]:
        xp, batch = array_namespace(x), len(self.alive)
        empty = xp.zeros((0, *x.shape[2:]), dtype=x.dtype, device=device(x))
        times: list[list[list[float]]] = [[[] for _ in range(batch)] for _ in self._events]
        states: list[list[list[Array]]] = [[[] for _ in range(batch)] for _ in self._events]
        for event, rows, t, found in self._found:
            for place, row in enumerate(rows):
                times[event][row].append(t)
                states[event][row].append(found[place, ...])
        return (
            tuple(tuple(np.array(row, dtype=float) for row in event) for event in times),
            tuple(tuple(xp.stack(row) if row else empty for row in event) for event in states),
        )

    def _at(self, t: float, x: Array) -> Rows:
        """Return all events, one number per row."""
        found, batch = np.zeros((len(self._events), x.shape[0])), x.shape[0]
        for i, event in enumerate(self._events):
            with np.errstate(all="ignore"):
                value = guarded(event.function, "event(t, x)", t, t, self._lent(x))
            shape = getattr(value, "shape", type(value).__name__)
            if shape != (batch,):
                raise ValueError(f"event(t, x) must return shape ({batch},), one number per row; got {shape}")
            host = to_numpy(value)
            if host.dtype.kind not in "biuf":
                raise TypeError(f"event(t, x) must return real numbers; got dtype {host.dtype}")
            found[i] = 2.0 * host - 1.0 if host.dtype.kind == "b" else host  # a truth value becomes -1 or 1
        return found

    def _lent(self, x: Array) -> Array:
        """Return a copy for the user, so that changes to it do not change the path."""
        return self._shaped(array_namespace(x).asarray(x, copy=True))

    def _end(self, status: Any, rows: npt.NDArray[np.bool_], message: str) -> None:
        ended = np.flatnonzero(rows & self.alive)
        if len(ended):
            self.failures.add(status, ended, message)
            self.alive[ended] = False
            self._mask = self._on_device(self.alive)

    def _on_device(self, mask: npt.NDArray[np.bool_]) -> Array:
        return array_namespace(self.begin).asarray(mask.copy(), device=device(self.begin))[:, None]


def saved_states(
    run: Iterable[tuple[int, Array]],
    x: Array,
    clock: Rows,
    substeps: int,
    endings: Endings | None,
    trouble: Callable[[Array, float], str],
) -> tuple[list[Array], int, str]:
    """Return the states at every `substeps`-th step and at a last event, the steps, and the failure."""
    states, steps = [x], 0
    for n, x in run:
        t = float(clock[n])
        message = trouble(x, t)
        if message:
            return states, steps, message
        steps = n
        done = endings is not None and endings.observe(t, x)
        if n % substeps == 0 or (done and endings is not None and endings.ended_by_events()):
            states.append(x)
        if done:
            break
    return states, steps, ""


def bound_events(events: Any, parameters: Any, args: tuple[Any, ...]) -> tuple[Event, ...]:
    """Return events as functions of (t, x)."""
    return tuple(
        replace(event, function=bind(event.function, parameters, args, "event"))
        for event in check_events(events)
    )


def checked_callback(callback: Any) -> Callable[[float, Array], Any] | None:
    """Return a callback, or refuse an object that is not callable."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a callable(t, x); got {type(callback).__name__}")
    found: Callable[[float, Array], Any] | None = callback
    return found


_UNKNOWN = (
    "event(t, x) is nan at t={t:.10g} in {rows}: return a number for every state of the path; outside the "
    "domain of the event, a number of the correct sign"
)


def _changed(before: Rows, after: Rows, direction: float) -> npt.NDArray[np.bool_]:
    """Whether a number reached zero or changed sign; false if it started at zero, or if one is nan."""
    sides = np.sign(before) * np.sign(after)
    return np.asarray((before != 0) & (sides <= 0) & ((after - before) * np.sign(direction) >= 0))
