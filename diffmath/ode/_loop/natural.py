"""The natural steps of a solve: the state of every row after each of its steps."""

from __future__ import annotations

import math

import numpy as np

from diffmath._arrays.namespace import array_namespace, device
from diffmath._core.typing import Array
from diffmath._stepping.clocks import Mask, Rows
from diffmath._stepping.run import Run
from diffmath.ode._steps import Step

__all__ = ["NaturalSteps"]


class NaturalSteps:
    """Collect steps; a call returns their times and states.

    Rows that share a clock share the times, shape (n,). Otherwise each row has its own times, shape (n,
    batch): the j-th entry is the time after its j-th step, and rows with fewer steps repeat their last one.
    At most `most` numbers are kept.
    """

    def __init__(self, run: Run[Step], x0: Array, most: float = math.inf) -> None:
        self._shared, self._direction = not run.own_clocks, float(run.direction)
        self._x = [x0]
        self._reached: list[float | Rows] = [run.start]
        self._accepted: list[Mask] = []
        self._size: int = math.prod(x0.shape)
        self._left: float = most - self._size
        self.complete = self._left >= 0  # whether all steps were kept

    def add(self, step: Step, limit: Rows | None, x: Array) -> None:
        """Keep a step and the states after it; its rows reached its end, or `limit` if given."""
        self._left -= self._size
        if self._left < 0:
            self.complete = False
            self._x, self._reached, self._accepted = self._x[:1], self._reached[:1], []
        elif step.accepted[0] or np.count_nonzero(step.accepted):  # one look, as mostly
            self._x.append(x)
            self._reached.append(step.clock[2] if limit is None else np.array(limit))
            self._accepted.append(step.accepted)

    def __call__(self) -> tuple[Rows, Array]:
        """Return times and states of the steps, beginning with the initial ones."""
        xp = array_namespace(self._x[0])
        states, rows = xp.stack(self._x, axis=0), self._x[0].shape[:1]
        times = np.array([np.broadcast_to(time, rows) for time in self._reached])
        batch = times.shape[1]
        accepted = np.concatenate([np.ones((1, batch), dtype=bool), *(row[None] for row in self._accepted)])
        if self._shared:  # use the time of the continuing rows, not of rows ended by an event in this step
            ahead = np.where(accepted, self._direction * times, -np.inf).max(axis=1, initial=-np.inf)
            start = self._direction * times[0].max(initial=-np.inf)
            return self._direction * np.where(np.isfinite(ahead), ahead, start), states
        place = np.zeros((int(accepted.sum(axis=0).max(initial=1)), batch), dtype=np.intp)
        steps, rows = np.nonzero(accepted)
        place[np.cumsum(accepted, axis=0)[accepted] - 1, rows] = steps
        place = np.maximum.accumulate(place, axis=0)  # the last step is repeated
        flat = np.ravel(place * batch + np.arange(batch))
        states = xp.reshape(states, (-1, *states.shape[2:])) if batch else states
        index = xp.asarray(flat, device=device(states))
        found = xp.take(states, index, axis=0) if batch else states[:1, ...]
        shape = (*place.shape, *self._x[0].shape[1:])
        return np.take_along_axis(times, place, axis=0), xp.reshape(found, shape)
