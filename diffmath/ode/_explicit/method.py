"""What a one-step method is, for the solver: two protocols that any object of the user's can satisfy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from diffmath._arrays.callables import check_result
from diffmath._core.typing import Array, Drift, Time

__all__ = ["AdaptiveMethod", "Method", "check_state", "checked_step_with_error"]


@runtime_checkable
class Method(Protocol):
    """A one-step method: `step` is a pure function, `order` its order of accuracy.

    Any object that has both will do for `diffmath.ode.solve`.

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
    """

    @property
    def order(self) -> int: ...

    def step(self, f: Drift, t: Time, x: Array, dt: Time) -> Array:
        """Return the state at ``t + dt``; `t` and `dt` are floats."""
        ...


@runtime_checkable
class AdaptiveMethod(Method, Protocol):
    """A one-step method that estimates its error, of order ``embedded_order + 1`` in the step.

    Examples
    --------
    >>> from diffmath import ode
    >>> isinstance(ode.dopri5, ode.AdaptiveMethod), ode.dopri5.embedded_order, ode.heun.embedded_order
    (True, 4, None)
    """

    @property
    def embedded_order(self) -> int | None: ...

    def step_with_error(
        self, f: Drift, t: Time, x: Array, dt: Time, slope: Array | None = None
    ) -> tuple[Array, Array, Any]:
        """Return the new state, the error estimate, and the slope at the new state (None if not known).

        `t` and `dt` are floats, or one per row and shaped to broadcast against `x`; `slope` is ``f(t, x)``
        where the solver knows it already.
        """
        ...


def check_state(role: str, result: Any, x: Array) -> Array:
    """Refuse what a method returned unless it is an array of the shape and dtype of the state `x`."""
    check_result(role, result, x)
    if result.dtype != x.dtype:
        raise TypeError(f"{role} must return the dtype of the state, {x.dtype}; got {result.dtype}")
    return result


def checked_step_with_error(method: AdaptiveMethod) -> Callable[..., tuple[Array, Array, Any]]:
    """Return ``method.step_with_error`` with its results checked."""
    role = "method.step_with_error(f, t, x, dt, slope)"

    def step(f: Drift, t: Time, x: Array, dt: Time, slope: Array | None) -> tuple[Array, Array, Any]:
        result = method.step_with_error(f, t, x, dt, slope)
        if not isinstance(result, tuple) or len(result) != 3:
            raise TypeError(
                f"{role} must return a tuple (x_new, error, slope_new); got {type(result).__name__}"
            )
        for value in result if result[2] is not None else result[:2]:
            check_state(role, value, x)
        return result

    return step
