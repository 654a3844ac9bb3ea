"""Adaptive stepping, one accepted step at a time: a clock per row, or one for all rows.

Time is host float64, with one entry per clock; only the state is on the device. Rows that have ended take
steps of length zero: they are evaluated where they stopped, and the results are ignored.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from diffmath._arrays.namespace import all_finite, array_namespace, real_dtype
from diffmath._core.solution import Status
from diffmath._core.typing import Array, Time
from diffmath._newton.jacobian_check import check_derivatives
from diffmath._stepping.clocks import Mask, Rows, advance_clocks, filled, plan_steps
from diffmath._stepping.control import finite_rows, initial_step
from diffmath._stepping.diagnosis import blows_up, roughness, spectrum, steps_left
from diffmath._stepping.dynamics import Dynamics
from diffmath._stepping.failures import Failures, advice
from diffmath._stepping.one_clock import BROKEN, SPENT, STUCK, Law, Limits, advance_one, plan_one
from diffmath._stepping.options import AdaptiveOptions
from diffmath._stepping.trial import choose, keep_state, select_state
from diffmath.ode._explicit import AdaptiveMethod, ExplicitRungeKutta
from diffmath.ode._steps.attempt import DeviceMask, as_attempting, on_one_clock, send
from diffmath.ode._steps.closing import make_bounded_attempt
from diffmath.ode._steps.step import Account, Step
from diffmath.ode._steps.traced import refuse_traced_steps

__all__ = ["AdaptiveSteps"]

_BLOWN, _UNSOLVED = -1, -2
_REASONS: dict[int, Status] = {
    _BLOWN: "blow_up",
    _UNSOLVED: "newton_failed",
    BROKEN: "nonfinite",
    STUCK: "step_too_small",
    SPENT: "max_steps",
}


class AdaptiveSteps:
    """The state of an adaptive solve; iterate over it to get its accepted steps.

    `goal` is a time that no clock passes; the caller may increase it between steps, up to `stop`.
    """

    def __init__(
        self,
        f: Dynamics,
        x: Array,
        span: tuple[float, float],
        method: AdaptiveMethod,
        options: AdaptiveOptions,
    ) -> None:
        xp, batch = array_namespace(x), x.shape[0]
        self.own_clocks = self.own_status = options.batch == "rows"
        clocks = batch if self.own_clocks else 1
        self.f, self.method, self.options, self.batch = f, method, options, batch
        f.tolerance = options.tolerance
        self._x0 = x
        numpy = isinstance(x, np.ndarray)
        self.x = np.array(x, order="C") if numpy else xp.astype(x, x.dtype, copy=True)
        self.start, self.stop = span
        self.direction = 1.0 if self.stop >= self.start else -1.0
        self.t, self.goal = filled(clocks, self.start), filled(clocks, self.stop)
        self.h = filled(clocks, 0.0)  # size of the next step, before it is clipped to the goal
        self.running = np.full(clocks, self.start != self.stop)
        self.counts = np.zeros((2, clocks), dtype=np.int64)  # trials, steps
        self.account = Account(f, clocks, self.own_clocks)
        self.alive = np.full(batch, True)  # rows not ended by an event
        self._everybody = True  # all rows are alive
        self._ended_at = filled(batch, self.start)  # end times of the others, if they share a clock
        self.failures = Failures(batch)
        f.bounds = min(span), max(span)
        self._method = as_attempting(method)
        self._attempt = make_bounded_attempt(f, method, x, options.tolerance, self.own_clocks)
        # A time that is this close to the last one may be rounded to beyond it.
        double = numpy and x.dtype == np.float64
        eps = sys.float_info.epsilon if double else float(xp.finfo(real_dtype(x)).eps)
        self._grain = 8 * eps * max(map(abs, span))
        self._q = int(method.embedded_order or 0)
        self._mask = DeviceMask()

    def __iter__(self) -> Iterator[Step]:
        state, options = self._begin(), self.options
        law = options.controller.law(self._q)
        limits = (options.min_step, options.max_step, self.stop, options.max_steps)
        yield from (self._one_clock if len(self.t) == 1 else self._row_clocks)(state, law, limits)

    def _row_clocks(self, state: Any, law: Law, limits: Limits) -> Iterator[Step]:
        """Take the steps of rows with separate clocks, together."""
        clocks, f, like = len(self.t), self.f, np.empty(0)
        past = np.ones((2, clocks))  # errors of the last two accepted steps
        recovering = np.zeros(clocks, dtype=bool)  # the last trial was rejected
        plan = plan_steps.kernel_for(like) or plan_steps.reference
        advance = advance_clocks.kernel_for(like) or advance_clocks.reference
        while np.count_nonzero(self.running):
            spent, running, t0 = f.calls - f.spared, self.running.copy(), self.t.copy()
            dt, accepted = np.empty(clocks), np.empty(clocks, dtype=bool)
            reaches_goal = np.empty_like(accepted)
            plan(t0, self.h, self.goal, running, self.direction, limits[1], dt, reaches_goal)
            f.near = bool(np.any(running & (np.abs(self.stop - (t0 + dt)) <= self._grain)))
            trial = self._attempt(t0, dt, self.x, state)
            f.near, unsolved, ended = True, f.unsolved, np.empty(clocks, dtype=np.int8)
            moved = advance(
                self.t, self.h, self.goal, self.running, trial.error, past, recovering, self.counts, dt,
                 reaches_goal, law, limits, accepted, ended,
            )  # fmt: skip
            self.account.evaluations += running * (f.calls - f.spared - spent)
            x0 = self.x
            if moved == clocks:
                self.x, state = trial.x, trial.state
            elif moved:
                passed = trial.passed()  # a mask on the device, if the device has one
                rows = accepted if passed is None else passed
                self.x, state = choose(rows, trial.x, x0), select_state(rows, trial.state, state)
            else:
                state = keep_state(trial.state, state)
            if moved:
                clock = t0, dt, self.t.copy()
                yield Step(clock, accepted, x0, self.x, trial.dense, self.account)
            if np.count_nonzero(ended):
                self._report(ended, np.abs(dt), unsolved)

    def _one_clock(self, state: Any, law: Law, limits: Limits) -> Iterator[Step]:
        """Take the steps of rows that share a clock, or of one row, in plain numbers."""
        f, past, before, recovering, trials = self.f, 1.0, 1.0, False, 0
        own_clock, one_row, attempt = self.own_clocks, self.batch == 1, on_one_clock(self._attempt)
        # Entries of these arrays: a view of their memory gives and takes plain numbers.
        arrays = self.t, self.h, self.goal, self.running, *self.counts, self.account.evaluations
        views: list[Any] = [memoryview(array) for array in arrays]
        times, sizes, goals, running, tried, taken, evaluations = views
        while running[0]:
            t, h, goal, x0, calls, spared = times[0], sizes[0], goals[0], self.x, f.calls, f.spared
            dt, reaches_goal = plan_one(t, h, goal, self.direction, limits[1])
            f.near = not own_clock or abs(self.stop - (t + dt)) <= self._grain
            trial = attempt(t, dt, x0, state)
            f.near, unsolved, trials, error = True, f.unsolved, trials + 1, trial.error
            if not isinstance(error, float):
                error = (error if one_row else error[self.alive].max()).item()
            times[0], sizes[0], past, before, accepted, ended, arrived = advance_one(
                t, h, goal, dt, reaches_goal, error, past, before, recovering, trials, law, limits
            )
            tried[0], recovering, running[0] = trials, not accepted, not arrived and not ended
            evaluations[0] += f.calls - calls
            if own_clock and f.spared is not spared:
                self.account.evaluations -= f.spared - spared
            if accepted:
                taken[0] += 1
                if self._everybody:
                    self.x, state = trial.x, trial.state
                else:
                    rows = self._mask(self.alive, trial.x)
                    self.x = choose(rows, trial.x, x0)
                    state = select_state(rows, trial.state, state, complete=True)
                clock = t, dt, times[0]
                yield Step(clock, self.alive, x0, self.x, trial.dense, self.account)
            else:
                state = keep_state(trial.state, state)
            if ended:
                self._report(np.array([ended]), np.array([abs(dt)]), unsolved)

    def end(self, rows: Mask, where: tuple[Rows, Array] | None = None) -> None:
        """End rows at their current time and state, or at those of an event."""
        if where is not None:
            self.x = choose(rows, where[1], self.x)
            if self.own_clocks:
                self.t[rows] = where[0][rows]
            else:
                self._ended_at[rows] = where[0][rows]
        self.alive = self.alive & ~rows
        self._everybody = bool(self.alive.all())
        self.running &= self.alive if self.own_clocks else self.alive.any()

    def reached(self) -> Rows:
        """Return the time that every row reached."""
        if self.own_clocks:
            return self.t.copy()
        return (
            self.t.repeat(self.batch) if self._everybody else np.where(self.alive, self.t[0], self._ended_at)
        )

    def stats(self) -> dict[str, Any]:
        """Return the work done, per row or as one number for a shared clock."""
        found = {"steps": self.counts[1], "rejected": self.counts[0] - self.counts[1]}
        found["evaluations"] = self.account.evaluations
        if not self.own_clocks:
            found = {name: int(value[0]) for name, value in found.items()}
        return {**found, "calls": self.f.calls}

    def _begin(self) -> Any:
        """Evaluate f at the start, end the rows where it is not finite, and choose the first steps.

        Returns the state of the method.
        """
        begin = self._send(self.t)
        slope = self.f.start(begin, self.x, self._x0)
        refuse_traced_steps("f(t, x)", slope)
        if not (self.f.whole and all_finite(slope)):
            good, known = finite_rows(slope), self.alive if self.f.whole else finite_rows(self.x)
            self.failures.add("nonfinite", np.flatnonzero(~known), advice("x0"))
            self.end(~known)
            self.failures.add("nonfinite", np.flatnonzero(~good), advice("start", t=self.start))
            self.running &= good if self.own_clocks else good[known].all()
        state, calls = self._method.init(self.f, begin, self.x), 1
        if going := np.count_nonzero(self.running):
            self.h = self._first_step(slope)
            calls, first = self.f.calls, self._send(self.direction * self.h)
            check_derivatives(self.f, self.method, begin, self.x, first, slope)  # not counted for any row
        # Failed rows need no more.
        self.account.evaluations += calls if going == len(self.running) else np.where(self.running, calls, 1)
        return state

    def _send(self, values: Rows) -> Time:
        return send(values, self.x, self.own_clocks)

    def _first_step(self, slope: Array) -> Rows:
        options, longest = self.options, abs(self.stop - self.start)
        floor = np.maximum(options.min_step, 4 * np.spacing(np.abs(self.t)))
        if options.first_step is not None:
            return np.asarray(np.maximum(floor, min(options.first_step, longest)))
        share = (
            (lambda values: values)
            if self.own_clocks
            else (lambda values: np.atleast_1d(values[self.alive].min()))
        )
        clock = self.t, self.direction, min(longest, options.max_step)
        found = initial_step(self.f, clock, self.x, slope, self._q + 1, options.tolerance, share, self._send)
        return np.asarray(np.maximum(floor, found))

    def _report(self, ended: Any, size: Rows, unsolved: Mask | None) -> None:
        """Record which clocks could not continue: a step rejected at its minimum, or all trials used."""
        floor = np.maximum(self.options.min_step, 4 * np.spacing(np.abs(self.t)))
        if unsolved is not None:
            lost = unsolved if self.own_clocks else (unsolved & self.alive).any()
            ended = np.where((ended == BROKEN) & lost, _UNSOLVED, ended)
        stopped = (ended == BROKEN) | (ended == STUCK) | (ended == _UNSOLVED)
        reasons = np.where(self._blown(stopped), _BLOWN, ended)
        for code, status in _REASONS.items():
            clocks = np.flatnonzero(reasons == code)
            rows = clocks if self.own_clocks else np.flatnonzero(self.alive)
            if not len(clocks) or not len(rows):
                continue
            k = int(clocks[0])
            explicit = isinstance(self.method, ExplicitRungeKutta)
            cause = self._rough(k, float(size[k])) if code == SPENT else ""
            if code == SPENT and not cause and (more := self._more(k)):
                place = {"t": float(self.t[k]), "max_steps": self.options.max_steps}
                total = self.options.max_steps + more
                self.failures.add(status, rows, advice("more_steps", more=more, total=total, **place))
                continue
            text = advice(
                status,
                t=float(self.t[k]),
                floor=float(floor[k]),
                max_steps=self.options.max_steps,
                cause=cause or advice("unknown" if explicit else "tight", order=self._q),
                other="an implicit method" if explicit else "a method of higher order",
            )
            self.failures.add(status, rows, text)

    def _blown(self, clocks: Mask) -> Mask:
        """Return which of the stopped clocks stopped because a solution blows up."""
        if not clocks.any():
            return clocks
        calls = self.f.calls
        slope = self.f(self._send(self.t), self.x)
        self.account.evaluations += clocks * (self.f.calls - calls)
        found = blows_up(
            self._x0,
            self.x,
            slope,
            self.t,
            self.start,
            self.direction,
            self.options.tolerance.largest_atol,
        )
        return clocks & (found if self.own_clocks else (found & self.alive).any())

    def _more(self, clock: int) -> int:
        """Return the approximate number of trial steps to the end; 0 if the steps are shrinking."""
        done, remaining = abs(float(self.t[clock]) - self.start), abs(self.stop - float(self.t[clock]))
        # Use the planned step: the last one may have been shortened by a save time.
        return steps_left(done, remaining, float(self.h[clock]), *map(int, self.counts[:, clock]))

    def _rough(self, clock: int, size: float) -> str:
        """Return why the steps of a clock stayed small. Its calls are not counted for any row."""
        if not isinstance(self.method, ExplicitRungeKutta) or self.failures.status not in ("ok", "event"):
            return ""
        rows = np.arange(self.batch) == clock if self.own_clocks else self.alive
        try:
            found = spectrum(self.f, self._send(self.t), self.x, rows, self.options.tolerance.largest_atol)
        except Exception:  # noqa: BLE001  f may fail where no step has been; this is only a hint
            return advice("unknown")
        return roughness(found, size, abs(self.stop - float(self.t[clock])))
