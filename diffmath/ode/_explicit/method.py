"""The interface of a method for the solver: protocols that any object can satisfy, and an adapter."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

from diffmath._arrays.callables import check_result
from diffmath._core.typing import Array, Drift, Time
from diffmath._stepping.trial import SlopeState, StageSum, Trial, check_rows

__all__ = ["AdaptiveMethod", "Attempting", "Method", "attempting", "check_state"]


@runtime_checkable
class Method(Protocol):
    """A one-step method: `step` is a pure function, `order` its order of accuracy.

    Any object that has both can be used with `diffmath.ode.solve`.

    Notes
    -----
    A method that carries data from step to step, or has dense output, has two more methods:

    ``init(f, t, x)``
        Return the state of the method at the start of a solve. A state is None, an array with one entry per
        row, or a flat dataclass of such arrays, numbers, and None for unknown values. The solver selects rows
        of it if only some rows of the batch were accepted. It can be pickled, and nothing else is kept
        between steps.
    ``attempt(f, state, t, x, dt, *, estimate=True)``
        Try a step, and return an `ode.Trial`: the new state of the equation, its error estimate (not needed
        with ``estimate=False``), the new state of the method, and ``dense()``, the state inside the step.
        `solve` then calls it instead of `step`.

    If the state has an attribute `slope`, f at the current state of the equation, it saves evaluations where
    the solver needs slopes.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> class Midpoint:
    ...     order = 2
    ...
    ...     def step(self, f, t, x, dt):
    ...         return x + dt * f(t + dt / 2, x + dt / 2 * f(t, x))
    >>> isinstance(Midpoint(), ode.Method)
    True
    >>> ode.solve(lambda t, x: -x, np.ones((1, 1)), [0, 1], method=Midpoint(), substeps=100).x[-1].round(4)
    array([[0.3679]])

    With its own dense output, a parabola:

    >>> class DenseMidpoint(Midpoint):
    ...     dense_order = 2
    ...
    ...     def init(self, f, t, x):
    ...         return None
    ...
    ...     def attempt(self, f, state, t, x, dt, *, estimate=True):
    ...         first = f(t, x)
    ...         middle = f(t + dt / 2, x + dt / 2 * first)
    ...
    ...         def at(rows, theta):
    ...             part = dt * theta[:, None]
    ...             return x[rows] + part * (first[rows] + theta[:, None] * (middle - first)[rows])
    ...
    ...         return ode.Trial(x + dt * middle, dense=lambda: at)
    >>> found = ode.solve(
    ...     lambda t, x: -x, np.ones((1, 1)), [0, 1], method=DenseMidpoint(), substeps=100, dense=True
    ... )
    >>> found.dense(0.5).round(4)
    array([[0.6065]])
    """

    @property
    def order(self) -> int: ...

    def step(self, f: Drift, t: Time, x: Array, dt: Time) -> Array:
        """Return the state at ``t + dt``; `t` and `dt` are floats."""
        ...


@runtime_checkable
class AdaptiveMethod(Method, Protocol):
    """A one-step method that estimates its error, of order ``embedded_order + 1`` in the step.

    With `init` and ``attempt`` (see `ode.Method`) it needs no `step_with_error`: its trials contain the
    error.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> isinstance(ode.dopri5, ode.AdaptiveMethod), ode.dopri5.embedded_order, ode.heun.embedded_order
    (True, 4, None)

    A user-defined method that passes the last slope of a step to the next:

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Carried:
    ...     slope: np.ndarray
    >>> class Heun:
    ...     order, embedded_order = 2, 1
    ...
    ...     def init(self, f, t, x):
    ...         return Carried(f(t, x))
    ...
    ...     def attempt(self, f, state, t, x, dt, *, estimate=True):
    ...         last = f(t + dt, x + dt * state.slope)
    ...         error = dt / 2 * (last - state.slope)
    ...         x_new = x + dt * state.slope + error
    ...         return ode.Trial(x_new, error, Carried(f(t + dt, x_new)))
    ...
    ...     def step(self, f, t, x, dt):
    ...         return self.attempt(f, self.init(f, t, x), t, x, dt).x
    >>> found = ode.solve(lambda t, x: -x, np.ones((2, 1)), [0, 0.5, 1], method=Heun(), rtol=1e-5)
    >>> found.x[1:, 0].round(4)
    array([[0.6065],
           [0.3679]])
    """

    @property
    def embedded_order(self) -> int | None: ...

    def step_with_error(
        self, f: Drift, t: Time, x: Array, dt: Time, slope: Array | None = None
    ) -> tuple[Array, Array, Any]:
        """Return the new state, the error estimate, and the slope at the new state (None if not known).

        `t` and `dt` are floats, or arrays with one entry per row that broadcast against `x`; `slope` is
        ``f(t, x)`` if the solver already knows it.
        """
        ...


class Attempting(Protocol):
    """The interface that the solver calls: pure functions of an explicit state; see the notes of `Method`."""

    def init(self, f: Drift, t: Time, x: Array) -> Any:
        """Return the state of the method at the start of a solve."""
        ...

    def attempt(self, f: Drift, state: Any, t: Time, x: Array, dt: Time, *, estimate: bool = True) -> Trial:
        """Try a step."""
        ...


def attempting(method: Any) -> Attempting:
    """Return a user's method with the solver's interface: results checked, a plain step as an attempt."""
    if callable(getattr(method, "attempt", None)):
        return _Checked(method)
    return _Plain(method)


class _Plain:
    """An object with a `step`, and a `step_with_error` if it adapts."""

    def __init__(self, method: Any) -> None:
        self._method = method

    def init(self, f: Drift, t: Time, x: Array) -> SlopeState:
        return SlopeState(f(t, x))

    def attempt(
        self, f: Drift, state: SlopeState, t: Time, x: Array, dt: Time, *, estimate: bool = True
    ) -> Trial:
        if not estimate:
            return Trial(check_state("method.step(f, t, x, dt)", self._method.step(f, t, x, dt), x))
        role = "method.step_with_error(f, t, x, dt, slope)"
        result = self._method.step_with_error(f, t, x, dt, state.slope)
        if not isinstance(result, tuple) or len(result) != 3:
            raise TypeError(
                f"{role} must return a tuple (x_new, error, slope_new); got {type(result).__name__}"
            )
        for value in result if result[2] is not None else result[:2]:
            check_state(role, value, x)
        return Trial(result[0], result[1], SlopeState(result[2]))


class _Checked:
    """An object with a user-defined `attempt`."""

    def __init__(self, method: Any) -> None:
        self._method = method

    def init(self, f: Drift, t: Time, x: Array) -> Any:
        begin = getattr(self._method, "init", None)
        return None if begin is None else check_rows("method.init(f, t, x)", begin(f, t, x), x)

    def attempt(self, f: Drift, state: Any, t: Time, x: Array, dt: Time, *, estimate: bool = True) -> Trial:
        role = "method.attempt(f, state, t, x, dt)"
        trial = self._method.attempt(f, state, t, x, dt, estimate=estimate)
        if not isinstance(trial, Trial):
            raise TypeError(f"{role} must return an ode.Trial; got {type(trial).__name__}")
        check_state(role, trial.x, x)
        if estimate:
            if trial.error is None:
                raise TypeError(
                    f"{role} must estimate the error of a method with an embedded_order; got None"
                )
            check_state(role, trial.error, x)
        check_rows(role, trial.state, x)
        return trial if trial.dense is None else replace(trial, dense=partial(_checked_dense, trial.dense, x))


def _checked_dense(dense: Any, x: Array) -> Any:
    found = dense()
    if isinstance(found, StageSum):
        return found
    if not callable(found):
        raise TypeError(
            f"dense() of a trial must return a callable at(rows, theta); got {type(found).__name__}"
        )
    return partial(_checked_at, found, x)


def _checked_at(at: Any, x: Array, rows: Any, theta: Any) -> Array:
    return check_result("dense()(rows, theta)", at(rows, theta), x, (len(rows), *x.shape[1:]))


def check_state(role: str, result: Any, x: Array) -> Array:
    """Refuse the result of a method unless it is an array of the shape and dtype of the state `x`."""
    if type(result) is type(x) and result.shape == x.shape and result.dtype == x.dtype:
        return result
    check_result(role, result, x)
    if result.dtype != x.dtype:
        raise TypeError(f"{role} must return the dtype of the state, {x.dtype}; got {result.dtype}")
    return result
