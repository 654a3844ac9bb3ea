"""Trial steps and the states of methods: compared by identity, selected by row, kept where rejected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from diffmath._stepping.trial import SlopeState, Trial, choose, keep_state, select_state


@dataclass(frozen=True)
class Past:
    """A state of two levels: an array per row, a number, and the slope where it is known."""

    values: Any
    count: int
    slope: SlopeState | None = None


OLD = Past(np.array([[1.0], [2.0], [3.0]]), 1, SlopeState(np.array([[0.1], [0.2], [0.3]])))
NEW = Past(np.array([[10.0], [20.0], [30.0]]), 2, SlopeState(np.array([[1.1], [1.2], [1.3]])))
ROWS = np.array([True, False, True])


@pytest.mark.parametrize("kind", [Trial, SlopeState])
def test_steps_are_compared_by_identity(kind: Any) -> None:
    """Their arrays have no truth value: a comparison by value would fail."""
    one = kind(np.ones((2, 1)))
    assert one == one
    assert one != replace(one)
    assert len({one, one, replace(one)}) == 2


def test_values_are_chosen_by_row_on_every_library(xp: Any) -> None:
    new, old = xp.asarray(np.ones((3, 2, 2))), xp.asarray(np.zeros((3, 2, 2)))
    for mask in (ROWS, xp.asarray(ROWS, None)):
        np.testing.assert_array_equal(xp.numpy(choose(mask, new, old))[:, 1, 0], [1.0, 0.0, 1.0])


def test_a_state_after_a_step_of_some_rows() -> None:
    found = select_state(ROWS, NEW, OLD)
    assert found.values.ravel().tolist() == [10.0, 2.0, 30.0]
    assert found.slope.slope.ravel().tolist() == [1.1, 0.2, 1.3]
    assert found.count == 2  # a number is that of the new state


def test_what_is_unknown_in_some_rows_is_unknown() -> None:
    """Unless those rows have ended: then what the others know is complete."""
    unknown = replace(OLD, slope=None)
    assert select_state(ROWS, NEW, unknown).slope is None
    assert select_state(ROWS, unknown, NEW).slope is None
    assert select_state(ROWS, NEW, unknown, complete=True).slope is NEW.slope
    assert select_state(ROWS, unknown, NEW, complete=True).slope is None
    assert select_state(ROWS, NEW, None) is None
    assert select_state(ROWS, NEW, None, complete=True) is NEW
    assert select_state(ROWS, None, OLD, complete=True) is None


def test_a_rejected_step_keeps_the_state_but_for_what_it_does_not_know() -> None:
    found = keep_state(NEW, OLD)
    assert found.values is OLD.values
    assert found.slope.slope is OLD.slope.slope
    assert found.count == 1
    assert keep_state(replace(NEW, slope=None), OLD).slope is None
    assert keep_state(replace(NEW, slope=SlopeState()), OLD).slope.slope is None
    assert keep_state(NEW, replace(OLD, slope=None)).slope is None
    assert keep_state(NEW, None) is None
    assert keep_state(None, OLD) is None
