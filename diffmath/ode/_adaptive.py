"""Adaptive stepping: every row of the batch has its own time, step and end, or all share one clock.

Time lives on the host in float64, one entry per clock; only the state lives on the device. Rows that have
ended take steps of length zero: they are evaluated where they stopped, and what they return is ignored.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from diffmath._arrays import array_namespace, asarray_like, expand_like
from diffmath._progress import progress_bar
from diffmath._solution import Solution
from diffmath._typing import Array, Time
from diffmath.ode._control import PIController, Rows, Tolerance, finite_rows, initial_step
from diffmath.ode._dynamics import Dynamics
from diffmath.ode._method import AdaptiveMethod, checked_step_with_error
from diffmath.ode._record import Failures, Recorder

__all__ = ["AdaptiveOptions", "solve_adaptive"]

Mask = npt.NDArray[np.bool_]

# A step that reaches within this factor of a save time is stretched to it: no slivers.
_STRETCH = 1.01


@dataclass(frozen=True)
class AdaptiveOptions:
    """How to step: tolerances, controller, clocks and caps."""

    tolerance: Tolerance
    controller: PIController
    batch: Literal["rows", "shared"]
    max_steps: int
    min_step: float


class _Clocks:
    """The host side of an adaptive solve: one entry per row, or a single entry shared by all rows."""

    def __init__(self, times: Rows, batch: int, options: AdaptiveOptions) -> None:
        clocks = batch if options.batch == "rows" else 1
        self.times, self.options, self.batch = times, options, batch
        self.direction = 1.0 if times[-1] >= times[0] else -1.0
        self.t = np.full(clocks, times[0])
        self.h = np.zeros(clocks)  # size of the next step, before it is clipped to the save time
        self.previous = np.ones(clocks)  # error of the last accepted step
        self.recovering = np.zeros(clocks, dtype=bool)  # the last trial was rejected
        self.target = np.ones(clocks, dtype=np.intp)  # index of the next save time
        self.running = np.full(clocks, len(times) > 1)
        self.trials = np.zeros(clocks, dtype=np.int64)
        self.steps = np.zeros(clocks, dtype=np.int64)

    def share(self, values: Rows, *, largest: bool = False) -> Rows:
        """Reduce per-row values to one per clock."""
        if self.options.batch == "rows":
            return values
        return np.atleast_1d(values.max() if largest else values.min())

    def rows(self, mask: Mask) -> Mask:
        """Spread a mask over clocks to one over rows."""
        return mask if self.options.batch == "rows" else np.full(self.batch, mask[0])

    def send(self, values: Rows, x: Array) -> Time:
        """Times as f and the method see them: a float, or one per row broadcasting against x."""
        if self.options.batch == "shared":
            return float(values[0])
        return expand_like(asarray_like(values, x), x)

    @property
    def floor(self) -> Rows:
        """The smallest step that still moves the clock."""
        return np.asarray(np.maximum(self.options.min_step, 4 * np.spacing(np.abs(self.t))))

    def plan(self) -> tuple[Rows, Mask]:
        """Return the signed step of every clock, and which land on their save time."""
        goal = self.times[np.minimum(self.target, len(self.times) - 1)]
        remaining = goal - self.t
        lands = self.running & (self.h * _STRETCH >= np.abs(remaining))
        # The state must advance by exactly what the clock does: far from t = 0, t + h is rounded.
        dt = np.where(lands, remaining, (self.t + self.direction * self.h) - self.t)
        return np.where(self.running, dt, 0.0), lands

    def judge(self, dt: Rows, lands: Mask, error: Rows, embedded_order: int) -> Mask:
        """Accept or reject, move the clocks, choose the next steps; return which were accepted."""
        accepted = self.running & (error <= 1)
        rejected = self.running & ~accepted
        self.trials += self.running
        self.steps += accepted
        size, control = np.abs(dt), self.options.controller
        growth = control.factor(np.where(accepted, error, 1.0), self.previous, embedded_order)
        # A step cut short by a save time says little about the step that was planned: keep the plan.
        cut = accepted & lands & (size < self.h) & (growth >= control.max_factor)
        growth = np.where(self.recovering, np.minimum(growth, 1.0), growth)
        proposed = np.where(cut, np.maximum(self.h, size * growth), size * growth)
        shrunk = size * control.rejected_factor(error, embedded_order)
        h = np.where(accepted, proposed, np.where(rejected, shrunk, self.h))
        self.previous = np.where(accepted & ~cut, error, self.previous)
        self.recovering = rejected
        landed = accepted & lands
        self.t = np.where(landed, self.times[np.minimum(self.target, len(self.times) - 1)], self.t)
        self.t = np.where(accepted & ~lands, self.t + dt, self.t)
        self.h = np.clip(h, self.floor, abs(self.times[-1] - self.times[0]))
        return accepted

    def advance(self, landed: Mask) -> None:
        """Aim at the next save time; stop the clocks that have reached their last."""
        self.target += landed
        self.running &= self.target < len(self.times)


def solve_adaptive(
    f: Dynamics,
    x: Array,
    pristine: Array,
    times: Rows,
    method: AdaptiveMethod,
    options: AdaptiveOptions,
    progress: bool,
) -> Solution:
    """Integrate from the first time to the last, every clock at its own pace."""
    clocks = _Clocks(times, x.shape[0], options)
    recorder, failures = Recorder(times, pristine), Failures(x.shape[0])
    slope: Array | None = _begin(clocks, f, x, pristine, method, failures)
    per_row = options.batch == "rows"
    evaluations = np.where(clocks.running, f.calls, 1)  # rows that fail at once need no first step
    step = checked_step_with_error(method)
    for _ in progress_bar(itertools.count(), enabled=progress, description="ode.solve"):
        if not clocks.running.any():
            break
        before, running = f.calls, clocks.running.copy()
        dt, lands = clocks.plan()
        x_new, change, slope_new = step(f, clocks.send(clocks.t, x), x, clocks.send(dt, x), slope)
        error = np.where(finite_rows(x_new), options.tolerance.norm(change, x, x_new), np.inf)
        error = clocks.share(np.where(np.isfinite(error), error, np.inf), largest=True)
        accepted = clocks.judge(dt, lands, error, int(method.embedded_order or 0))
        x = _take(accepted, x_new, x, clocks)
        slope = None if slope_new is None else _take(accepted, slope_new, slope, clocks)
        _save(recorder, x, accepted & lands, clocks)
        clocks.advance(accepted & lands)
        _stop(clocks, np.abs(dt), accepted, error, failures)
        evaluations = evaluations + running * (f.calls - before)
    stats: dict[str, Any] = {
        "steps": clocks.steps, "rejected": clocks.trials - clocks.steps, "evaluations": evaluations
    }  # fmt: skip
    if not per_row:
        stats = {name: int(value[0]) for name, value in stats.items()}
    return failures.solution(recorder, stats | {"calls": f.calls}, per_row)


def _begin(
    clocks: _Clocks, f: Dynamics, x: Array, pristine: Array, method: AdaptiveMethod, failures: Failures
) -> Array:
    """Evaluate f at the start, stop the rows where it is not finite, and choose the first steps."""
    slope = f.start(clocks.send(clocks.t, x), x, pristine)
    good = finite_rows(slope)
    failures.add(
        "nonfinite",
        np.flatnonzero(~good),
        f"f(t, x) is nan or inf at the initial time t={clocks.times[0]:g} in {{rows}}: look there "
        "for a log or root of a negative number, a division by zero, or an overflow",
    )
    clocks.running &= good if clocks.options.batch == "rows" else good.all()
    if not clocks.running.any():
        return slope
    longest = abs(float(clocks.times[-1] - clocks.times[0]))
    clocks.h = np.maximum(
        clocks.floor,
        initial_step(
            f, (clocks.t, clocks.direction, longest), x, slope, int(method.embedded_order or 0) + 1,
            clocks.options.tolerance, clocks.share, lambda values: clocks.send(values, x),
        ),
    )  # fmt: skip
    return slope


def _take(accepted: Mask, new: Array, old: Array, clocks: _Clocks) -> Array:
    """The new values in the rows that were accepted, the old ones elsewhere."""
    if accepted.all():
        return new
    if not accepted.any():
        return old
    xp = array_namespace(new)
    return xp.where(expand_like(asarray_like(clocks.rows(accepted), new, xp.bool), new), new, old)


def _save(recorder: Recorder, x: Array, landed: Mask, clocks: _Clocks) -> None:
    rows = np.flatnonzero(clocks.rows(landed))
    target = clocks.target if clocks.options.batch == "rows" else np.full(clocks.batch, clocks.target[0])
    recorder.save(x, rows, target[rows])


def _stop(clocks: _Clocks, size: Rows, accepted: Mask, error: Rows, failures: Failures) -> None:
    """End the clocks that cannot go on: a rejected step at the floor, or all trials spent."""
    # A step of the floor's length may have been rounded up by a unit in the last place of t.
    stuck = clocks.running & ~accepted & (size <= clocks.floor + np.spacing(np.abs(clocks.t)))
    broken = stuck & ~np.isfinite(error)
    spent = clocks.running & ~stuck & (clocks.trials >= clocks.options.max_steps)
    for status, mask, advice in (
        ("nonfinite", broken, _NONFINITE),
        ("step_too_small", stuck & ~broken, _TOO_SMALL),
        ("max_steps", spent, _SPENT),
    ):
        if mask.any():
            place = {
                "t": clocks.t[mask][0],
                "max_steps": clocks.options.max_steps,
                "floor": clocks.floor[mask][0],
            }
            text = advice.format(rows="{rows}", **place)
            failures.add(status, np.flatnonzero(clocks.rows(mask)), text)  # type: ignore[arg-type]
    clocks.running &= ~(stuck | spent)


_NONFINITE = (
    "the state or f(t, x) becomes nan or inf just after t={t:g} in {rows}, however small the step: the "
    "solution may blow up or leave the domain of f there; stop before that time, or bound f"
)
_TOO_SMALL = (
    "the step fell to its floor {floor:.3g} at t={t:.15g} in {rows}: the solution may blow up or jump near "
    "that time; stop before it, start a new solve after it, or loosen rtol and atol"
)
_SPENT = (
    "max_steps={max_steps} trial steps are spent at t={t:g} in {rows}: the problem may be stiff for an "
    "explicit method, or f may be noisy or discontinuous; loosen rtol and atol, raise max_steps, or use an "
    "implicit solver (scipy.integrate.solve_ivp with method='Radau')"
)
