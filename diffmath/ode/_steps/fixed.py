"""Fixed steps: a number of equal steps between two times, by any object with a `step`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace, real_dtype
from diffmath._core.solution import Status
from diffmath._core.typing import Array
from diffmath._newton.jacobian_check import check_derivatives
from diffmath._stepping.clocks import Mask, Rows
from diffmath._stepping.control import finite_rows, sound_rows
from diffmath._stepping.dynamics import Dynamics
from diffmath._stepping.failures import Failures, advice
from diffmath._stepping.fetch import TrialFetch
from diffmath._stepping.trial import SlopeState, Trial, choose
from diffmath.ode._explicit import UNKNOWN, Method
from diffmath.ode._steps.attempt import DeviceMask, as_attempting
from diffmath.ode._steps.closing import closing, leaves_bounds, nodes
from diffmath.ode._steps.interpolant import interpolation
from diffmath.ode._steps.step import Step
from diffmath.ode._steps.traced import refuse_traced_steps

__all__ = ["FixedSteps"]


class FixedSteps:
    """The state of a solve with fixed steps; iterate over it to get them. t = t0 + j dt, never accumulated.

    Rows that become non-finite end separately; this is checked at the end of each interval.
    """

    own_clocks, own_status = False, True  # rows end separately, but f gets one time

    def __init__(self, f: Dynamics, x: Array, times: Rows, method: Method, substeps: int) -> None:
        self.f, self.times, self.substeps, self.batch = f, times, substeps, x.shape[0]
        self.method, self.start = method, float(times[0])
        self.stop = float(times[-1])
        self.direction = 1.0 if times[-1] >= times[0] else -1.0
        self._x0 = x
        self.x = array_namespace(x).astype(x, x.dtype, copy=True)
        self.alive = np.full(self.batch, True)
        self.goal = times[-1:].copy()
        self.failures = Failures(self.batch)
        self._unsolved = np.zeros(self.batch, dtype=bool)  # rows in which Newton's iteration failed
        f.bounds = min(self.start, self.stop), max(self.start, self.stop)
        self._method = as_attempting(method)
        other = closing(method)
        self._closing = None if other is None else as_attempting(other)
        self._nodes = nodes(method)
        self._fetch = f.fetch = TrialFetch(_sound)
        self._taken, self._everybody, self._mask = 0, True, DeviceMask()
        self._ended_at = np.full(self.batch, self.start)  # end times of the rows that have ended
        self._now = self.start

    def __iter__(self) -> Iterator[Step]:
        if len(self.times) < 2 or not self.batch:
            return
        state = self._begin()
        start = self.start
        for stop in self.times[1:].tolist():
            dt, last = (stop - start) / self.substeps, self.substeps - 1
            for j in range(self.substeps):
                if not (self._everybody or self.alive.any()):
                    return
                t, end = start + j * dt, stop if j == last else start + (j + 1) * dt
                x0 = self.x
                trial = self._attempt(state, t, x0, dt)
                self.x = trial.x if self._everybody else choose(self._mask(self.alive, x0), trial.x, x0)
                make = partial(interpolation, self.f, trial, state, (t, dt), dt, x0)
                self._taken, self._now = self._taken + 1, end
                if self.f.unsolved is not None:
                    self._unsolved |= self.f.unsolved
                if j == last:
                    self._check(trial, start, stop)
                if trial.state is not None or state is not UNKNOWN:
                    state = trial.state
                yield Step((t, dt, end), self.alive, x0, self.x, make)
            start = stop

    def _begin(self) -> Any:
        """Evaluate f at the start; end the rows where it, or the state, is not finite.

        Returns the state of the method.
        """
        slope = self.f.start(self.start, self.x, self._x0)
        refuse_traced_steps("x0", self.x)
        refuse_traced_steps("f(t, x)", slope)
        good = finite_rows(slope)
        known = self.alive if self.f.whole else finite_rows(self.x)
        if np.count_nonzero(good & known) < self.batch:
            self.failures.add("nonfinite", np.flatnonzero(~known), advice("x0"))
            self.end(~known)
            self._fail(~good, f"f(t, x) is nan or inf at the initial time t={self.times[0]:g}")
        state = self._method.init(self.f, self.start, self.x)
        first = float(self.times[1] - self.times[0]) / self.substeps
        if (good & known).any():
            check_derivatives(self.f, self.method, self.start, self.x, first, slope)
        return UNKNOWN if isinstance(state, SlopeState) else state  # a plain step computes the slope itself

    def _attempt(self, state: Any, t: float, x: Array, dt: float) -> Trial:
        method = self._method
        if self._closing is not None and leaves_bounds(self._nodes, t, dt, self.f.bounds):
            method = self._closing
        return method.attempt(self.f, state, t, x, dt, estimate=False)

    def _check(self, trial: Trial, start: float, stop: float) -> None:
        """End the rows that are not finite at the end of an interval."""
        known = self._fetch.known(trial)
        sound = finite_rows(self.x) if known is None else (known[1] == 1) | ~self.alive
        if sound.all():
            return
        bad, span = self.alive & ~sound, f"between t={start:g} and t={stop:g}"
        self._ended_at[bad] = start
        self._fail(bad & self._unsolved, f"Newton's iteration failed {span}", "newton_failed")
        self._fail(bad & ~self._unsolved, f"the state became nan or inf {span}")

    def end(self, rows: Mask, where: tuple[Rows, Array] | None = None) -> None:
        """End rows at their current time and state, or at those of an event."""
        if where is not None:
            self.x = choose(rows, where[1], self.x)
            self._ended_at[rows] = where[0][rows]
        self.alive = self.alive & ~rows
        self._everybody = bool(self.alive.all())

    def reached(self) -> Rows:
        """Return the time that every row reached with a state known to be finite."""
        return np.where(self.alive, self._now, self._ended_at)

    def stats(self) -> dict[str, Any]:
        """Return the work done."""
        return {"steps": self._taken, "evaluations": self.f.calls, "calls": self.f.calls}

    def _fail(self, rows: Mask, what: str, status: Status = "nonfinite") -> None:
        self.failures.add(status, np.flatnonzero(rows), advice("fixed", what=what))
        self.end(rows)


def _sound(trial: Trial, x: Array) -> Array:
    """Return 1 for every row whose new state is finite, else 0."""
    return array_namespace(x).astype(sound_rows(trial.x), real_dtype(x))
