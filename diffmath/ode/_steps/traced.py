"""Fixed steps under a JAX transformation: one loop of the compiled program for any number of steps.

The clock stays on the host: times enter the loop as constants. Code that reads numbers on the host cannot be
traced and refuses by name: adaptive steps, Newton's iteration, events.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace, real_dtype
from diffmath._arrays.tracing import (
    UNCHECKED,
    branch,
    common_step,
    host_read_errors,
    makes_traced,
    refuse_traced,
    scan_loop,
)
from diffmath._core.solution import Solution
from diffmath._core.typing import Array
from diffmath._stepping.clocks import Rows
from diffmath._stepping.dynamics import Dynamics
from diffmath.ode._explicit import Method, check_state
from diffmath.ode._steps.closing import closing, leaving

__all__ = ["is_traced_solve", "refuse_options", "refuse_traced_steps", "traced_solution"]

_FIXED = (
    "use fixed steps, ode.solve(..., method=ode.rk4, substeps=...), or call it outside the transformation"
)


def refuse_traced_steps(name: str, *values: Any) -> None:
    """Refuse values that JAX traces if steps are chosen, or returned, by their numbers.

    Raises
    ------
    TypeError
        One of `values` is traced, or the call is.
    """
    refuse_traced(name, "these steps depend on numbers, which a trace does not have", _FIXED, *values)


def is_traced_solve(f: Dynamics, x: Array, t: float) -> bool:
    """Whether JAX traces a fixed-step solve: its state, or values that the right-hand side closes over."""
    return makes_traced(x, lambda: f.model(t, x))


def traced_solution(f: Dynamics, x: Array, times: Rows, method: Method, substeps: int) -> Solution:
    """Return the states at `times`, in a loop that JAX traces once."""
    clock = times[:-1, None] + np.diff(times)[:, None] / substeps * np.arange(substeps)
    dt = np.broadcast_to(np.diff(times)[:, None] / substeps, clock.shape)
    leaves, host = leaving(method, clock, dt, f.bounds), np.dtype(real_dtype(x))
    body = _Body(f, method, common_step(np.append(clock.ravel(), times[-1])) if clock.size else None)

    def interval(state: Array, clocks: Any) -> tuple[Array, Array]:
        state, _ = scan_loop(body, state, clocks)
        return state, state

    xp, states = array_namespace(x), x[None, ...]
    if clock.size:
        inputs = clock.astype(host), dt.astype(host), leaves
        states = xp.concat([states, scan_loop(interval, x, inputs)[1]])
    calls = body.calls[False] * int((~leaves).sum()) + body.calls[True] * int(leaves.sum())
    stats = {"steps": clock.size, "evaluations": calls, "calls": calls}
    return Solution(t=times, x=states, message=UNCHECKED, stats=stats)


class _Body:
    """One step as the body of the loop: by the method, or by the closing method if its nodes would leave."""

    def __init__(self, f: Dynamics, method: Any, dt: float | None) -> None:
        self._f, self._dt, self._method, self._closing = f, dt, method, closing(method)
        self._name = getattr(method, "name", type(method).__name__)
        self.calls = {False: 0, True: 0}  # of f in a step, for either method

    def __call__(self, state: Array, clock: tuple[Array, Array, Array]) -> tuple[Array, None]:
        t, dt, leaves = clock
        dt = dt if self._dt is None else self._dt
        if self._closing is None:
            return self._step(False, t, state, dt), None
        return branch(
            leaves, lambda: self._step(True, t, state, dt), lambda: self._step(False, t, state, dt)
        ), None

    def _step(self, closes: bool, t: Array, state: Array, dt: Any) -> Array:
        before = self._f.calls
        method: Any = self._closing if closes else self._method
        try:
            new = method.step(self._f, t, state, dt)
        except host_read_errors() as error:
            if getattr(error, "__notes__", ()):  # an error of f, which the note names
                error.add_note("JAX traces this call: t and x have no numbers here; use jax.numpy, not math")
                raise
            raise TypeError(
                f"method={self._name} reads numbers on the host, which JAX does not have while it traces "
                "(jit, vmap or grad): use an explicit method, such as ode.rk4, or call it outside the trace"
            ) from error
        self.calls[closes] = self._f.calls - before
        return check_state("method.step(f, t, x, dt)", new, state)


def refuse_options(**options: Any) -> None:
    """Refuse options that need numbers, by name."""
    for name, given in options.items():
        if given:
            raise TypeError(
                f"{name} needs numbers, which JAX does not have while it traces (jit, vmap or grad): leave "
                "it out, or call ode.solve outside the transformation"
            )
