"""Arguments of user callables after (t, x): parameters, one per row of the batch, and constants.

One convention for all solvers: ``f(t, x, parameters)``, ``f(t, x, *args)``, or with both
``f(t, x, parameters, *args)``. Parameters are split with the batch; args are not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from diffmath._arrays.callables import check_dynamics
from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array, Time

__all__ = ["Bindable", "Structured", "bind", "check_args", "check_parameters", "cut"]

Self = TypeVar("Self", bound="Structured")


class Bindable(ABC):
    """A callable that binds its parameters and args itself."""

    @abstractmethod
    def bound(self, parameters: Any, args: tuple[Any, ...], role: str) -> Any:
        """Return it as a callable of (t, x)."""


class Structured(Bindable):
    """A dataclass whose callable fields are parts, each called as ``part(t, x)``: bound part by part.

    Its constructor checks the parts by ``check_dynamics(part, role, more=None)``, since their arguments after
    (t, x) are not known yet; `bind` checks those.
    """

    def bound(self: Self, parameters: Any, args: tuple[Any, ...], role: str) -> Self:
        """Return the same structure with parts of (t, x); itself if they already are."""
        model: Any = self
        values = {field.name: getattr(self, field.name) for field in fields(model)}
        parts = {name: part for name, part in values.items() if callable(part)}
        if not parts and (args or parameters is not None):
            raise TypeError(
                f"{role} is a {type(self).__name__}, which takes no parameters= or args=: it has no callables"
            )
        bound = {name: bind(part, parameters, args, name) for name, part in parts.items()}
        changed = {name: part for name, part in bound.items() if part is not parts[name]}
        result: Self = replace(model, **changed) if changed else model
        return result


@dataclass(frozen=True, slots=True)
class _Bound(Bindable):
    """A function with its further arguments; unlike a closure, it can be sent to another process."""

    function: Any
    more: tuple[Any, ...]

    def __call__(self, t: Time, x: Array) -> Any:
        return self.function(t, x, *self.more)

    def bound(self, parameters: Any, args: tuple[Any, ...], role: str) -> Any:
        """Return it with further arguments after its own."""
        more = args if parameters is None else (parameters, *args)
        return _Bound(self.function, (*self.more, *more)) if more else self


def bind(function: Any, parameters: Any = None, args: tuple[Any, ...] = (), role: str = "f") -> Any:
    """Return a callable of (t, x) that also gets `parameters` (unless None) and `args`.

    Call it also without them: it refuses a function that needs more than (t, x), with the words of `role`.

    Parameters
    ----------
    function : callable
        ``function(t, x, parameters, *args)``; a `Structured` is bound part by part.
    parameters : array or mapping, optional
        Checked by `check_parameters`, or selected by `cut`.
    args : tuple
        Checked by `check_args`.
    role : str
        Name of the callable in messages: ``"drift"``.

    Raises
    ------
    TypeError
        Not a callable, the state before the time, or a wrong number of arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.bound import bind
    >>> decay = bind(lambda t, x, rate, offset: offset - rate * x, np.array([[1.0], [2.0]]), (0.5,))
    >>> decay(0.0, np.ones((2, 1)))
    array([[-0.5],
           [-1.5]])
    """
    if isinstance(function, Bindable):
        return function.bound(parameters, args, role)
    more = args if parameters is None else (parameters, *args)
    check_dynamics(function, role, more=len(more))
    return _Bound(function, more) if more else function


def check_args(args: Any) -> tuple[Any, ...]:
    """Return the constants of a call as a tuple, or refuse them.

    Examples
    --------
    >>> from diffmath._arrays.bound import check_args
    >>> check_args(0.5)
    Traceback (most recent call last):
        ...
    TypeError: args must be a tuple of the arguments of f after (t, x); got float: write args=(value,)
    """
    if not isinstance(args, tuple | list):
        raise TypeError(
            f"args must be a tuple of the arguments of f after (t, x); got {type(args).__name__}: "
            "write args=(value,)"
        )
    return tuple(args)


def check_parameters(parameters: Any, batch: int) -> Any:
    """Return parameters, an array or a dict of arrays whose first axis is the batch, or refuse them.

    Raises
    ------
    TypeError
        Not an array, nor a mapping of arrays.
    ValueError
        A wrong number of rows; the message names the key.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.bound import check_parameters
    >>> check_parameters({"rate": np.ones(3)}, 2)
    Traceback (most recent call last):
        ...
    ValueError: parameters['rate'] must have one row for each of the 2 rows of x0, shape (2, ...); got (3,)
    """
    if not isinstance(parameters, Mapping):
        _check_rows("parameters", parameters, batch)
        return parameters
    for key, values in parameters.items():
        _check_rows(f"parameters[{key!r}]", values, batch)
    return dict(parameters)


def cut(parameters: Any, rows: slice | int) -> Any:
    """Return the parameters of some rows (a slice), or of one row without its axis (a number).

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath._arrays.bound import cut
    >>> cut({"rate": np.arange(3.0)}, slice(1, 3)), cut(np.arange(6.0).reshape(3, 2), 0)
    ({'rate': array([1., 2.])}, array([0., 1.]))
    """
    if isinstance(parameters, Mapping):
        return {key: values[rows, ...] for key, values in parameters.items()}
    return None if parameters is None else parameters[rows, ...]


def _check_rows(name: str, values: Any, batch: int) -> None:
    if isinstance(values, int | float | complex) or getattr(values, "ndim", None) == 0:
        raise TypeError(f"{name} must have one row for each row of x0; got a number: give constants in args=")
    if isinstance(values, Mapping):
        raise TypeError(f"{name} must be an array; got {type(values).__name__}: give one flat mapping")
    array_namespace(values, names=[name])  # raises if it is not an array
    if values.shape[0] != batch:
        raise ValueError(
            f"{name} must have one row for each of the {batch} rows of x0, shape ({batch}, ...); got "
            f"{tuple(values.shape)}"
        )
