"""The loop of every solve: take a step, detect events, save states, call the callback."""

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
from diffmath._stepping.run import Run
from diffmath.ode._loop.dense import DenseOutput
from diffmath.ode._loop.natural import NaturalSteps
from diffmath.ode._loop.record import make_saver
from diffmath.ode._loop.scanner import Scanner
from diffmath.ode._steps import Step

__all__ = ["drive"]

# Maximum number of values that are kept of natural steps only for plots: a few megabytes.
_CURVE = 1e6


def drive(
    run: Run[Step],
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
    """Take the steps of `run` to its end and save states; with `dense_order` None, no steps are kept.

    With `natural` the steps themselves are saved; otherwise they are kept for plots if only the ends are
    saved.
    """
    saver = None if natural else make_saver(run, times, x0, landing=landing, events=bool(events))
    taken = NaturalSteps(run, x0, math.inf if natural else _CURVE if len(times) == 2 else -1.0)
    scanner = Scanner(events, run) if events else None
    kept: list[Step] = []
    for step in progress_bar(run, enabled=progress, description="ode.solve"):
        limit = scanner.scan(step) if scanner else None
        if saver:
            saver.take(step, limit)
        if taken.complete:
            taken.add(step, limit, run.x)
        if dense_order is not None:
            step.inside(np.flatnonzero(step.accepted))
            kept.append(step)
        if callback is not None and callback_stops(callback(_callback_time(run, step, limit), run.x)):
            going = np.flatnonzero(run.alive & (run.direction * (run.stop - step.t) > 0))
            run.failures.add("user_stop", going, advice("user_stop", t=float(step.t.max())))
            break
    more: dict[str, Any] = {"t_end": run.reached()}
    if dense_order is not None:
        span = float(times[0]), float(times[-1])
        more["dense"] = DenseOutput(kept, x0, *span, more["t_end"], dense_order)
    if scanner:
        more["t_events"], more["x_events"] = scanner.results()
    if saver and taken.complete:
        more["curve"] = taken
    saved = saver.saved() if saver else taken()
    solution: Solution = run.failures.solution(saved, run.stats(), run.own_status, **more)
    return solution


def _callback_time(run: Run[Step], step: Step, limit: Rows | None) -> float | Rows:
    """Return the time for a callback: one per row, or that of the continuing rows if they share it."""
    if run.own_clocks:
        return (step.t if limit is None else limit).copy()
    ended = step.accepted & ~run.alive
    if limit is None or run.alive.any() or not ended.any():
        return float(step.t[0])
    return float(limit[ended][-1])
