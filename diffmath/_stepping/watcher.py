"""What every watch of a user's function does: later results have the kind of the first and leave it alone."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat

from diffmath._arrays.callables import FirstResult
from diffmath._arrays.namespace import array_namespace
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array

__all__ = ["Watcher", "refuse_modified"]


class Watcher:
    """The results of one user function, watched.

    A subclass calls the function. It checks the first result in full and hands it to `begin`, hands every
    result to `settle` while `watching`, and compares shape and dtype of the others. Threads may share it.
    """

    __slots__ = ("_anew", "_dtype", "_first", "_tail", "role", "watching")

    def __init__(self, role: str) -> None:
        self.role = role
        self.watching = True  # until the first result is known to be left alone
        self._dtype: Any = None
        self._tail: tuple[int, ...] = ()
        self._first: FirstResult | None = None
        self._anew = False

    @property
    def kind(self) -> Any:
        """The dtype of the first result; None before it."""
        return self._dtype

    def begin(self, result: Array) -> None:
        """Learn shape and dtype from the first result."""
        self._tail, self._first = tuple(result.shape[1:]), FirstResult(self.role, result)
        self._dtype = result.dtype  # last: from now on, other threads look at the rest

    def restart(self) -> None:
        """Begin anew with the next result: a buffer of the function may have been replaced."""
        self._first, self._anew, self.watching = None, True, True

    def settle(self, result: Array) -> None:
        """Refuse a function that has overwritten its first result; end the watch when enough is known.

        Raises
        ------
        TypeError
            The first result has changed.
        """
        first = self._first  # another thread may end it meanwhile
        if first is None and self._anew:
            self._anew, self._first = False, FirstResult(self.role, result)
        elif first is None or first.settled(result):
            self._first, self.watching = None, False

    def refuse_change(self, result: Any, shape: tuple[int, ...]) -> None:
        """Refuse a result that is no array of this shape, or of another dtype than the first.

        Raises
        ------
        TypeError, ValueError
            What differs is named.
        """
        if not compat.is_array_api_obj(result):
            raise TypeError(f"{self.role} must return an array, as before; got {type(result).__name__}")
        if tuple(result.shape) != shape:
            raise ValueError(f"{self.role} must return shape {shape}; got {tuple(result.shape)}")
        if result.dtype != self._dtype:
            raise TypeError(f"{self.role} must return {self._dtype}, as before; got {result.dtype}")


def refuse_modified(role: str, x: Array, before: Array) -> None:
    """Refuse a function that wrote into its argument x; `before` is a copy made before the call.

    Raises
    ------
    TypeError
        A finite number of x is not what it was.
    """
    same = x == before
    if all_true(same) or all_true(same | ~array_namespace(x).isfinite(before)):
        return
    raise TypeError(f"{role} modified its argument x: return a new array, or work on a copy")
