"""Selection of the code that tries a step.

There are three implementations with the same results up to round-off: the `attempt` of the method, on arrays
of any library; and, for explicit Runge-Kutta methods on the host, kernels with one pass per loop (`host`), or
Python numbers for one small state (`small`).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace, asarray_like, expand_like, real_dtype
from diffmath._core.typing import Array, Time
from diffmath._stepping.clocks import Mask, Rows
from diffmath._stepping.control import Tolerance
from diffmath._stepping.dynamics import Dynamics
from diffmath._stepping.fetch import TrialFetch
from diffmath.ode._explicit import Attempting, ExplicitRungeKutta, Method, StagedMethod, attempting
from diffmath.ode._steps.host import KernelAttempt, kernels_serve
from diffmath.ode._steps.interpolant import interpolation
from diffmath.ode._steps.outcome import Attempt, NumberAttempt, Outcome
from diffmath.ode._steps.small import SmallAttempt, is_small

__all__ = ["DeviceMask", "as_attempting", "make_attempt", "on_one_clock", "send"]


def send(values: Rows, x: Array, own_clocks: bool) -> Time:
    """Return times in the form for f and the method: a float, or one per row, broadcasting against x."""
    if not own_clocks:
        return float(values[0])
    if type(x) is np.ndarray:  # what the following does, without its checks
        return values.astype(real_dtype(x)).reshape(values.shape + (1,) * (x.ndim - 1))
    return expand_like(asarray_like(values, x), x)


def _send_both(t: Rows, dt: Rows, x: Array, own_clocks: bool) -> tuple[Time, Time]:
    """Return times and steps like `send`, in one copy."""
    if not own_clocks:
        return float(t[0]), float(dt[0])
    both = asarray_like(np.stack([t, dt]), x)
    return expand_like(both[0, :], x), expand_like(both[1, :], x)


class DeviceMask:
    """A mask of rows on the device of the states, copied again only when it has changed."""

    def __init__(self) -> None:
        self._known = b""
        self._sent: list[Array] = []

    def __call__(self, mask: Mask, like: Array) -> Array:
        """Return the mask on the device of `like`."""
        if not self._sent or self._known != mask.tobytes():
            self._sent = [asarray_like(mask, like, array_namespace(like).bool)]
            self._known = mask.tobytes()
        return self._sent[0]


def as_attempting(method: Method) -> Attempting:
    """Return a method with the solver's interface: those of this package directly, others with checks."""
    return method if isinstance(method, StagedMethod) else attempting(method)


def make_attempt(f: Dynamics, method: Method, x: Array, tolerance: Tolerance, own_clocks: bool) -> Attempt:
    """Return a function that tries steps of `method` on arrays like x: by kernels or its `attempt`."""
    if isinstance(method, ExplicitRungeKutta) and method.tableau.b_error is not None:
        if is_small(x, tolerance):
            return SmallAttempt(f, method, x, tolerance, own_clocks)
        if kernels_serve(x):
            return KernelAttempt(f, method, tolerance, own_clocks)
    attempt = as_attempting(method).attempt
    # NaN in rows whose new state is not finite, so one copy to the host contains both results.
    reading = TrialFetch(lambda trial, x: tolerance.measure(trial.error + 0.0 * trial.x, x, trial.x))
    read = reading.read

    def by_method(t: Rows, dt: Rows, x: Array, state: Any) -> Outcome:
        times = _send_both(t, dt, x, own_clocks)
        f.fetch = reading
        trial = attempt(f, state, times[0], x, times[1])
        size, error = read(trial, x)
        dense = partial(interpolation, f, trial, state, times, dt, x)
        return Outcome(trial.x, error, trial.state, dense, (size, times[1]) if own_clocks else None)

    return by_method


def on_one_clock(attempt: Attempt) -> NumberAttempt:
    """Return an attempt for numbers: the time and the step of the only clock."""
    found: NumberAttempt | None = getattr(attempt, "of_numbers", None)
    return found or (lambda t, dt, x, state: attempt(np.array([t]), np.array([dt]), x, state))
