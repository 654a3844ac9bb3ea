"""The kernels of a step equal their bodies for any shape and dtype; a row is bitwise the same alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath.ode._explicit.stages import combine, estimate, interpolate

numba = pytest.importorskip("numba")

DTYPES = ["float32", "float64", "complex64", "complex128"]
# Sums of up to 8 terms of size 10 in the dtype of the state (the kernel adds float32 terms in float64).
ROUNDING = {"float32": 2e-5, "complex64": 2e-5, "float64": 1e-13, "complex128": 1e-13}


def _draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    values = rng.uniform(-3, 3, shape)
    return (values + 1j * rng.uniform(-3, 3, shape) if "complex" in dtype else values).astype(dtype)


cases = st.tuples(
    st.integers(0, 2**32 - 1),
    st.integers(0, 5),
    st.integers(0, 4),
    st.integers(1, 8),
    st.sampled_from(DTYPES),
    st.booleans(),
)


def _case(case: Any) -> tuple[Any, ...]:
    seed, rows, columns, stages, dtype, shared = case
    rng = np.random.default_rng(seed)
    x, slopes = _draw(rng, (rows, columns), dtype), _draw(rng, (stages, rows, columns), dtype)
    weights = rng.uniform(-1, 1, stages) * (rng.uniform(size=stages) > 0.3)
    weights[0] = 0.5
    dt = rng.uniform(-1, 1, 1 if shared else rows)
    return rng, x, slopes, weights, dt


@given(cases)
def test_combine_is_its_body(case: Any) -> None:
    _, x, slopes, weights, dt = _case(case)
    count = len(weights) - (len(weights) > 1)
    found, wanted = combine(x, dt, weights, slopes, count), combine.reference(x, dt, weights, slopes, count)
    assert found.dtype == wanted.dtype == x.dtype
    np.testing.assert_allclose(found, wanted, atol=8 * ROUNDING[case[4]])


@given(cases, st.booleans())
def test_estimate_is_its_body(case: Any, second: bool) -> None:
    rng, x, slopes, weights, dt = _case(case)
    low = rng.uniform(-1, 1, len(weights)) if second else np.zeros(0)
    x_new = _draw(rng, x.shape, case[4])
    args = slopes, dt, weights, low, x, x_new, 1e-1, 1e-1
    found, wanted = estimate(*args), estimate.reference(*args)
    assert found.shape == (len(x),)
    # The error in units of a tolerance of at least 0.1.
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=80 * ROUNDING[case[4]])


@given(cases, st.integers(0, 6))
def test_interpolate_is_its_body(case: Any, pairs: int) -> None:
    rng, x, slopes, weights, _ = _case(case)
    pairs = pairs if len(x) else 0
    rows = rng.integers(0, max(len(x), 1), pairs)
    w = weights[:, None] * rng.uniform(-1, 1, (len(weights), pairs))
    found, wanted = interpolate(x, rows, w, slopes), interpolate.reference(x, rows, w, slopes)
    assert found.dtype == wanted.dtype
    assert found.shape == (pairs, x.shape[1])
    np.testing.assert_allclose(found, wanted, atol=8 * ROUNDING[case[4]])


@given(cases)
def test_rows_are_bitwise_what_they_are_alone(case: Any) -> None:
    rng, x, slopes, weights, dt = _case(case)
    dt = np.broadcast_to(dt, (len(x),)).copy()
    x_new = _draw(rng, x.shape, case[4])
    for function in (lambda f: f, lambda f: f.reference):  # kernel and body
        whole = function(combine)(x, dt, weights, slopes, len(weights))
        error = function(estimate)(slopes, dt, weights, weights, x, x_new, 1e-3, 1e-3)
        for r in range(len(x)):
            one = np.ascontiguousarray(slopes[:, r : r + 1])
            alone = function(combine)(x[r : r + 1], dt[r : r + 1], weights, one, len(weights))
            np.testing.assert_array_equal(whole[r : r + 1], alone)
            args = one, dt[r : r + 1], weights, weights, x[r : r + 1], x_new[r : r + 1], 1e-3, 1e-3
            np.testing.assert_array_equal(error[r : r + 1], function(estimate)(*args))


@pytest.mark.parametrize("function", [estimate, estimate.reference], ids=["kernel", "body"])
@pytest.mark.parametrize(
    "bad", [np.nan, np.inf, -np.inf, 1j * np.inf, complex(0, np.nan), complex(1, -np.inf)]
)
def test_a_new_state_that_is_not_finite_has_no_error(function: Any, bad: Any) -> None:
    """Even where the slopes, and so the error, are finite: the step must be rejected, not accepted with 0."""
    x = np.ones((2, 2), dtype=type(bad))
    x_new, slopes = x.copy(), np.zeros((2, 2, 2), dtype=x.dtype)
    x_new[1, 1] = bad
    weights = np.array([0.5, -0.5])
    with np.errstate(all="ignore"):
        error = function(slopes, np.ones(2), weights, np.zeros(0), x, x_new, 1e-3, 1e-3)
    assert error[0] == 0
    assert np.isnan(error[1])


@pytest.mark.parametrize("function", [estimate, estimate.reference], ids=["kernel", "body"])
def test_large_opposite_states_are_finite(function: Any) -> None:
    """x_new - x overflows here, and means nothing: the state and its slopes are finite."""
    x, weights = np.array([[-1.5e308]]), np.array([0.5, -0.5])
    error = function(np.zeros((2, 1, 1)), np.ones(1), weights, np.zeros(0), x, -x, 1e-3, 0.0)
    assert error[0] == 0


@pytest.mark.parametrize("function", [estimate, estimate.reference], ids=["kernel", "body"])
def test_slopes_that_are_not_finite_spoil_their_row_alone(function: Any) -> None:
    x, slopes = np.ones((3, 2)), np.zeros((2, 3, 2))
    slopes[1, 1, 0] = np.nan
    weights = np.array([0.5, -0.5])
    error = function(slopes, np.ones(3), weights, np.zeros(0), x, x, 1e-3, 1e-3)
    assert np.isnan(error).tolist() == [False, True, False]
