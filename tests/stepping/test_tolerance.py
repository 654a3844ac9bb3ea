"""Tolerances of components and rows: what they mean, and which are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import ode, reference_only
from diffmath._stepping.tolerance import Tolerance
from diffmath.ode._explicit.stages import estimate

METHODS = [ode.dopri5, ode.dop853, ode.kvaerno5, ode.radau5, ode.rodas5p]
named = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
X0 = np.array([[1.0, 1000.0], [0.5, 2.0], [2.0, 10.0]])


def spiral(t: Any, x: Any) -> Any:
    return np.stack([x[:, 0] * np.cos(np.reshape(t, (-1,))), -x[:, 1] - x[:, 0] ** 2], axis=1)


def solve(x0: Any = X0, **options: Any) -> Any:
    return ode.solve(spiral, x0, [0.0, 1.0, 3.0], **options)


def same(one: Any, other: Any) -> None:
    np.testing.assert_array_equal(one.x, other.x)
    np.testing.assert_array_equal(one.stats["evaluations"], other.stats["evaluations"])


@named
@pytest.mark.parametrize("batch", ["rows", "shared"])
def test_equal_entries_are_one_number(method: Any, batch: Any) -> None:
    number = solve(method=method, rtol=1e-5, atol=1e-7, batch=batch)
    for rtol, atol in ((np.full(2, 1e-5), [1e-7, 1e-7]), (np.full((3, 1), 1e-5), np.full((3, 2), 1e-7))):
        same(solve(method=method, rtol=rtol, atol=atol, batch=batch), number)


@named
def test_a_row_has_its_own_tolerance(method: Any) -> None:
    """Rows of a batch, each with a separate tolerance, are the same alone with that tolerance."""
    rtol = np.array([[1e-3], [1e-9], [1e-6]])
    whole = solve(method=method, rtol=rtol, atol=1e-3 * rtol)
    for row in range(3):
        one = float(rtol[row, 0])
        alone = solve(X0[row : row + 1], method=method, rtol=one, atol=1e-3 * one)
        np.testing.assert_array_equal(whole.x[:, row], alone.x[:, 0])
        assert whole.stats["evaluations"][row] == alone.stats["evaluations"][0]
    assert whole.stats["steps"][1] > 2 * whole.stats["steps"][0]


@named
def test_a_component_that_may_err_costs_nothing(method: Any) -> None:
    """The second component oscillates fast; tolerated altogether, only the first is followed."""

    def f(t: Any, x: Any) -> Any:
        return np.stack([-x[:, 0], 30.0 * np.cos(30.0 * np.reshape(t, (-1,)))], axis=1)

    x0, times = np.array([[1.0, 0.0]]), [0.0, 2.0]
    tight = ode.solve(f, x0, times, method=method, rtol=0.0, atol=1e-6)
    mixed = ode.solve(f, x0, times, method=method, rtol=0.0, atol=np.array([1e-6, 10.0]))
    assert mixed.stats["steps"][0] < 0.5 * tight.stats["steps"][0]
    assert abs(mixed.x[-1, 0, 0] - np.exp(-2.0)) < 2e-5  # 20 tolerances


def test_one_state_as_for_solve_ivp() -> None:
    """Robertson's problem with the tolerances of its tradition: the middle component is small."""

    def robertson(t: Any, x: Any) -> Any:
        slow, fast, square = 0.04 * x[0], 1e4 * x[1] * x[2], 3e7 * x[1] ** 2
        return [-slow + fast, slow - fast - square, square]

    found = ode.solve(
        robertson, [1.0, 0.0, 0.0], [0.0, 40.0], method=ode.kvaerno5, rtol=1e-4, atol=[1e-8, 1e-14, 1e-6]
    )
    np.testing.assert_allclose(found.x[-1], [0.7158271, 9.185535e-6, 0.2841637], rtol=2e-3)  # 20 rtol


def test_states_of_several_axes() -> None:
    x0 = np.ones((2, 3, 4))
    number = ode.solve(lambda t, x: -x, x0, [0.0, 1.0], rtol=1e-5, atol=1e-7)
    for shape in ((4,), (3, 1), (3, 4), (1, 3, 4), (2, 3, 4), (2, 1, 1)):
        same(ode.solve(lambda t, x: -x, x0, [0.0, 1.0], rtol=np.full(shape, 1e-5), atol=1e-7), number)
        same(ode.solve(lambda t, x: -x, x0, [0.0, 1.0], rtol=1e-5, atol=np.full(shape, 1e-7)), number)
        stiff = [
            ode.solve(lambda t, x: -x, x0, [0.0, 1.0], rtol=1e-5, atol=atol, method=ode.kvaerno3)
            for atol in (1e-7, np.full(shape, 1e-7))
        ]
        same(*stiff)


@given(
    values=st.lists(st.floats(allow_nan=True), min_size=0, max_size=9),
    at=st.lists(st.floats(-1e9, 1e9), min_size=9, max_size=9),
    zero=st.sampled_from(["", "rtol", "atol"]),
)
def test_the_norm_of_one_row_by_numbers_is_that_by_arrays(
    values: list[float], at: list[float], zero: str
) -> None:
    tolerance = Tolerance(0.0 if zero == "rtol" else 1e-4, 0.0 if zero == "atol" else 1e-7)
    row, state = np.array([values]), np.array([at[: len(values)]])
    with np.errstate(all="ignore"):
        expected = tolerance.norm(row, state)[0]
        np.testing.assert_array_equal(tolerance.norm_of_one(row, state), expected)


