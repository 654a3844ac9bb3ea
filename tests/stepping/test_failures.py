"""The one reporter of rows that failed: which rows, by which numbers."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath._stepping.failures import Failures, name_rows, nonfinite_rows


@pytest.mark.parametrize(
    ("rows", "batch", "first_row", "named"),
    [
        ([0], 1, 0, "row 0"),
        ([0], 1, 40, "row 40"),
        ([2], 3, 0, "row 2"),
        ([0, 1, 2], 3, 0, "all rows"),
        ([0, 1, 2], 3, 10, "rows 10, 11, 12"),  # of a larger batch, these are not all
        ([1, 3], 4, 40, "rows 41, 43"),
        ([0, 1, 2, 3, 5, 6], 9, 0, "rows 0, 1, 2, 3, 5, ... (6 of 9)"),
    ],
)
def test_rows_are_named_by_their_numbers_in_the_whole_batch(rows, batch, first_row, named):
    assert name_rows(rows, batch, first_row) == named


def test_rows_that_are_not_finite(xp):
    x = np.ones((4, 2, 3))
    assert nonfinite_rows(xp.asarray(x)) == ""
    x[1, 0, 2], x[3, 1, 0] = np.nan, -np.inf
    assert nonfinite_rows(xp.asarray(x)) == "rows 1, 3"
    assert nonfinite_rows(xp.asarray(x), first_row=5) == "rows 6, 8"


def test_the_first_failure_gives_the_message():
    failures = Failures(3, first_row=7)
    failures.add("nonfinite", [], "nobody: {rows}")
    assert failures.status == "ok"
    failures.add("nonfinite", [2], "lost in {rows}")
    failures.add("max_steps", [0, 2], "spent in {rows}")
    assert (failures.status, failures.message) == ("nonfinite", "lost in row 9")
    assert failures.rows == {2: "nonfinite", 0: "max_steps"}
