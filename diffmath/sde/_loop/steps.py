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
from diffmath.sde._methods import Method

__all__ = ["begin", "nonfinite", "run_steps", "take_carrying_step", "take_step"]


def run_steps(
    setup: Setup, *, check: bool = True, settle: Callable[[Array, Array], Array] | None = None
) -> Iterator[tuple[int, Array]]:
    """Check model and method against the state, then iterate over (n, state at clock[n]) for n = 1, 2, ..."""
    refuse_traced_run(setup.model, setup.x, float(setup.clock[0]), "these steps are checked on the host")
    return _steps(setup, noise_of(setup, check=check), settle)


def _steps(
    setup: Setup, increments: Iterator[Any], settle: Callable[[Array, Array], Array] | None
) -> Iterator[tuple[int, Array]]:
    model, x, clock, method = setup[:4]
    times: list[float] = clock.tolist()
    carried = begin(model, x, times[0], method)
    for n, (noise, t, after) in enumerate(zip(increments, times, times[1:], strict=False)):
        new, carried = take_carrying_step(model, x, t, after, method, noise, carried)
        if not n:
            check_part(f"a step of {method.name}", new, x)
        x = new if settle is None else settle(x, new)
        yield n + 1, x


def take_step(model: SDE, x: Array, t: float, after: float, method: Method, noise: Any) -> Array:
    """Take one step, from t to `after`."""
    # Non-finite values are detected and reported by the caller, with the time and the rows.
    with np.errstate(all="ignore"):
        return guarded(method.step, f"a step of {method.name}", t, model, t, x, after - t, noise)


def begin(model: SDE, x: Array, t: float, method: Method) -> Any:
    """Return what the first step of a run carries in addition to the state."""
    with np.errstate(all="ignore"):
        return guarded(method.begin, f"a step of {method.name}", t, model, t, x)


def take_carrying_step(
    model: SDE, x: Array, t: float, after: float, method: Method, noise: Any, carried: Any
) -> tuple[Array, Any]:
    """Take one step of a run with its carried data; return the data for the next step."""
    with np.errstate(all="ignore"):
        try:  # like `guarded`, without its call, since a step takes microseconds
            return method.step_carrying(model, t, x, after - t, noise, carried)
        except Exception as error:
            annotate(error, f"a step of {method.name}", t)
            raise


def nonfinite(x: Array, t: float, first_row: int, trouble: str) -> str:
    """Name the rows that are not finite at time t, with the cause; an empty string if there are none."""
    rows = nonfinite_rows(x, first_row)
    return rows and f"{trouble} at t={t:g} in {rows}"
