"""Steps of one small state by plain numbers are those of the arrays and of the kernels, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import ode, reference_only
from diffmath._stepping.tolerance import Tolerance
from diffmath._stepping.trial import SlopeState
from diffmath.ode._steps.attempt import make_attempt, on_one_clock
from diffmath.ode._steps.host import KernelAttempt
from diffmath.ode._steps.small import SmallAttempt, is_small

METHODS = [ode.dopri5, ode.tsit5, ode.bosh3, ode.dop853, ode.vern7]
NUMBERS = st.floats(-1e3, 1e3, allow_subnormal=False)


def swirl(t: Any, x: Any) -> Any:
    return np.sin(x[:, ::-1]) * 3.0 - t * x + 1.0 / (0.25 + x * x)


def _tried(attempt: Any, x: Any, known: bool) -> list[Any]:
    t, dt = np.array([0.3]), np.array([0.07])
    found = attempt(t, dt, x, SlopeState(swirl(0.3, x) if known else None))
    inside = found.dense()(np.zeros(3, dtype=int), np.array([0.0, 0.4, 1.0]))
    return [found.x, found.error, inside, found.state.slope]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize("own_clocks", [False, True])
@given(values=st.lists(NUMBERS, min_size=1, max_size=4), known=st.booleans())
def test_plain_numbers_are_those_of_arrays_and_kernels(
    method: Any, own_clocks: bool, values: list[float], known: bool
) -> None:
    pytest.importorskip("numba")
    x, tolerance = np.array([values]), Tolerance(1e-4, 1e-7)
    assert is_small(x, tolerance)
    wide = Tolerance(np.full(x.shape, 1e-4), 1e-7)  # an array: the method's own attempt
    small = _tried(SmallAttempt(swirl, method, x, tolerance, own_clocks), x, known)
    kernel = _tried(KernelAttempt(swirl, method, tolerance, own_clocks), x, known)
    with reference_only():
        arrays = _tried(make_attempt(swirl, method, x, wide, own_clocks), x, known)
    for mine, theirs, bodies in zip(small, kernel, arrays, strict=True):
        np.testing.assert_array_equal(mine, theirs)
        np.testing.assert_array_equal(mine, bodies)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_stage_that_is_not_finite_is_an_error_that_is_none(bad: float) -> None:
    x, tolerance = np.ones((1, 2)), Tolerance(1e-4, 1e-7)
    attempt = SmallAttempt(lambda t, x: np.full_like(x, bad), ode.dopri5, x, tolerance, False)
    error = attempt(np.zeros(1), np.ones(1), x, SlopeState()).error
    assert not np.isfinite(error[0])


def test_wide_states_batches_and_single_precision_are_not_small() -> None:
    tolerance = Tolerance(1e-4, 1e-7)
    for x in (np.ones((1, 5)), np.ones((2, 1)), np.ones((1, 1), "f4"), np.ones((1, 1, 1)), np.ones((1, 0))):
        assert not is_small(x, tolerance)
    assert not is_small(np.ones((1, 1)), Tolerance(np.array([1e-4]), 1e-7))


@pytest.mark.parametrize("own_clocks", [False, True])
def test_numbers_for_the_clock_give_the_same_step_with_the_error_as_a_number(own_clocks: bool) -> None:
    x, tolerance = np.array([[0.3, -0.2]]), Tolerance(1e-4, 1e-7)
    attempt = make_attempt(swirl, ode.dopri5, x, tolerance, own_clocks)
    by_numbers = on_one_clock(attempt)(0.3, 0.07, x, SlopeState())
    by_rows = attempt(np.array([0.3]), np.array([0.07]), x, SlopeState())
    assert isinstance(attempt, SmallAttempt)
    assert type(by_numbers.error) is float
    assert by_rows.error.tolist() == [by_numbers.error]
    np.testing.assert_array_equal(by_numbers.x, by_rows.x)


def test_an_attempt_on_arrays_gets_the_numbers_of_one_clock_as_arrays() -> None:
    seen: list[Any] = []
    on_one_clock(lambda *given: seen.append(given))(0.5, 0.25, np.ones((1, 1)), None)  # type: ignore[arg-type, return-value]
    assert [value.tolist() for value in seen[0][:2]] == [[0.5], [0.25]]


@pytest.mark.parametrize("own_clocks", [False, True])
def test_a_time_is_a_number_or_an_array_with_the_axes_of_the_state(own_clocks: bool) -> None:
    """Of every stage, and of those for the state inside a step."""
    times: list[Any] = []

    def f(t: Any, x: Any) -> Any:
        times.append(t)
        return -x

    with reference_only():
        attempt = make_attempt(f, ode.dop853, np.ones((1, 2)), Tolerance(1e-4, 1e-7), own_clocks)
        attempt(np.array([0.5]), np.array([0.25]), np.ones((1, 2)), SlopeState()).dense()
    assert len(times) > 12
    for t in times:
        assert np.shape(t) == ((1, 1) if own_clocks else ())
        assert isinstance(t, np.ndarray if own_clocks else float)
    assert float(np.squeeze(times[0])) == 0.5


@pytest.mark.parametrize("method", [ode.dopri5, ode.bosh3, ode.vern7], ids=lambda method: method.name)
def test_without_an_extension_the_cubic_through_both_ends_is_read(method: Any) -> None:
    """Exact for x' = 3 t^2: the last slope is that of the end, known or evaluated."""
    x = np.array([[1.0, -2.0]])
    with reference_only():
        attempt = make_attempt(
            lambda t, x: 3.0 * t * t + 0.0 * x,
            replace(method, extension=None),
            x,
            Tolerance(1e-4, 1e-7),
            False,
        )
        inside = attempt(np.array([0.5]), np.array([0.5]), x, SlopeState()).dense()
    theta = np.array([0.0, 0.3, 0.8, 1.0])
    wanted = x + ((0.5 + 0.5 * theta) ** 3 - 0.125)[:, None]
    np.testing.assert_allclose(inside(np.zeros(4, dtype=int), theta), wanted, rtol=1e-14)
