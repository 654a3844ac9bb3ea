"""What a one-step method is, for the solver: two protocols that any object of the user's can satisfy."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from diffmath._typing import Array, Drift, Time

__all__ = ["AdaptiveMethod", "Method"]


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
