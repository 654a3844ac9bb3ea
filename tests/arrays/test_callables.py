"""User functions: which signatures are taken, and how long the first result is watched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath._arrays.callables import FirstResult, check_dynamics

FIRST = np.array([[1.0, np.nan], [3.0, 4.0]])


def watched(xp: Any, *results: Any) -> list[bool]:
    """Which of the later results end the watch of the first."""
    first = FirstResult("f(t, x)", xp.asarray(FIRST))
    return [first.settled(xp.asarray(result)) for result in results]


def test_a_watch_ends_with_a_result_that_differs(xp: Any) -> None:
    """In one finite entry, to either side, or in its shape; not with an equal one, or another for nan."""
    below, above, elsewhere = FIRST.copy(), FIRST.copy(), FIRST.copy()
    below[1, 0], above[1, 0], elsewhere[0, 1] = 2.0, 3.5, 7.0
    assert watched(xp, FIRST, elsewhere, below) == [False, False, True]
    assert watched(xp, above) == [True]
    assert watched(xp, FIRST[:1]) == [True]
    assert watched(xp, np.full((2, 2), np.nan)) == [True]


def test_a_watch_ends_with_the_eighth_result(xp: Any) -> None:
    assert watched(xp, *[FIRST] * 8) == [False] * 7 + [True]


def test_a_first_result_that_changed_is_refused_also_beside_nan() -> None:
    buffer = FIRST.copy()
    first = FirstResult("f(t, x)", buffer)
    buffer[0, 1] = 5.0  # what was not finite may be anything
    assert not first.settled(buffer)
    buffer[1, 1] = 4.5
    with pytest.raises(
        TypeError, match=r"f\(t, x\) overwrote the array it returned before: return a new array"
    ):
        first.settled(buffer)


def three(t: Any, x: Any, p: Any) -> Any:
    return x


def optional(t: Any, x: Any, p: Any = None) -> Any:
    return x


def test_arguments_with_defaults_may_be_given_or_not() -> None:
    for more in (0, 1, None):
        check_dynamics(optional, more=more)
    for more in (1, None):
        check_dynamics(three, more=more)
    with pytest.raises(TypeError, match="must take two arguments"):
        check_dynamics(three, more=0)
    for function in (three, optional):
        with pytest.raises(TypeError, match=r"must take 4 arguments, \(t, x\) and the 2"):
            check_dynamics(function, more=2)
