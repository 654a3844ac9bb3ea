"""Locate events inside the steps of a solve, row by row: zeros of a function of time and state.

Source: Oliveira & Takahashi (2021), ACM Trans. Math. Softw. 47, 5 (the ITP method).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath._arrays.callables import guarded
from diffmath._arrays.namespace import array_namespace, device, to_numpy
from diffmath._core.typing import Array
from diffmath._stepping.clocks import Mask, Rows
from diffmath._stepping.control import finite_rows
from diffmath._stepping.events import Event
from diffmath._stepping.failures import advice
from diffmath._stepping.run import Run
from diffmath.ode._steps import Step, send

__all__ = ["Scanner"]


class Scanner:
    """Detect events in every step, and end the rows with a terminal event."""

    def __init__(self, events: tuple[Event, ...], run: Run[Step]) -> None:
        self._events, self._run, self._batch = events, run, run.batch
        self._own_clocks = run.own_clocks
        self._checks = max((event.checks for event in events), default=1)
        self._counts = np.zeros((len(events), run.batch), dtype=int)
        self._found: list[tuple[int, int, float, Array]] = []  # event, row, time, state
        self._signs = np.zeros((len(events), run.batch))
        self._started = False
        self._known = np.full(run.batch, np.inf)

    def scan(self, step: Step) -> Rows:
        """Locate the events of a step; return the time that every row reached."""
        if not self._started:
            self._signs, self._started = self._values(step.t0, step.x0), True
        crossings: list[tuple[int, float, int, Array]] = []  # row, theta, event, state of the batch
        before, low = self._signs, 0.0
        self._known = np.full(self._batch, np.inf)  # fraction of the step up to which no event is nan
        self._mark(step, np.isnan(before).any(axis=0), 0.0)
        for part in range(1, self._checks + 1):
            high = part / self._checks
            last = part == self._checks
            x = step.x if last else self._inside(step, np.full(self._batch, high))
            t = step.t if last else step.t0 + high * step.dt
            after = self._values(t, x)
            for i, event in enumerate(self._events):
                rows = step.accepted & _crosses(before[i], after[i], event.direction)
                if rows.any():
                    crossings += self._locate(step, i, rows, (low, high), (before[i], after[i]))
            self._mark(step, np.isnan(after).any(axis=0), low)
            before, low = after, high
        self._signs = np.where(step.accepted, before, self._signs)
        return self._settle(step, crossings)

    def results(self) -> tuple[tuple[tuple[Rows, ...], ...], tuple[tuple[Array, ...], ...]]:
        """Return times and states of all events, by event and by row."""
        x, xp = self._run.x, array_namespace(self._run.x)
        empty = xp.zeros((0, *x.shape[1:]), dtype=x.dtype, device=device(x))
        times: list[list[list[float]]] = [[[] for _ in range(self._batch)] for _ in self._events]
        states: list[list[list[Array]]] = [[[] for _ in range(self._batch)] for _ in self._events]
        for event, row, time, state in self._found:
            times[event][row].append(time)
            states[event][row].append(state)
        return (
            tuple(tuple(np.asarray(row, dtype=float) for row in event) for event in times),
            tuple(tuple(xp.stack(row, axis=0) if row else empty for row in event) for event in states),
        )

    def _mark(self, step: Step, rows: Any, theta: Any) -> None:
        """Record the rows in which an event is nan beyond theta, where a crossing may hide."""
        rows = rows & step.accepted
        if rows.any():  # a nan state is reported by the solver
            rows = rows & finite_rows(step.x)
            self._known = np.where(rows, np.minimum(self._known, theta), self._known)

    def _inside(self, step: Step, theta: Rows) -> Array:
        # All rows, so that the event gets the same batch as f; rows without a query keep their position.
        return step.at(np.arange(self._batch), np.where(step.accepted, theta, 0.0))

    def _values(self, t: Rows, x: Array) -> Rows:
        """Evaluate all events at one time per row."""
        time = send(t, x, True) if self._own_clocks else float(t[0])
        found = []
        for event in self._events:
            value = guarded(event.function, "event(t, x)", time, time, x)
            if getattr(value, "shape", None) != (self._batch,):
                shape = getattr(value, "shape", type(value).__name__)
                raise ValueError(
                    f"event(t, x) must return shape ({self._batch},), one number per row; got {shape}: "
                    "wrap an event written for one state with ode.unbatched"
                )
            found.append(to_numpy(value).astype(np.float64))
        return np.array(found)

    def _locate(
        self, step: Step, event: int, rows: Mask, bounds: tuple[float, float], values: tuple[Rows, Rows]
    ) -> list[tuple[int, float, int, Array]]:
        """Locate the crossing in each of `rows`, all at once, by the ITP method."""
        a, b = np.full(self._batch, bounds[0]), np.full(self._batch, bounds[1])
        fa, fb = values
        grain = 4 * np.spacing(np.maximum(np.abs(step.t0), np.abs(step.t)))
        fine = np.maximum(grain / np.abs(np.where(rows, step.dt, 1.0)), 2.0**-50) / 2
        most = np.ceil(np.log2(np.maximum((b - a) / (2 * fine), 1.0))) + 1
        for j in range(64):
            open_ = rows & (b - a > 2 * fine) & (fb != 0)
            if not open_.any():
                break
            theta = np.where(open_, _itp(a, b, fa, fb, fine, most, j), b)
            value = self._one(event, step, theta)
            same = open_ & (np.sign(value) == np.sign(fa))
            a, fa = np.where(same, theta, a), np.where(same, value, fa)
            b, fb = np.where(open_ & ~same, theta, b), np.where(open_ & ~same, value, fb)
        hidden = rows & np.isnan(fb)
        self._mark(step, hidden, a)
        rows = rows & ~hidden
        x = self._inside(step, b)
        return [(int(row), float(b[row]), event, x) for row in np.flatnonzero(rows)]

    def _one(self, event: int, step: Step, theta: Rows) -> Rows:
        t = step.t0 + theta * step.dt
        if self._own_clocks:
            return np.asarray(self._values(t, self._inside(step, theta))[event])
        # f sees the clock as a float: evaluate one row at a time, at its own time.
        found = np.zeros(self._batch)
        for value in np.unique(theta):
            x = self._inside(step, np.full(self._batch, value))
            times = np.full(self._batch, step.t0[0] + value * step.dt[0])
            found = np.where(theta == value, self._values(times, x)[event], found)
        return found

    def _settle(self, step: Step, crossings: list[tuple[int, float, int, Array]]) -> Rows:
        """Record the crossings in order of time, up to the first terminal one of each row."""
        known = np.minimum(self._known, 1.0)
        limit = np.where(known < 1, step.t0 + known * step.dt, step.t)
        ended = np.zeros(self._batch, dtype=bool)
        final = np.where(step.accepted, known, 0.0)  # fraction of the step that every row completed
        for row, theta, event, x in sorted(crossings, key=lambda found: found[:3]):
            time = float(step.t0[row] + theta * step.dt[row]) if theta < 1 else float(step.t[row])
            if theta > known[row] or (ended[row] and time != limit[row]):  # simultaneous events all count
                continue
            self._found.append((event, row, time, x[row, ...]))
            self._counts[event, row] += 1
            terminal = int(self._events[event].terminal or 0)
            if terminal and self._counts[event, row] >= terminal:
                ended[row], limit[row], final[row] = True, time, theta
        self._end(step, ended, limit, final)
        return limit

    def _end(self, step: Step, ended: Mask, limit: Rows, theta: Rows) -> None:
        """End the rows with terminal events, and those in which an event became nan."""
        lost = np.isfinite(self._known) & ~ended
        if not (ended | lost).any():
            return
        x = self._inside(step, theta)
        failures = self._run.failures
        failures.add("event", np.flatnonzero(ended), advice("event"))
        for row in np.flatnonzero(lost):
            end = float(step.t[row])
            failures.add("nonfinite", [int(row)], advice("event_nan", t=float(limit[row]), t_end=end))
        self._run.end(ended | lost, (limit, x))


def _crosses(before: Rows, after: Rows, direction: float) -> Mask:
    """Whether the sign changed, or became zero; false if it was zero or NaN before."""
    up, down = (before < 0) & (after >= 0), (before > 0) & (after <= 0)
    if direction == 0:
        return up | down
    return up if direction > 0 else down


def _itp(a: Rows, b: Rows, fa: Rows, fb: Rows, fine: Rows, most: Rows, j: int) -> Rows:
    """Interpolate, truncate, project: the next point of each bracket."""
    middle, width = (a + b) / 2, b - a
    falsi = (fb * a - fa * b) / np.where(fb == fa, 1.0, fb - fa)
    falsi = np.where(np.isfinite(falsi), np.clip(falsi, a, b), middle)
    sign = np.sign(middle - falsi)
    nudge = np.maximum(0.2 * width * width, fine)
    truncated = np.where(nudge <= np.abs(middle - falsi), falsi + sign * nudge, middle)
    radius = np.maximum(fine * 2.0 ** (most - j) - width / 2, 0.0)
    return np.where(np.abs(truncated - middle) <= radius, truncated, middle - sign * radius)
