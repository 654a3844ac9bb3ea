"""Checks on every user callable: later results match the first in type, and leave the first unchanged."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat

from diffmath._arrays.callables import FirstResult
from diffmath._arrays.namespace import is_unchanged
from diffmath._core.typing import Array

__all__ = ["Watcher", "refuse_modified"]


class Watcher:
    """Checks the results of one user callable.

    A subclass calls the callable. It checks the first result in full and passes it to `begin`, passes every
    result to `settle` while `watching`, and compares shape and dtype of the others. Threads may share it.
    """

    __slots__ = ("_anew", "_dtype", "_first", "_tail", "role", "watching")

    def __init__(self, role: str) -> None:
        self.role = role
        self.watching = True  # until the first result is known to stay unchanged
        self._dtype: Any = None
        self._tail: tuple[int, ...] = ()
        self._first: FirstResult | None = None
        self._anew = False

    @property
    def kind(self) -> Any:
        """The dtype of the first result; None before it."""
        return self._dtype

    def begin(self, result: Array) -> None:
        """Store shape and dtype of the first result."""
        self._tail, self._first = tuple(result.shape[1:]), FirstResult(self.role, result)
        self._dtype = result.dtype  # set last: from now on, other threads use the rest

    def restart(self) -> None:
        """Start again with the next result: a buffer of the function may have been replaced."""
        self._first, self._anew, self.watching = None, True, True

    def settle(self, result: Array) -> None:
        """Raise if the function has overwritten its first result; stop watching when enough is known.

        Raises
        ------
        TypeError
            The first result has changed.
        """
        first = self._first  # another thread may stop watching meanwhile
        if first is None and self._anew:
            self._anew, self._first = False, FirstResult(self.role, result)
        elif first is None or first.settled(result):
            self._first, self.watching = None, False

    def refuse_change(self, result: Any, shape: tuple[int, ...]) -> None:
        """Raise unless a result is an array of this shape and of the dtype of the first.

        Raises
        ------
        TypeError, ValueError
            The message names the difference.
        """
        if not compat.is_array_api_obj(result):
            raise TypeError(f"{self.role} must return an array, as before; got {type(result).__name__}")
        if tuple(result.shape) != shape:
            raise ValueError(f"{self.role} must return shape {shape}; got {tuple(result.shape)}")
        if result.dtype != self._dtype:
            raise TypeError(f"{self.role} must return {self._dtype}, as before; got {result.dtype}")


def refuse_modified(role: str, x: Array, before: Array) -> None:
    """Raise if a function wrote into its argument x; `before` is a copy made before the call.

    Raises
    ------
    TypeError
        A finite entry of x has changed.
    """
    if is_unchanged(x, before):
        return
    raise TypeError(f"{role} modified its argument x: return a new array, or work on a copy")
