"""The arguments that `solve` and `steps` share, checked at the edge."""

from __future__ import annotations

import math
from typing import Any, Literal, cast, get_args

import numpy as np

from diffmath._arrays import check_array, host_times
from diffmath._callables import check_dynamics
from diffmath._counts import check_count
from diffmath._typing import Array, Drift
from diffmath.ode._clocks import Rows
from diffmath.ode._control import PIController, PIDController, Tolerance, check_number
from diffmath.ode._dynamics import Dynamics
from diffmath.ode._fixed import FixedSteps
from diffmath.ode._method import AdaptiveMethod, Method
from diffmath.ode._named_methods import check_method
from diffmath.ode._steps import AdaptiveOptions, AdaptiveSteps
from diffmath.ode._tableau import Tableau

__all__ = ["Batch", "begin", "check_options"]

Batch = Literal["rows", "shared"]


def begin(
    f: Drift,
    x0: Array,
    times: Any,
    method: Method | Tableau | str,
    substeps: int | None,
    options: AdaptiveOptions,
) -> tuple[Any, Rows]:
    """Check the arguments of a solve; return its steps, to be iterated over, and the save times."""
    check_dynamics(f, "f")
    pristine = check_array("x0", x0, min_ndim=2, allow_complex=True)
    save_times = host_times(times, min_length=1)
    stepper = check_method(method)
    count = 1 if substeps is None else check_count("substeps", substeps)
    _refuse_unresolved(save_times, count, options.max_step)
    embedded = getattr(stepper, "embedded_order", None)
    if substeps is None and embedded is not None and pristine.shape[0] > 0:
        span = float(save_times[0]), float(save_times[-1])
        return AdaptiveSteps(Dynamics(f), pristine, span, cast(AdaptiveMethod, stepper), options), save_times
    return FixedSteps(Dynamics(f), pristine, save_times, stepper, count), save_times


def check_options(
    rtol: float, atol: float, batch: Batch, controller: PIDController | None, max_steps: int,
    min_step: float, *, max_step: float, first_step: float | None,
) -> AdaptiveOptions:  # fmt: skip
    """Return the options of adaptive steps, or refuse them."""
    if batch not in get_args(Batch):
        raise ValueError(f"batch must be 'rows' or 'shared'; got {batch!r}")
    if not (math.isfinite(check_number("min_step", min_step)) and min_step >= 0):
        raise ValueError(f"min_step must be finite and not negative; got {min_step}")
    if not check_number("max_step", max_step) > 0 or max_step < min_step:
        raise ValueError(f"max_step must be positive, and at least min_step={min_step}; got {max_step}")
    if first_step is not None and not 0 < check_number("first_step", first_step) <= max_step:
        raise ValueError(f"first_step must be positive, and at most max_step={max_step}; got {first_step}")
    if not isinstance(controller, PIDController | None):
        raise TypeError(f"controller must be an ode.PIController; got {type(controller).__name__}")
    return AdaptiveOptions(
        tolerance=Tolerance(check_number("rtol", rtol), check_number("atol", atol)),
        controller=PIController() if controller is None else controller,
        batch=batch,
        max_steps=check_count("max_steps", max_steps),
        min_step=float(min_step),
        max_step=float(max_step),
        first_step=first_step,
    )


def _refuse_unresolved(times: Rows, substeps: int, max_step: float) -> None:
    """Refuse steps that float64 cannot tell apart at these times."""
    steps = np.abs(np.diff(times)) / substeps
    resolution = 4 * np.spacing(np.maximum(np.abs(times[:-1]), np.abs(times[1:])))
    bad = np.flatnonzero(steps < resolution)
    if bad.size:
        i = int(bad[0])
        raise ValueError(
            f"the step from times[{i}]={times[i]} to times[{i + 1}]={times[i + 1]} is {steps[i]:.3g}, below "
            f"4 units in the last place of float64 there ({resolution[i]:.3g}): shift the origin of time"
        )
    if resolution.size and max_step < resolution.max():
        raise ValueError(
            f"max_step must be at least 4 units in the last place of float64 at these times, "
            f"{resolution.max():.3g}; got {max_step}: shift the origin of time"
        )
