"""Watched callables are shared by threads: what one does between two lines of another does no harm."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath.sde._model.watched import Watched

X = np.ones((3, 2))


def force(t: float, x: Any) -> Any:
    return (1.0 + t) * x


class CalledAsItBegins(Watched):
    """Another thread calls while the first result is being looked at: after each thing that is learnt."""

    calls = 0

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ("_dtype", "_tail", "_first") and value is not None and value != () and self.calls < 3:
            type(self).calls += 1
            self(1.0, X)


def test_a_call_may_come_while_another_learns_from_the_first() -> None:
    watched = CalledAsItBegins("force(t, x)", force)
    assert np.array_equal(watched(0.0, X), X)
    assert watched.calls == 3


class EndedMeanwhile(Watched):
    """Another thread has seen enough of the first result as soon as this one has read it."""

    ended = False

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name == "_first" and value is not None:
            self._first = None
            type(self).ended = True
        return value


def test_another_thread_may_end_the_watch() -> None:
    watched = EndedMeanwhile("force(t, x)", force)
    watched(0.0, X)
    assert np.array_equal(watched(1.0, X), 2 * X)
    assert watched.ended