def test_the_norm_of_one_row_of_other_numbers_is_that_of_arrays() -> None:
    tolerance = Tolerance(1e-3, 1e-6)
    for row in (np.ones((1, 2), "f4"), np.ones((1, 2)) + 1j, np.ones((1, 2, 3))):
        assert tolerance.norm_of_one(row, row) == tolerance.norm(row, row)[0]
    wide = Tolerance(np.array([1e-3, 1e-4]), 1e-6)
    row = np.array([[1.0, 2.0]])
    assert wide.norm_of_one(row, row) == wide.norm(row, row)[0]


@pytest.mark.parametrize("shapes", [((1, 1), (1, 4)), ((5, 1), (1, 1)), ((5, 4), (5, 1)), ((1, 4), (5, 4))])
def test_the_kernel_takes_what_the_body_takes(shapes: Any) -> None:
    rng = np.random.default_rng(0)
    slopes, x, x_new = (
        rng.standard_normal((3, 5, 4)),
        rng.standard_normal((5, 4)),
        rng.standard_normal((5, 4)),
    )
    rtol, atol = (10.0 ** rng.uniform(-6, -2, shape) for shape in shapes)
    weights = np.array([0.5, -0.25, 0.125])
    for low in (np.zeros(0), weights):
        args = slopes, np.full(5, 0.1), weights, low, x, x_new, rtol, atol
        np.testing.assert_allclose(estimate(*args), estimate.reference(*args), rtol=1e-13)  # 400 roundings
    with reference_only():
        by_body = solve(rtol=np.array([1e-4, 1e-6]))
    np.testing.assert_allclose(solve(rtol=np.array([1e-4, 1e-6])).x, by_body.x, rtol=1e-10)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"rtol": [1e-3, -1e-3]}, ValueError, r"rtol must be finite and not negative; rtol\[1\] is -0.001"),
        ({"rtol": -1e-9}, ValueError, r"rtol must be finite and not negative; got -1e-09"),
        ({"atol": np.inf}, ValueError, r"atol must be finite and not negative; got inf"),
        ({"atol": [1e-3, np.nan]}, ValueError, r"atol must be finite and not negative; atol\[1\] is nan"),
        ({"atol": [np.inf, 1.0]}, ValueError, r"atol\[0\] is inf"),
        ({"rtol": [1e-3, 0.0], "atol": 0.0}, ValueError, r"both be 0: .* be accepted at \[1\]"),
        ({"rtol": 0.0, "atol": [[1.0], [0.0], [1.0]]}, ValueError, r"accepted at \[1, 0\]"),
        ({"rtol": 0.0, "atol": [[1.0], [0.0], [0.0]]}, ValueError, r"accepted at \[1, 0\]"),  # the first
        ({"rtol": [1e-3] * 4}, ValueError, r"one state, shape \(2,\), or .*; got shape \(4,\)"),
        ({"rtol": np.full((2, 3, 2), 1e-3)}, ValueError, r"rtol must broadcast .* got shape \(2, 3, 2\)"),
        ({"rtol": [1e-3] * 2, "atol": [1e-3] * 3}, ValueError, r"each other; got shapes \(\(2,\), \(3,\)\)"),
        ({"rtol": ["a", "b"]}, TypeError, "rtol must hold numbers"),
        ({"atol": np.array([1j, 1.0])}, TypeError, "atol must hold real numbers; got dtype complex128"),
        ({"atol": "small"}, TypeError, "atol must be a number; got str"),
        ({"rtol": [1e-3, 1e-3], "method": "rk4"}, ValueError, "rk4 takes fixed steps, on which rtol"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_tolerance_is_refused(options: Any, error: Any, match: str) -> None:
    def f(t: Any, x: Any) -> Any:
        raise AssertionError("f must not be called")

    for call in (ode.solve, ode.steps):
        with pytest.raises(error, match=match):
            call(f, X0, [0.0, 1.0], **options)


def test_a_component_may_have_no_absolute_tolerance() -> None:
    """atol = 0 with rtol > 0, and the other way round, in one vector."""
    found = solve(rtol=[1e-6, 0.0], atol=[0.0, 1e-5])
    np.testing.assert_allclose(found.x, solve(rtol=1e-10, atol=1e-10).x, rtol=1e-4, atol=1e-3)


def test_arrays_of_the_library_of_the_state(xp: Any) -> None:
    x0 = xp.asarray(np.ones((2, 3)))
    number = ode.solve(lambda t, x: -x, x0, [0.0, 1.0], rtol=1e-4, atol=1e-6)
    for values in (np.full(3, 1e-4), np.full((2, 1), 1e-4)):
        for rtol in (values, xp.asarray(values)):
            for method in (ode.dopri5, ode.kvaerno3):
                found = ode.solve(lambda t, x: -x, x0, [0.0, 1.0], rtol=rtol, atol=1e-6, method=method)
                if method is ode.dopri5:
                    np.testing.assert_allclose(xp.numpy(found.x), xp.numpy(number.x), rtol=1e-6)


def test_the_largest_absolute_tolerance() -> None:
    assert Tolerance(1e-3, [1.0, 3.0, 2.0]).largest_atol == 3.0
    assert Tolerance(1e-3, 2.0).largest_atol == 2.0
