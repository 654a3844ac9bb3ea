"""The options of adaptive steps: tolerances, controller, clocks and limits, checked at the public entry."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, get_args

from diffmath._core.counts import check_count
from diffmath._core.numbers import check_number
from diffmath._stepping.control import PIController, PIDController, Tolerance

__all__ = ["AdaptiveOptions", "Batch", "check_options"]

Batch = Literal["rows", "shared"]
_BATCHES = get_args(Batch)

_CONTROLLER = PIController()
_RTOL, _ATOL, _MAX_STEPS = 1e-6, 1e-9, 10_000


class AdaptiveOptions(NamedTuple):
    """Options of adaptive steps: tolerances, controller, clocks and limits."""

    tolerance: Tolerance
    controller: PIDController
    batch: Batch
    max_steps: int
    min_step: float
    max_step: float
    first_step: float | None
    given: tuple[str, ...] = ()  # names of the options that the caller passed: fixed steps refuse them


def check_options(
    rtol: Any, atol: Any, batch: Batch, controller: PIDController | None,
    max_steps: int | None, min_step: float | None, *, max_step: float | None, first_step: float | None,
    single: bool = False,
) -> AdaptiveOptions:  # fmt: skip
    """Return the checked options of adaptive steps; None means the default of each.

    A single state shares its clock with no other row, and f gets its time as a number.
    """
    options = {
        "rtol": rtol, "atol": atol, "controller": controller, "max_steps": max_steps, "min_step": min_step,
        "max_step": max_step, "first_step": first_step,
    }  # fmt: skip
    low = 0.0 if min_step is None else check_number("min_step", min_step)
    high = math.inf if max_step is None else check_number("max_step", max_step)
    if batch not in _BATCHES:
        raise ValueError(f"batch must be 'rows' or 'shared'; got {batch!r}")
    if not (math.isfinite(low) and low >= 0):
        raise ValueError(f"min_step must be finite and not negative; got {min_step}")
    if not high > 0 or high < low:
        raise ValueError(f"max_step must be positive, and at least min_step={low}; got {max_step}")
    if first_step is not None and not 0 < check_number("first_step", first_step) <= high:
        raise ValueError(f"first_step must be positive, and at most max_step={high}; got {first_step}")
    if controller is not None and not isinstance(controller, PIDController):
        raise TypeError(f"controller must be an ode.PIController; got {type(controller).__name__}")
    return AdaptiveOptions(
        tolerance=Tolerance(
            _RTOL if rtol is None else rtol,
            _ATOL if atol is None else atol,
        ),
        controller=_CONTROLLER if controller is None else controller,
        batch="shared" if single else batch,
        max_steps=_MAX_STEPS if max_steps is None else min(check_count("max_steps", max_steps), 2**62),
        min_step=low,
        max_step=high,
        first_step=first_step,
        given=tuple(name for name, value in options.items() if value is not None),
    )
