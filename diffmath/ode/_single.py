"""One state instead of a batch: callables written for scipy.integrate.solve_ivp, as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, is_dataclass, replace
from functools import partial
from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays import array_namespace, asarray_like, to_numpy
from diffmath._callables import check_dynamics
from diffmath._solution import Solution
from diffmath._typing import Array, Drift, Time
from diffmath.ode._events import check_events

__all__ = ["is_single", "single_arguments", "single_solution", "unbatched"]


@dataclass(frozen=True)
class _Unbatched:
    function: Callable[[Any, Any], Any]

    def __call__(self, t: Time, x: Array) -> Array:
        batch = x.shape[0]
        if not batch:  # nobody to ask what shape a result has: that of the state
            return 0.0 * x
        one = isinstance(t, int | float) or not t.ndim  # a number, or one that JAX traces
        times = [t] * batch if one else to_numpy(t).reshape(-1).tolist()
        values = [_as_row(self.function(times[i], x[i, ...]), x) for i in range(batch)]
        return array_namespace(x).stack(values, axis=0)


def unbatched(function: Callable[[Any, Any], Any]) -> Drift:
    """Turn a function of one state into one of a batch, row by row.

    Parameters
    ----------
    function : callable
        ``function(t, x)`` of a float and one state, shape (\\*state): a right-hand side, a Jacobian or an
        event as for scipy.integrate.solve_ivp. It may return a list or a number.

    Returns
    -------
    callable
        ``f(t, x)`` of a batch, shape (batch, \\*state).

    Raises
    ------
    TypeError
        Not a callable, or one that takes the state first.

    Notes
    -----
    Cost: a call of the function for every row, one after the other. A function that is written for the batch
    is faster by about the number of rows.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> def pendulum(t, y):
    ...     return [y[1], -np.sin(y[0])]
    >>> ode.solve(ode.unbatched(pendulum), np.array([[1.0, 0.0], [2.0, 0.0]]), [0.0, 1.0]).x[-1].round(3)
    array([[ 0.6  , -0.755],
           [ 1.533, -0.953]])
    """
    check_dynamics(function, "f")
    return _Unbatched(function)


def is_single(x0: Any) -> bool:
    """Whether an initial state is one of solve_ivp's kind: a vector, or a list of numbers.

    A tuple is refused: it is the time span, in solve_ivp's order of the arguments.
    """
    if isinstance(x0, tuple):
        raise TypeError(
            f"x0 must be an array or a list of numbers; got the tuple {x0!r}: write ode.solve(f, x0, times), "
            "while solve_ivp takes the times first, solve_ivp(f, t_span, y0)"
        )
    if isinstance(x0, list):
        return all(isinstance(value, int | float | complex | np.number) for value in x0) and len(x0) > 0
    return bool(compat.is_array_api_obj(x0)) and x0.ndim == 1


def single_arguments(f: Any, x0: Any, events: Any, callback: Any) -> tuple[Drift, Array, Any, Any]:
    """Return f, the batch of one, the events and the callback that the solver of batches takes."""
    if is_dataclass(f):
        raise TypeError(f"f is an ode.{type(f).__name__}, whose parts take batches: give x0[None, :]")
    batch = np.asarray(x0) if isinstance(x0, list) else x0
    watched = [replace(event, function=_Unbatched(event.function)) for event in check_events(events)]
    told = None if callback is None or not callable(callback) else lambda t, x: callback(t, x[0, ...])
    return unbatched(f), batch[None, :], watched or None, callback if told is None else told


def single_solution(solution: Solution) -> Solution:
    """Drop the batch axis of what was saved."""
    dense = solution.dense
    alone = None if dense is None else lambda t: dense(t)[0 if np.ndim(t) == 0 else (slice(None), 0)]
    curve = None if solution.curve is None else partial(_alone, solution.curve)
    end = None if solution.t_end is None else float(solution.t_end[0])
    return replace(solution, x=solution.x[:, 0, ...], dense=alone, curve=curve, t_end=end)


def _alone(curve: Callable[[], tuple[Any, Array]]) -> tuple[Any, Array]:
    t, x = curve()
    return t, x[:, 0, ...]


def _as_row(value: Any, x: Array) -> Array:
    """Return what a function of one state returned, in the library and precision of the batch."""
    if compat.is_array_api_obj(value) and not compat.is_numpy_array(value):
        return value
    if isinstance(value, list | tuple) and any(map(_on_a_device, value)):
        return array_namespace(x).stack([_as_row(part, x) for part in value], axis=0)
    host = np.asarray(value)
    if host.dtype.kind not in "biufc" or (host.dtype.kind == "c" and not _is_complex(x)):
        raise TypeError(
            f"f(t, x) must return numbers like the state, {x.dtype}; got {type(value).__name__} of "
            f"{host.dtype}"
        )
    return asarray_like(host, x, x.dtype)


def _on_a_device(value: Any) -> bool:
    """Whether a value is, or holds, an array that NumPy may not be able to read."""
    if isinstance(value, list | tuple):
        return any(map(_on_a_device, value))
    return bool(compat.is_array_api_obj(value)) and not compat.is_numpy_array(value)


def _is_complex(x: Array) -> bool:
    return bool(array_namespace(x).isdtype(x.dtype, "complex floating"))
