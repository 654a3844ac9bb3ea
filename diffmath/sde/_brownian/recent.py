"""A bounded store of what was drawn lately."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

__all__ = ["Recent"]


class Recent:
    """A dictionary that forgets what has not been asked for longest; threads may share it."""

    def __init__(self, size: int) -> None:
        self._size, self._lock, self._values = size, Lock(), OrderedDict[Any, Any]()

    def get(self, name: Any) -> Any:
        with self._lock:
            if name in self._values:
                self._values.move_to_end(name)
            return self._values.get(name)

    def snapshot(self) -> dict[Any, Any]:
        with self._lock:
            return dict(self._values)

    def put(self, name: Any, value: Any) -> None:
        with self._lock:
            self._values[name] = value
            self._values.move_to_end(name)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
