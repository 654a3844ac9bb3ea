"""A bounded store that drops the least recently used entries; threads may share it."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["LRUStore"]

Name = TypeVar("Name")
Value = TypeVar("Value")


class LRUStore(Generic[Name, Value]):
    """A dictionary of at most `size` entries; the least recently used are dropped."""

    def __init__(self, size: int) -> None:
        self._size, self._lock, self._values = size, Lock(), OrderedDict[Name, Value]()

    def get(self, name: Name) -> Value | None:
        """Return a value and count it as used, or None."""
        with self._lock:
            value = self._values.get(name)
            if value is not None:
                self._values.move_to_end(name)
            return value

    def snapshot(self) -> tuple[list[Name], list[Value]]:
        """Return names and values, the least recently used first."""
        with self._lock:
            return list(self._values), list(self._values.values())

    def put(self, name: Name, value: Value) -> None:
        """Add an entry."""
        with self._lock:
            self._values[name] = value
            self._values.move_to_end(name)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
