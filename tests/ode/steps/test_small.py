"""Steps of one small state by plain numbers are those of the arrays and of the kernels, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import ode, reference_only
from diffmath._stepping.tolerance import Tolerance
from diffmath._stepping.trial import SlopeState
from diffmath.ode._steps.attempt import make_attempt
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
    small = _tried(SmallAttempt(swirl, method, tolerance, own_clocks), x, known)
    kernel = _tried(KernelAttempt(swirl, method, tolerance, own_clocks), x, known)
    with reference_only():
        arrays = _tried(make_attempt(swirl, method, x, wide, own_clocks), x, known)
    for mine, theirs, bodies in zip(small, kernel, arrays, strict=True):
        np.testing.assert_array_equal(mine, theirs)
        np.testing.assert_array_equal(mine, bodies)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_stage_that_is_not_finite_is_an_error_that_is_none(bad: float) -> None:
    attempt = SmallAttempt(lambda t, x: np.full_like(x, bad), ode.dopri5, Tolerance(1e-4, 1e-7), False)
    error = attempt(np.zeros(1), np.ones(1), np.ones((1, 2)), SlopeState()).error
    assert not np.isfinite(error[0])


def test_wide_states_batches_and_single_precision_are_not_small() -> None:
    tolerance = Tolerance(1e-4, 1e-7)
    for x in (np.ones((1, 5)), np.ones((2, 1)), np.ones((1, 1), "f4"), np.ones((1, 1, 1)), np.ones((1, 0))):
        assert not is_small(x, tolerance)
    assert not is_small(np.ones((1, 1)), Tolerance(np.array([1e-4]), 1e-7))
