"""The steps of a run on a fixed clock, one after another, and the report of non-finite states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from diffmath._arrays.callables import annotate, check_part, guarded
from diffmath._arrays.models import SDE
from diffmath._core.typing import Array
from diffmath._stepping.failures import nonfinite_rows
from diffmath.sde._loop.run_noise import Setup, noise_of
from diffmath.sde._loop.traced import refuse_traced_run
from diffmath.sde._methods import Method, Trial

__all__ = ["first_state", "nonfinite", "run_steps", "take_step"]

# (state before, state of the method before, trial) -> both after the step, where some rows have ended.
Settle = Callable[[Array, Any, Trial], tuple[Array, Any]]


def run_steps(
    setup: Setup, *, check: bool = True, settle: Settle | None = None
) -> Iterator[tuple[int, Array]]:
    """Check model and method against the state, then iterate over (n, state at clock[n]) for n = 1, 2, ..."""
    refuse_traced_run(setup.model, setup.x, float(setup.clock[0]), "these steps are checked on the host")
    return _steps(setup, noise_of(setup, check=check), settle)


def _steps(setup: Setup, increments: Iterator[Any], settle: Settle | None) -> Iterator[tuple[int, Array]]:
    model, x, clock, method = setup[:4]
    times: list[float] = clock.tolist()
    state = first_state(model, x, times[0], method)
    for n, (noise, t, after) in enumerate(zip(increments, times, times[1:], strict=False)):
        trial = take_step(model, state, x, t, after - t, method, noise)
        if not n:
            check_part(f"a step of {method.name}", trial.x, x)
        if settle is None:
            x, state = trial.x, trial.state
        else:
            x, state = settle(x, state, trial)
        yield n + 1, x


# Non-finite values are detected and reported by the caller, with the time and the rows. The decorator takes
# half the time of a with block, which matters: a step takes microseconds.
_quiet = np.errstate(all="ignore")


@_quiet
def first_state(model: SDE, x: Array, t: float, method: Method) -> Any:
    """Return the state of the method at the start of a run."""
    return guarded(method.init, f"init of {method.name}", t, model, t, x)


@_quiet
def take_step(
    model: SDE, state: Any, x: Array, t: float, dt: float, method: Method, noise: Any, estimate: bool = False
) -> Trial:
    """Take one step, from t to ``t + dt``."""
    try:  # like `guarded`, without its call
        return method.attempt(model, state, t, x, dt, noise, estimate=estimate)
    except Exception as error:
        annotate(error, f"a step of {method.name}", t)
        raise


def nonfinite(x: Array, t: float, first_row: int, trouble: str) -> str:
    """Name the rows that are not finite at time t, with the cause; an empty string if there are none."""
    rows = nonfinite_rows(x, first_row)
    return rows and f"{trouble} at t={t:g} in {rows}"
