"""The one loop under every solve: take a step, look for events, save, tell the user."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from diffmath._arrays.callables import callback_stops
from diffmath._core.progress import progress_bar
from diffmath._core.solution import Solution
from diffmath._core.typing import Array
from diffmath._stepping.clocks import Rows
from diffmath._stepping.events import Event
from diffmath._stepping.failures import advice
from diffmath.ode._loop.dense import DenseOutput
from diffmath.ode._loop.natural import NaturalSteps
from diffmath.ode._loop.record import Saver
from diffmath.ode._loop.scanner import Scanner
from diffmath.ode._steps import Step

__all__ = ["drive"]

# Most numbers that are kept of natural steps for plots alone: a few megabytes.
_CURVE = 1e6


def drive(
    run: Any,
    x0: Array,
    times: Rows,
    *,
    landing: bool,
    natural: bool,
    dense_order: float | None,
    events: tuple[Event, ...],
    callback: Callable[[Any, Array], Any] | None,
    progress: bool,
) -> Solution:
    """Take the steps of `run` to its end and return what they passed; `dense_order` None keeps no steps.

    With `natural` the steps themselves are saved; else they are kept for plots if only the ends are saved.
    """
    saver = None if natural else Saver(run, times, x0, landing=landing)
    passed = NaturalSteps(run, x0, math.inf if natural else _CURVE) if natural or len(times) == 2 else None
    scanner = Scanner(events, run) if events else None
    kept: list[Step] = []
    for step in progress_bar(run, enabled=progress, description="ode.solve"):
        limit = scanner.scan(step) if scanner else step.t
        if saver:
            saver.take(step, limit)
        if passed and passed.complete:
            passed.add(step, limit, run.x)
        if dense_order is not None:
            step.inside(np.flatnonzero(step.accepted))
            kept.append(step)
        if callback is not None and callback_stops(callback(_told(run, step, limit), run.x)):
            going = np.flatnonzero(run.alive & (run.direction * (run.stop - step.t) > 0))
            run.failures.add("user_stop", going, advice("user_stop", t=float(step.t.max())))
            break
    more: dict[str, Any] = {"t_end": run.reached()}
    if dense_order is not None:
        span = float(times[0]), float(times[-1])
        more["dense"] = DenseOutput(kept, x0, *span, more["t_end"], dense_order)
    if scanner:
        more["t_events"], more["x_events"] = scanner.results()
    if saver and passed and passed.complete:
        more["curve"] = passed
    saved = saver.saved() if saver else passed() if passed else None
    solution: Solution = run.failures.solution(saved, run.stats(), run.per_row, **more)
    return solution


def _told(run: Any, step: Step, limit: Rows) -> Any:
    """The time that a callback is told: of every row, or of the rows that go on, if they share it."""
    if not run.float_time:
        return limit.copy()
    ended = step.accepted & ~run.alive
    return float(step.t[0] if run.alive.any() or not ended.any() else limit[ended][-1])
