"""Storage of saved states: rows reach their save times in any order, and are returned as one array."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from diffmath._arrays.namespace import array_namespace, device
from diffmath._core.typing import Array
from diffmath._stepping.clocks import Rows
from diffmath._stepping.run import Run
from diffmath.ode._steps import Step

__all__ = ["Recorder", "Saver", "make_saver"]

Indices = npt.NDArray[np.intp]

# Times that differ by this many units in the last place are equal; event times are exact to four.
_SAME = 8


class Recorder:
    """Collect the rows of x that reached a save time; assemble them in order at the end.

    Rows are gathered, not scattered: the array standard has no indexed assignment, and gathering is one copy
    of the saved states for any distribution of rows over save times.
    """

    def __init__(self, times: npt.NDArray[np.float64], x0: Array) -> None:
        self._times, self._x0 = times, x0
        self._chunks: list[Array] = []
        self._place = np.full((len(times), x0.shape[0]), -1, dtype=np.intp)
        self._count = 0
        self._rows = np.arange(x0.shape[0])
        self._in_order = x0.shape[0] == 1  # one row, saved at one time after the other
        self.save(x0, self._rows, 0)

    def save(self, x: Array, rows: Indices, times: Indices | int) -> None:
        """Save the given rows of `x` at the given save indices, one per row or one for all; no row twice."""
        if not len(rows):
            return
        if len(rows) < x.shape[0]:
            xp = array_namespace(x)
            x = xp.take(x, xp.asarray(rows, device=device(x)), axis=0)
        self.append(x, rows, times)

    def append(self, states: Array, rows: Indices, times: Indices | int) -> None:
        """Save states, one for each pair of a row and a save index."""
        self._chunks.append(states)
        self._in_order = self._in_order and isinstance(times, int) and times == self._count
        if self._in_order:
            self._place[times, 0] = self._count
        elif isinstance(times, int) and len(rows) == self._place.shape[1]:
            self._place[times] = self._rows + self._count
        else:
            self._place[times, rows] = self._count + np.arange(len(rows))
        self._count += len(rows)

    def repeat(self, x: Array, rows: Indices, ends: Rows) -> None:
        """Repeat the states `x` of rows ended by an event at all later times, including the last event time.

        A time is added if they went beyond all save times that were reached, up to rounding.
        """
        if not len(rows):
            return
        reached = int(np.flatnonzero((self._place >= 0).any(axis=1))[-1]) + 1
        direction = 1.0 if self._times[-1] >= self._times[0] else -1.0
        last = direction * float((direction * ends[rows]).max())
        self._times, self._place = self._times[:reached], self._place[:reached]
        beyond = direction * (last - self._times[-1])
        if beyond > _SAME * np.spacing(abs(last)):
            self._times = np.append(self._times, last)
            self._place = np.append(self._place, np.full((1, x.shape[0]), -1), axis=0)
        elif beyond > 0:
            self._place[-1, rows] = -1
        chosen = np.zeros(x.shape[0], dtype=bool)
        chosen[rows] = True
        later = (self._place < 0) & chosen
        self._place = np.where(later, self._count + np.arange(x.shape[0]), self._place)
        self._chunks.append(x)
        self._count, self._in_order = self._count + x.shape[0], False

    def assemble(self) -> tuple[npt.NDArray[np.float64], Array]:
        """Return the times that any row reached, and the states there; NaN for rows that did not."""
        x0, xp = self._x0, array_namespace(self._x0)
        if x0.shape[0] == 0:
            return self._times, xp.zeros((len(self._times), *x0.shape), dtype=x0.dtype, device=device(x0))
        if self._in_order and self._count == len(self._times):
            return self._times, xp.stack(self._chunks, axis=0)
        known = self._place >= 0
        whole = bool(known.all())
        reached = len(known) if whole else int(np.flatnonzero(known.any(axis=1))[-1]) + 1
        place = self._place[:reached]
        chunks = list(self._chunks)
        if not whole and (place < 0).any():
            chunks.append(xp.full((1, *x0.shape[1:]), math.nan, dtype=x0.dtype, device=device(x0)))
            place = np.where(place < 0, self._count, place)
        flat = xp.asarray(np.ravel(place), device=device(x0))
        x = xp.take(xp.concat(chunks, axis=0), flat, axis=0)
        return self._times[:reached], xp.reshape(x, (reached, *x0.shape))


class Saver(ABC):
    """Save every row at the requested times, as steps reach or pass them.

    A step that lands on a save time saves its own state; for a save time inside a step the state is
    interpolated. With `landing`, steps end at save times: the saver sets the goal of the clocks to the next
    save time.
    """

    def __init__(self, run: Run[Step], times: Rows, x0: Array, *, landing: bool) -> None:
        self._run, self._times, self._landing = run, times, landing
        self._direction, self._ahead = run.direction, run.direction * times  # increasing
        self.recorder = Recorder(times, x0)
        if landing and len(times) > 1:
            run.goal[:] = times[1]

    @abstractmethod
    def take(self, step: Step, limit: Rows | None) -> None:
        """Save states at save times in the step, for every row up to its `limit` or the end of the step."""

    def saved(self) -> tuple[Rows, Array]:
        """Return the save times reached, and the states; rows ended by an event repeat their state."""
        failures = self._run.failures.rows.items()
        if ended := [row for row, status in failures if status == "event"]:
            self.recorder.repeat(self._run.x, np.array(ended, dtype=np.intp), self._run.reached())
        return self.recorder.assemble()


class OneClockSaver(Saver):
    """Save rows that share a clock and are not ended by an event inside a step: all pass a time together."""

    def __init__(self, run: Run[Step], times: Rows, x0: Array, *, landing: bool) -> None:
        super().__init__(run, times, x0, landing=landing)
        self._list = [*self._ahead.tolist(), math.inf]
        self._target = 1  # index of the next save time

    def take(self, step: Step, limit: Rows | None) -> None:
        """Save the states at save times in the step."""
        t0, dt, t = step.clock if type(step.clock[2]) is float else step.one_clock()
        reached = self._direction * t
        if reached < self._list[self._target]:
            return
        first, last = self._target, bisect_right(self._list, reached)
        rows = np.flatnonzero(step.accepted)
        landed = int(self._list[last - 1] == reached)
        if landed:
            self.recorder.save(step.x, rows, last - 1)
        if inside := last - landed - first:
            index = np.tile(np.arange(first, last - landed), len(rows))
            each = np.repeat(rows, inside)
            theta = (self._times[index] - t0) / dt
            self.recorder.append(step.at(each, theta), each, index)
        self._target = last
        if self._landing and last < len(self._times):
            self._run.goal[:] = self._times[last]


class RowSaver(Saver):
    """Save rows that reach their save times separately."""

    def __init__(self, run: Run[Step], times: Rows, x0: Array, *, landing: bool) -> None:
        super().__init__(run, times, x0, landing=landing)
        self._target = np.ones(x0.shape[0], dtype=np.intp)  # index of the next save time
        self._next = self._ahead[np.minimum(self._target, len(times) - 1)]

    def take(self, step: Step, limit: Rows | None) -> None:
        """Save the states at save times in the step, for every row up to its `limit`."""
        end = step.t
        reached = self._run.direction * (end if limit is None else limit)
        passed = step.accepted & (reached >= self._next)
        if not np.count_nonzero(passed):
            return
        due = np.flatnonzero(passed)
        first, last = self._target[due], np.searchsorted(self._ahead, reached[due], side="right")
        counts = last - first
        rows = np.repeat(due, counts)
        # The save indices of each row in sequence: first, first + 1, ..., last - 1.
        index = (
            np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
        )
        landed = self._times[index] == end[rows]
        self.recorder.save(step.x, rows[landed], index[landed])
        rows, index = rows[~landed], index[~landed]
        if len(rows):
            theta = (self._times[index] - step.t0[rows]) / step.dt[rows]
            self.recorder.append(step.at(rows, theta), rows, index)
        self._target[due] = last
        beyond = last >= len(self._times)
        self._next[due] = np.where(beyond, np.inf, self._ahead[np.minimum(last, len(self._times) - 1)])
        if self._landing:
            self._aim()

    def _aim(self) -> None:
        goal = self._times[np.minimum(self._target, len(self._times) - 1)]
        if self._run.own_clocks:
            self._run.goal[:] = goal
        elif self._run.alive.any():
            self._run.goal[:] = goal[self._run.alive][0]


def make_saver(run: Run[Step], times: Rows, x0: Array, *, landing: bool, events: bool) -> Saver:
    """Return the saver for a run, and for rows that events may end."""
    together = (not run.own_clocks or run.batch == 1) and not events
    return (OneClockSaver if together else RowSaver)(run, times, x0, landing=landing)
