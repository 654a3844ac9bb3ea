"""Checks of the common arguments of `solve` and `steps`, at the public entry."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np

from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.namespace import check_array
from diffmath._core.counts import check_count
from diffmath._core.typing import Array, Drift
from diffmath._stepping.clocks import Rows
from diffmath._stepping.dynamics import Dynamics
from diffmath._stepping.options import AdaptiveOptions
from diffmath.ode._explicit import AdaptiveMethod, Method, check_method
from diffmath.ode._steps import AdaptiveSteps, FixedSteps, refuse_traced_steps
from diffmath.ode._tableaux import Tableau

__all__ = ["begin"]


def begin(
    f: Drift,
    x0: Array,
    times: Any,
    method: Method | Tableau | str,
    substeps: int | None,
    options: AdaptiveOptions,
    *,
    checked: bool,
) -> tuple[AdaptiveSteps | FixedSteps, Rows]:
    """Check the arguments of a solve; return an iterator over its steps, and the save times.

    With `checked`, x0 is known to be an array of finite numbers.
    """
    states, watched = x0 if checked else _initial(x0), Dynamics(f)
    watched.whole = states is not None
    if states is None:
        states = check_array("x0", x0, min_ndim=2, allow_complex=True, some_rows=True)
    save_times = _save_times(times)
    stepper = check_method(method)
    count = 1 if substeps is None else check_count("substeps", substeps)
    _refuse_unresolved(save_times, count, options.max_step)
    if substeps is not None or getattr(stepper, "embedded_order", None) is None:
        _refuse_adaptive(stepper, substeps, options, (len(save_times) - 1) * count)
    elif states.shape[0] > 0:
        refuse_traced_steps("x0", states)
        span = float(save_times[0]), float(save_times[-1])
        _refuse_long_steps(options, span)
        tolerance = options.tolerance.fitted(states)
        options = options._replace(tolerance=tolerance)
        return AdaptiveSteps(watched, states, span, cast(AdaptiveMethod, stepper), options), save_times
    return FixedSteps(watched, states, save_times, stepper, count), save_times


def _initial(x0: Array) -> Array | None:
    """Return the initial states if all are finite; in the usual case this is one check."""
    try:
        return check_array("x0", x0, min_ndim=2, allow_complex=True)
    except ValueError:
        return None


def _save_times(times: Any) -> Rows:
    try:
        return host_times(times, min_length=1)
    except ValueError as error:
        if " inf" not in str(error) and " -inf" not in str(error):
            raise
        raise ValueError(
            f"{error}: give a finite end that the solution does not reach, and a terminal event (ode.Event), "
            "or iterate over ode.steps and stop when you like"
        ) from None


def _refuse_adaptive(method: Any, substeps: int | None, options: AdaptiveOptions, steps: int) -> None:
    """Refuse adaptive options with fixed steps, which have no tolerance and a given length."""
    unused = [name for name in options.given if name != "max_steps"]
    name = getattr(method, "name", type(method).__name__)
    if unused and substeps is None:
        raise ValueError(
            f"{name} takes fixed steps, on which {' and '.join(unused)} would have no effect: give substeps, "
            "the number of steps between two times, instead, or a method that adapts, such as ode.dopri5"
        )
    if unused:
        raise ValueError(
            f"substeps={substeps} makes the steps fixed, on which {' and '.join(unused)} would have no "
            "effect: leave out one of them"
        )
    if "max_steps" in options.given and steps > options.max_steps:
        raise ValueError(
            f"times and substeps ask for {steps} fixed steps, but max_steps is {options.max_steps}"
        )


def _refuse_long_steps(options: AdaptiveOptions, span: tuple[float, float]) -> None:
    length = abs(span[1] - span[0])
    for name, step in (("first_step", options.first_step), ("min_step", options.min_step)):
        if step is not None and step > length > 0:
            raise ValueError(f"{name} must be at most the time span, {length:g}; got {step}")


def _refuse_unresolved(times: Rows, substeps: int, max_step: float) -> None:
    """Refuse steps that are not resolved by float64 at these times."""
    if len(times) == 2 and max_step == math.inf:
        first, last = times.tolist()
        if abs(last - first) >= 5 * substeps * math.ulp(max(abs(first), abs(last))):
            return  # as mostly
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
