"""Rows that are not finite from the start: only they end, and the other rows do not change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import SolveError, ode

BAD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
RATES = np.array([[1.0], [20.0], [3.0]])
X0 = np.array([[1.0, 2.0], [3.0, 0.5], [0.2, 1.0]])


def decay(rates: Any) -> Any:
    return lambda t, x: rates * (np.cos(t) - x)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize(
    "options",
    [
        {}, {"method": ode.dop853, "dense": True}, {"method": ode.kvaerno5}, {"method": ode.rodas5p},
        {"method": ode.rk4, "substeps": 20}, {"method": ode.kvaerno5, "substeps": 20},
        {"batch": "shared"}, {"batch": "shared", "method": ode.radau5},
    ],
    ids=lambda options: "-".join(str(getattr(value, "name", value)) for value in options.values()),
)  # fmt: skip
def test_a_lost_row_ends_alone(options: dict[str, Any], bad: float) -> None:
    x0, times, others = X0.copy(), [0.0, 0.3, 1.0], [0, 2]
    x0[1, 1] = bad
    found = ode.solve(decay(RATES), x0, times, on_failure="return", **options)
    good = ode.solve(decay(RATES[others]), X0[others], times, **options)
    assert found.row_status == ("ok", "nonfinite", "ok")
    assert found.status == "nonfinite"
    assert found.message.startswith("x0 is nan or inf in row 1")
    np.testing.assert_array_equal(found.x[:, others], good.x)
    np.testing.assert_array_equal(found.x[0], x0)
    assert np.isnan(found.x[1:, 1]).all()
    if options.get("batch") is None and "substeps" not in options:
        for name in ("steps", "rejected", "evaluations"):
            np.testing.assert_array_equal(found.stats[name][others], good.stats[name])
        assert found.stats["steps"][1] == 0
    if found.dense:
        np.testing.assert_array_equal(found.dense(0.7)[others], good.dense(0.7))
        assert np.isnan(found.dense(0.7)[1]).all()


def test_the_failure_is_raised_with_the_rows_that_were_solved() -> None:
    x0 = X0.copy()
    x0[0] = math.nan
    with pytest.raises(SolveError, match="x0 is nan or inf in row 0") as caught:
        ode.solve(decay(RATES), x0, [0.0, 1.0])
    np.testing.assert_array_equal(
        caught.value.solution.x[-1, 1:], ode.solve(decay(RATES), X0, [0.0, 1.0]).x[-1, 1:]
    )


def test_a_lost_row_is_not_looked_at_by_a_slope_that_ignores_it() -> None:
    """f is finite in the lost row: it must end all the same."""
    found = ode.solve(
        lambda t, x: np.ones_like(x), np.array([[math.inf], [0.0]]), [0.0, 1.0], on_failure="return"
    )
    assert found.row_status == ("nonfinite", "ok")
    np.testing.assert_allclose(found.x[-1, 1], 1.0)


@pytest.mark.parametrize("x0", [[1.0, math.nan], np.array([[math.nan]]), np.full((3, 2), math.inf)])
@pytest.mark.parametrize("options", [{}, {"method": "rk4"}, {"batch": "shared"}], ids=str)
def test_where_no_row_can_be_solved_the_argument_is_refused(x0: Any, options: dict[str, Any]) -> None:
    def f(t: Any, x: Any) -> Any:
        raise AssertionError("f must not be called")

    with pytest.raises(ValueError, match="x0 must be finite; x0"):
        ode.solve(f, x0, [0.0, 1.0], **options)


def test_steps_and_events_leave_a_lost_row_out() -> None:
    x0 = X0.copy()
    x0[2, 0] = math.nan
    for step in ode.steps(decay(RATES), x0, [0.0, 1.0], on_failure="return"):
        assert not step.accepted[2]
    event = ode.Event(lambda t, x: x[:, 0] - 0.9, terminal=True)
    found = ode.solve(decay(RATES), x0, [0.0, 1.0], events=event, on_failure="return")
    assert found.row_status == ("event", "event", "nonfinite")
    assert [len(row) for row in found.t_events[0]] == [1, 1, 0]
