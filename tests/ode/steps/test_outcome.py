"""What a step tells the solver: the rows that passed, decided where the arrays are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath.ode._steps.outcome import Outcome


@pytest.mark.parametrize("axes", [0, 1, 2])
def test_rows_within_the_tolerance_that_moved_have_passed(xp: Any, axes: int) -> None:
    """An error of 1 is within it, nan is not, and a row that has ended takes a step of zero."""
    size = xp.asarray(np.array([0.5, 1.0, 1.0 + 1e-15, np.nan, 0.0, 2.0]))
    dt = xp.asarray(np.array([0.1, -0.1, 0.1, 0.1, 0.0, 0.0]).reshape(6, *(1,) * axes))
    passed = Outcome(size, size, None, lambda: None, (size, dt)).passed()  # type: ignore[arg-type, return-value]
    np.testing.assert_array_equal(xp.numpy(passed), [True, True, False, False, False, False])


def test_with_one_clock_the_host_decides() -> None:
    assert Outcome(np.ones(1), np.ones(1), None, lambda: None).passed() is None  # type: ignore[arg-type, return-value]
