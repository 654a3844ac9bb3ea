"""The result of one trial step of a method, and the state that it passes from step to step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from diffmath._arrays.namespace import array_namespace, asarray_like, expand_like
from diffmath._core.typing import Array
from diffmath._stepping.clocks import Mask, Rows

__all__ = [
    "Indices",
    "Interpolation",
    "SlopeState",
    "StageSum",
    "Trial",
    "check_rows",
    "choose",
    "keep_state",
    "map_state",
    "select_state",
]

Indices: TypeAlias = npt.NDArray[np.intp]

# (rows, theta) -> states of those rows at those fractions of the step, shape (pairs, *state).
Interpolation: TypeAlias = Callable[[Any, Rows], Array]


class StageSum(NamedTuple):
    """The state inside a step as ``x + sum_i w_i(theta) basis_i``, times the step if `times_dt`."""

    basis: Sequence[Array]
    weights: Rows  # (len(basis), degree): of theta, theta^2, ...
    times_dt: bool


@dataclass(eq=False, slots=True)
class Trial:
    r"""One trial step of a method: the new state, its error, and the state inside the step.

    Parameters
    ----------
    x : array, shape (batch, \*state)
        State at the end of the step.
    error : array, shape (batch, \*state), optional
        Estimate of the local error. Methods with an `embedded_order` give it, unless ``estimate=False``.
    state : object, optional
        The state of the method after the step; see `ode.Method`.
    dense : callable, optional
        ``dense()`` returns the state inside the step, as a callable ``at(rows, theta)``. `rows` and `theta`
        are NumPy vectors: the row and the fraction of the step for each requested state. The result has shape
        (pairs, \*state). It is called only if a state inside the step is needed, and may evaluate f. Without
        it, the solver uses the cubic through the ends of the step and their slopes.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> ode.Trial(np.ones((1, 1)), error=np.zeros((1, 1))).x
    array([[1.]])
    """

    x: Array
    error: Array | None = None
    state: Any = None
    dense: Callable[[], Interpolation | StageSum] | None = None


@dataclass(eq=False, slots=True)
class SlopeState:
    """The state of a one-step method: the slope where the next step begins, None where it is not known.

    `plan` is the number of Newton's iterations that an implicit method plans for a step on a device
    (`diffmath._newton.plan`), an empty tuple where nothing is known.
    """

    slope: Array | None = None
    plan: tuple[Any, ...] = ()


def choose(rows: Mask | Array, new: Array, old: Array) -> Array:
    """Return the new values in some rows, the old ones elsewhere; a mask of the host is sent."""
    xp = array_namespace(new)
    if isinstance(rows, np.ndarray):
        rows = asarray_like(rows, new, xp.bool)
    return xp.where(expand_like(rows, new), new, old)


def select_state(rows: Mask | Array, new: Any, old: Any, *, complete: bool = False) -> Any:
    """Return the state of a method after a step that only some rows took: new values there, old elsewhere.

    Arrays are selected by row. A value that is None in either state becomes None, unless `complete`: then
    the other rows have ended, and the new value is taken. Numbers are taken from the new state.
    """
    if new is None or old is None:
        return new if complete else None
    if is_dataclass(new):
        names = [field.name for field in fields(new)]
        parts = {
            name: select_state(rows, getattr(new, name), getattr(old, name), complete=complete)
            for name in names
        }
        return replace(new, **parts)  # type: ignore[type-var]
    return choose(rows, new, old) if compat.is_array_api_obj(new) else new


def keep_state(new: Any, old: Any) -> Any:
    """Return the state of a method after a step that all rows rejected: the old one.

    Values that are None in the new state become None, as if other rows had taken the step: the cost of a row
    must not depend on the others.
    """
    if new is None or old is None:
        return None
    if is_dataclass(new):
        names = [field.name for field in fields(new)]
        parts = {name: keep_state(getattr(new, name), getattr(old, name)) for name in names}
        return replace(old, **parts)
    return old


def map_state(change: Callable[..., Any], *states: Any) -> Any:
    """Return a state whose entries are ``change(*entries)`` of these; None where one of them is None."""
    first = states[0]
    if any(state is None for state in states):
        return None
    if not is_dataclass(first):
        return change(*states)
    names = [field.name for field in fields(first)]
    parts = {name: map_state(change, *(getattr(state, name) for state in states)) for name in names}
    return replace(first, **parts)  # type: ignore[type-var]


def check_rows(role: str, state: Any, x: Array) -> Any:
    """Refuse the state of a method whose arrays do not have one entry per row; the solver selects rows."""
    parts = [getattr(state, field.name) for field in fields(state)] if is_dataclass(state) else [state]
    for part in parts:
        if compat.is_array_api_obj(part) and tuple(part.shape[:1]) != (x.shape[0],):
            raise ValueError(
                f"{role}: an array of the state must have one entry per row, shape ({x.shape[0]}, ...); got "
                f"{tuple(part.shape)}"
            )
    return state
