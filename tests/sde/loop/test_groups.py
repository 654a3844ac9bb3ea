"""Groups of rows: taken apart and put together again, with the state of a method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from diffmath.sde._loop.groups import Group, join, nans


@dataclass(frozen=True)
class Memory:
    """A state of a method: an array per row, and a number."""

    values: Any
    count: int = 3


def group(xp: Any, numbers: Any, state: bool) -> Group:
    x = np.array(numbers, dtype=float)[:, None] * np.ones(2)
    return Group(xp.asarray(x), Memory(xp.asarray(10.0 * x)) if state else None)


@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("rows", [[0, 2], [1], [], [0, 1, 2]])
def test_rows_are_taken_with_their_state(xp: Any, rows: list[int], state: bool) -> None:
    found = group(xp, [5, 6, 7], state).take(np.array(rows, dtype=int))
    np.testing.assert_array_equal(xp.numpy(found.x)[:, 1], np.array([5.0, 6.0, 7.0])[rows])
    if not state:
        assert found.state is None
        return
    np.testing.assert_array_equal(xp.numpy(found.state.values)[:, 0], np.array([50.0, 60.0, 70.0])[rows])
    assert found.state.count == 3


@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize(
    ("parts", "order", "wanted"),
    [
        ([[5, 6], [7]], None, [5, 6, 7]),
        ([[5, 6], [7]], [2, 0, 1], [7, 5, 6]),
        ([[5, 6], []], [1, 0], [6, 5]),
        ([[], [5, 6]], [0, 1], [5, 6]),
        ([[], [7]], None, [7]),
        ([[5], [6], [7, 8]], [3, 1, 0, 2], [8, 6, 5, 7]),
        ([[], []], None, []),
    ],
)
def test_groups_are_joined_in_an_order(xp: Any, parts: Any, order: Any, wanted: Any, state: bool) -> None:
    found = join([group(xp, numbers, state) for numbers in parts], None if order is None else np.array(order))
    np.testing.assert_array_equal(xp.numpy(found.x), np.array(wanted, dtype=float)[:, None] * np.ones(2))
    if state:
        np.testing.assert_array_equal(xp.numpy(found.state.values)[:, 0], 10.0 * np.array(wanted))


def test_numbers_that_rows_do_not_share_are_refused(xp: Any) -> None:
    x = xp.asarray(np.ones((2, 1)))
    assert join([Group(x, Memory(x)), Group(x, Memory(x))]).state.count == 3
    with pytest.raises(ValueError, match=r"arrays with one entry per row.*got the numbers 3 and 4"):
        join([Group(x, Memory(x)), Group(x, Memory(x, 4))])


def test_rows_that_ended_are_nan(xp: Any) -> None:
    x = xp.asarray(np.ones((5, 2, 3)), "float32")
    found = nans(x, 2)
    assert (found.shape, found.dtype) == ((2, 2, 3), x.dtype)
    assert np.isnan(xp.numpy(found)).all()
