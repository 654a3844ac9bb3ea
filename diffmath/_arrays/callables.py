"""Checks of user callables: parameter names, and shapes and dtypes of the results."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import FunctionType
from typing import Any

import array_api_compat as compat

from diffmath._arrays.namespace import array_namespace, is_unchanged, library_name, same_kind
from diffmath._arrays.tracing import is_traced
from diffmath._core.typing import Array

__all__ = ["FirstResult", "callback_stops", "check_dynamics", "check_model", "check_part", "check_result"]

_TIMES = frozenset({"t", "time", "tau", "s", "sigma", "timestep", "timesteps", "noise_level"})
_STATES = frozenset(
    {"x", "y", "z", "u", "state", "sample", "samples", "data", "points", "x_t", "xt", "theta"}
)


def check_dynamics(function: Any, role: str = "drift", *, more: int | None = 0) -> None:
    """Refuse anything that is not called as ``role(t, x)``, with `more` further arguments (None: any number).

    Examples
    --------
    >>> from diffmath._arrays.callables import check_dynamics
    >>> check_dynamics(lambda x, t: -x)
    Traceback (most recent call last):
        ...
    TypeError: a drift is called as drift(t, x), but its parameters are (x, t); ...
    """
    first, second = _leading_parameters(function, role, more)
    if first in _STATES and second in _TIMES:
        raise TypeError(
            f"{_article(role)} is called as {role}(t, x), but its parameters are ({first}, {second}); "
            f"wrap it: lambda t, x: {role}(x, t)"
        )


def check_model(function: Any, role: str = "score") -> None:
    """Refuse anything that is not called as ``role(x, t)``.

    Examples
    --------
    >>> from diffmath._arrays.callables import check_model
    >>> check_model(lambda t, x: -x)
    Traceback (most recent call last):
        ...
    TypeError: a score is called as score(x, t), but its parameters are (t, x); ...
    """
    first, second = _leading_parameters(function, role)
    if first in _TIMES and second in _STATES:
        raise TypeError(
            f"{_article(role)} is called as {role}(x, t), but its parameters are ({first}, {second}); "
            f"wrap it: lambda x, t: {role}(t, x)"
        )


def _leading_parameters(function: Any, role: str, more: int | None = 0) -> tuple[str, str]:
    if not callable(function):
        raise TypeError(f"{role} must be a callable; got {type(function).__name__}")
    if type(function) is FunctionType and (names := _plain_names(function, more)):
        return names
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature; a wrong call is detected later
        return "", ""
    by_keyword = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if by_keyword:
        raise TypeError(
            f"{role} must not require keyword arguments, because it is called without them; its signature is "
            f"{inspect.signature(function)}: fix {', '.join(by_keyword)} with functools.partial"
        )
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return "", ""
    required = [p for p in positional if p.default is p.empty]
    most = len(positional) if more is None else 2 + more
    if len(positional) < max(2, most) or len(required) > most:
        raise TypeError(_wrong_count(role, len(required), more, inspect.signature(function)))
    return positional[0].name.lower(), positional[1].name.lower()


def _plain_names(function: FunctionType, more: int | None) -> tuple[str, str] | None:
    """Return the names of a function that takes just what it gets; None for `inspect.signature` to look."""
    code = function.__code__
    count = code.co_argcount
    simple = code.co_flags & (CO_VARARGS | CO_VARKEYWORDS) == code.co_kwonlyargcount == 0
    if not simple or count != 2 + (more or 0) or function.__defaults__ or function.__dict__:
        return None
    return code.co_varnames[0].lower(), code.co_varnames[1].lower()


def _article(role: str) -> str:
    """The role with its article: "a drift", "an event", "f"."""
    return role if len(role) == 1 else f"{'an' if role[0] in 'aeiou' else 'a'} {role}"


def _wrong_count(role: str, required: int, more: int | None, signature: inspect.Signature) -> str:
    if more:
        return (
            f"{role} must take {2 + more} arguments, (t, x) and the {more} that parameters= and args= give; "
            f"its signature is {signature}"
        )
    rest = ": fix the others with a lambda, or give them by args= or parameters=" if required > 2 else ""
    return f"{role} must take two arguments; its signature is {signature}{rest}"


def check_result(role: str, result: Any, x: Array, shape: tuple[int, ...] | None = None) -> Array:
    """Refuse a callable's result whose library, device, shape or dtype does not fit the state `x`.

    Parameters
    ----------
    role : str
        Name of the callable in messages, for instance ``"score(x, t)"``.
    result : object
        The result.
    x : array
        The state of the call.
    shape : tuple of int, optional
        The required shape; by default that of `x`.

    Raises
    ------
    TypeError
        Not an array of the library and device of `x`, or complex for a real state.
    ValueError
        Another shape.
    """
    if not compat.is_array_api_obj(result):
        raise TypeError(
            f"the result of {role} must be an array like the state, of {library_name(array_namespace(x))}; "
            f"got {type(result).__name__}"
        )
    array_namespace(result, names=[f"the result of {role}"])
    same_kind("the state", x, f"the result of {role}", result)
    wanted = tuple(x.shape) if shape is None else shape
    if tuple(result.shape) != wanted:
        raise ValueError(f"{role} must return shape {wanted}; got {tuple(result.shape)}")
    xp = array_namespace(x)
    if not xp.isdtype(result.dtype, ("real floating", "complex floating")):
        raise TypeError(
            f"{role} must return floating numbers of {library_name(xp)}; got dtype {result.dtype}"
        )
    if xp.isdtype(result.dtype, "complex floating") and not xp.isdtype(x.dtype, "complex floating"):
        raise TypeError(f"{role} must return real numbers for a real state; got dtype {result.dtype}")
    return result


def check_part(role: str, result: Any, x: Array) -> Array:
    """Refuse a result without exactly the shape and dtype of the state `x`; fast if it has them.

    Raises
    ------
    TypeError, ValueError
        As for `check_result`; another precision.
    """
    if getattr(result, "shape", None) == x.shape and result.dtype == x.dtype and type(result) is type(x):
        return result
    check_result(role, result, x)
    if result.dtype != x.dtype:
        raise TypeError(
            f"{role} must return the dtype of the state, {x.dtype}; got {result.dtype}: cast constants to "
            "x.dtype, and use math.sin, ... for numbers (NumPy scalars promote float32 arrays)"
        )
    return result


class FirstResult:
    """The first result of a function, which further calls must not overwrite.

    If a function writes every result into one array, all stages of a step equal the last one. This is
    detected and refused in the first calls.
    """

    def __init__(self, role: str, result: Array) -> None:
        self._role, self._result, self._left = role, result, 8
        self._copy = array_namespace(result).astype(result, result.dtype, copy=True)

    def settled(self, result: Array) -> bool:
        """Check a later result; return whether no further check is needed.

        Raises
        ------
        TypeError
            The first result has changed.
        """
        if is_traced(result, self._copy):
            return True
        copy = self._copy
        if not is_unchanged(self._result, copy):
            raise TypeError(
                f"{self._role} overwrote the array it returned before: return a new array at every call"
            )
        self._left -= 1
        # Equal results, for example of two calls at one point, show nothing. Mostly the first row differs.
        if self._left <= 0 or result.shape != copy.shape:
            return True
        one = copy.ndim > 1 and copy.shape[0] > 1
        return (one and not is_unchanged(result[:1, ...], copy[:1, ...])) or not is_unchanged(result, copy)


def annotate(error: BaseException, role: str, t: float) -> None:
    """Add a note to a user's exception that names the call in which it was raised."""
    error.add_note(f"raised by {role} at t={t!r}")


def guarded(function: Callable[..., Any], role: str, t: float, *arguments: Any) -> Any:
    """Call a user's function; its exceptions propagate unchanged with the time attached as a note."""
    try:
        return function(*arguments)
    except Exception as error:
        annotate(error, role, t)
        raise


def callback_stops(answer: Any) -> bool:
    """Return whether the result of a callback stops a solve; None does not.

    Raises
    ------
    TypeError
        A result without a truth value, such as an array of several numbers.
    """
    try:
        return bool(answer)
    except (TypeError, ValueError, RuntimeError):  # of NumPy, PyTorch, JAX
        raise TypeError(
            f"callback must return a truth value, or None to go on; got {type(answer).__name__}"
        ) from None
