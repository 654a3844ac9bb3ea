"""Look up an object of a package by its name, with a helpful message for an unknown name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

__all__ = ["named", "names_of"]


def named(
    value: Any,
    package: str,
    is_one: Callable[[Any], bool],
    *,
    role: str = "method",
    foreign: Mapping[str, str] | None = None,
) -> Any:
    """Return the object that a string names in a package; other values are returned unchanged.

    Parameters
    ----------
    value : object or str
        The user's argument.
    package : str
        Full name of the package, ``"diffmath.ode"``; the names are those of its ``__all__``.
    is_one : callable
        ``is_one(object)``: whether this public object of the package is allowed.
    role : str
        Name of the argument in messages.
    foreign : mapping, optional
        Names in other libraries, with advice for each, for the message. Case does not matter.

    Raises
    ------
    ValueError
        The string is not the name of such an object: the message has similar names, and all names.

    Examples
    --------
    >>> from diffmath import ode
    >>> from diffmath._core.named import named
    >>> is_method = lambda value: hasattr(value, "order")
    >>> named("rk4", "diffmath.ode", is_method) is ode.rk4
    True
    >>> named("rk5", "diffmath.ode", is_method)
    Traceback (most recent call last):
        ...
    ValueError: method must be an object of diffmath.ode or its name; got 'rk5': did you mean 'rk4'? ...
    """
    if not isinstance(value, str):
        return value
    module = importlib.import_module(package)
    if value in module.__all__ and is_one(found := getattr(module, value)):
        return found
    names = names_of(package, is_one)
    advice = {name.lower(): text for name, text in (foreign or {}).items()}.get(value.lower())
    near = get_close_matches(value.lower(), names, n=3)
    if advice is None and near:
        advice = f"did you mean {' or '.join(map(repr, near))}?"
    hint = "" if advice is None else f"{advice} "
    raise ValueError(
        f"{role} must be an object of {package} or its name; got {value!r}: {hint}"
        f"The names are {', '.join(names)}"
    )


def names_of(package: str, is_one: Callable[[Any], bool]) -> list[str]:
    """Return the public names of the objects of a package that `is_one` accepts, sorted.

    Examples
    --------
    >>> from diffmath._core.named import names_of
    >>> names_of("diffmath.ode", lambda value: getattr(value, "order", None) == 8)
    ['dop853']
    """
    module = importlib.import_module(package)
    return sorted(name for name in module.__all__ if is_one(getattr(module, name)))
