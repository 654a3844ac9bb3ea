"""Fixed steps: a number of equal steps between two times, by any object with a `step`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace
from diffmath._core.solution import Status
from diffmath._core.typing import Array
from diffmath._stepping.clocks import Mask, Rows
from diffmath._stepping.control import finite_rows
from diffmath._stepping.dynamics import Dynamics
from diffmath._stepping.failures import Failures, advice
from diffmath._stepping.jacobian_check import check_derivatives
from diffmath.ode._explicit import Method
from diffmath.ode._steps.closing import bounded_trier
from diffmath.ode._steps.step import Step
from diffmath.ode._steps.traced import refuse_traced_steps
from diffmath.ode._steps.trial import Interpolant, Living, choose

__all__ = ["FixedSteps"]


class FixedSteps:
    """The state of a solve with fixed steps; iterate over it to get them. t = t0 + j dt, never accumulated.

    Rows that turn non-finite end alone; that is looked at where an interval ends.
    """

    per_row, float_time = True, True  # rows end one by one, but f sees one time

    def __init__(self, f: Dynamics, x: Array, times: Rows, method: Method, substeps: int) -> None:
        self.f, self.times, self.substeps, self.batch = f, times, substeps, x.shape[0]
        self.method, self.start = method, float(times[0])
        self.stop = float(times[-1])
        self.direction = 1.0 if times[-1] >= times[0] else -1.0
        self._pristine = x
        self.x = array_namespace(x).astype(x, x.dtype, copy=True)
        self.alive = np.full(self.batch, True)
        self.goal = times[-1:].copy()
        self.failures = Failures(self.batch)
        self._unsolved = np.zeros(self.batch, dtype=bool)  # rows that Newton's iteration failed in
        f.bounds = min(self.start, self.stop), max(self.start, self.stop)
        self._try = bounded_trier(f, method, x, None, per_row=False)
        self._taken, self._living = 0, Living()
        self._reached = np.full(self.batch, self.start)

    def __iter__(self) -> Iterator[Step]:
        if len(self.times) < 2 or not self.batch:
            return
        slope = self.f.start(self.start, self.x, self._pristine)
        refuse_traced_steps("x0", self.x)
        refuse_traced_steps("f(t, x)", slope)
        good = finite_rows(slope)
        known = self.alive if self.f.whole else finite_rows(self.x)
        self.failures.add("nonfinite", np.flatnonzero(~known), advice("x0"))
        self.end(~known)
        self._fail(~good, f"f(t, x) is nan or inf at the initial time t={self.times[0]:g}")
        first = float(self.times[1] - self.times[0]) / self.substeps
        if (good & known).any():
            check_derivatives(self.f, self.method, self.start, self.x, first, slope)
        for k in range(1, len(self.times)):
            start, stop = float(self.times[k - 1]), float(self.times[k])
            for j in range(self.substeps):
                if not self.alive.any():
                    return
                dt, last = (stop - start) / self.substeps, j == self.substeps - 1
                yield self._step(
                    start + j * dt, dt, stop if last else start + (j + 1) * dt, (start, stop) * last
                )

    def _step(self, t: float, dt: float, end: float, interval: tuple[float, ...]) -> Step:
        x0 = self.x
        trial = self._try(np.array([t]), np.array([dt]), x0, None)
        self.x = trial.x if self.alive.all() else choose(self._living(self.alive, x0), trial.x, x0)
        self._taken += 1
        if self.f.unsolved is not None:
            self._unsolved |= self.f.unsolved
        self._reached[self.alive] = end
        if interval:
            bad, span = self.alive & ~finite_rows(self.x), "between t={:g} and t={:g}".format(*interval)
            self._reached[bad] = interval[0]
            self._fail(bad & self._unsolved, f"Newton's iteration failed {span}", "newton_failed")
            self._fail(bad & ~self._unsolved, f"the state became nan or inf {span}")
        spans = np.full(self.batch, t), np.full(self.batch, dt), np.full(self.batch, end)
        return Step(self, trial, spans, self.alive.copy(), x0, self.x, None)

    def inside(self, step: Step) -> tuple[Interpolant, int]:
        """Return the state inside a step; what it costs is counted with all other calls."""
        found: Interpolant = self._try.inside(step._trial, step.t0[:1], step.dt[:1], step.x0, None)
        return found, 0

    def end(self, rows: Mask, where: tuple[Rows, Array] | None = None) -> None:
        """Stop rows where they are, or at the times and states of an event."""
        if where is not None:
            self.x = choose(rows, where[1], self.x)
            self._reached[rows] = where[0][rows]
        self.alive = self.alive & ~rows

    def reached(self) -> Rows:
        """Return how far every row has come, and is known to be finite."""
        return self._reached.copy()

    def stats(self) -> dict[str, Any]:
        """Return the work done."""
        return {"steps": self._taken, "evaluations": self.f.calls, "calls": self.f.calls}

    def _fail(self, rows: Mask, what: str, status: Status = "nonfinite") -> None:
        self.failures.add(status, np.flatnonzero(rows), advice("fixed", what=what))
        self.end(rows)
