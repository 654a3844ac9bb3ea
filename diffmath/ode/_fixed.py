"""Fixed steps: a number of equal steps between two save times, by any object with a `step`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from diffmath._progress import progress_bar
from diffmath._solution import Solution
from diffmath._typing import Array
from diffmath.ode._control import finite_rows
from diffmath.ode._dynamics import Dynamics
from diffmath.ode._method import Method, check_state
from diffmath.ode._record import Failures, Recorder

__all__ = ["solve_fixed"]


def solve_fixed(
    f: Dynamics,
    x: Array,
    pristine: Array,
    times: npt.NDArray[np.float64],
    method: Method,
    substeps: int,
    progress: bool,
) -> Solution:
    """Integrate with `substeps` steps per interval, t = t0 + j dt; rows that turn non-finite end alone."""
    recorder, failures = Recorder(times, pristine), Failures(x.shape[0])
    alive = np.full(x.shape[0], True)
    reached = 0
    if len(times) > 1 and x.shape[0] > 0:
        alive = finite_rows(f.start(float(times[0]), x, pristine))
        _fail(failures, ~alive, f"f(t, x) is nan or inf at the initial time t={times[0]:g}")
    for k in progress_bar(range(1, len(times)), enabled=progress, description="ode.solve"):
        if not alive.any():
            break
        x = _interval(f, float(times[k - 1]), float(times[k]), x, method, substeps)
        finite = finite_rows(x)
        _fail(
            failures,
            alive & ~finite,
            f"the state became nan or inf between t={times[k - 1]:g} and t={times[k]:g}",
        )
        alive = alive & finite
        recorder.save(x, np.flatnonzero(alive), np.full(int(alive.sum()), k))
        reached = k
    stats = {"steps": reached * substeps, "evaluations": f.calls, "calls": f.calls}
    return failures.solution(recorder, stats, per_row=True)


def _interval(f: Dynamics, start: float, stop: float, x: Array, method: Method, substeps: int) -> Array:
    dt = (stop - start) / substeps
    for j in range(substeps):
        x = check_state("method.step(f, t, x, dt)", method.step(f, start + j * dt, x, dt), x)
    return x


def _fail(failures: Failures, rows: npt.NDArray[np.bool_], what: str) -> None:
    advice = (
        "the step may be too large for the method to be stable (raise substeps), or f leaves its domain there"
    )
    failures.add("nonfinite", np.flatnonzero(rows), f"{what} in {{rows}}: {advice}")
