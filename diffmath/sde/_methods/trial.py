"""The result of one trial step of an SDE method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from diffmath._core.typing import Array

__all__ = ["Inside", "Trial"]

# (dt, noise) -> the state at t + dt, where `noise` is that of the part of the step before it.
Inside: TypeAlias = Callable[[float, Any], Array]


@dataclass(eq=False, slots=True)
class Trial:
    r"""One trial step of an SDE method: the new state, its error, the state of the method, and parts of it.

    Parameters
    ----------
    x : array, shape (batch, dim)
        State at the end of the step.
    error : array, shape (batch, dim), optional
        Estimate of the local error. Methods with `has_estimate` give it, unless ``estimate=False``.
    state : object, optional
        The state of the method after the step; see `Method`.
    dense : callable, optional
        ``dense()`` returns the state inside the step, as a callable ``at(dt, noise)``: the state at
        ``t + dt``, where `dt` is a part of the step and `noise` is that from t to ``t + dt``.

    Notes
    -----
    *Inside a step* the solution depends on the path there, which the noise of the whole step does not
    determine: no function of time alone interpolates it. `solve` and `solve_adaptive` therefore end a step at
    every save time, and detect events at the ends of steps, with every method. `interpolate` asks the path
    for the noise of a part of the step, and needs the state after this part. Without `dense` the method takes
    a step of this length from the same state, with the same state of the method; give `dense` if the
    evaluations of the whole step can be used again.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import sde
    >>> sde.Trial(np.ones((1, 1)), error=np.zeros((1, 1))).x
    array([[1.]])
    """

    x: Array
    error: Array | None = None
    state: Any = None
    dense: Callable[[], Inside] | None = None
