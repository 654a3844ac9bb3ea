"""Every call ends: by refusing, by succeeding, or by reporting where, which rows, and what to do."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from diffmath import SolveError, ode
from diffmath._arrays.namespace import array_namespace
from diffmath._stepping.failures import name_rows

OPTIONS: list[dict[str, Any]] = [{}, {"batch": "shared"}, {"substeps": 4}]


def decay(t: Any, x: Any) -> Any:
    return -x


def _times(t: Any) -> Any:
    """The time as an array, whether a float or one per row."""
    return np.asarray(t)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"f": lambda x, t: -x}, TypeError, r"^f is called as f\(t, x\), but its parameters are \(x, t\)"),
        ({"f": 3}, TypeError, "f must be a callable"),
        ({"x0": [[1.0]]}, TypeError, "x0 must be an array"),
        ({"x0": np.array([[1.0, np.nan]])}, ValueError, r"x0 must be finite; x0\[0, 1\] is nan"),
        ({"x0": np.array([[np.inf]])}, ValueError, "x0 must be finite"),
        ({"times": [0.0, np.nan]}, ValueError, r"times must be finite; times\[1\] is nan"),
        ({"times": [0.0, np.inf]}, ValueError, "times must be finite"),
        ({"times": [0.0, 1.0, 0.5]}, ValueError, "times must be strictly monotone"),
        ({"times": [0.0, 0.0]}, ValueError, "times must be strictly monotone"),
        ({"times": []}, (TypeError, ValueError), "times must be"),
        ({"times": [1e16, 1e16 + 2]}, ValueError, "below 4 units in the last place"),
        ({"times": [0.0, 1.0], "substeps": 10**17}, ValueError, "below 4 units in the last place"),
        ({"times": [1e16, 1e16 + 100], "max_step": 1e-3}, ValueError, "max_step must be at least 4 units"),
        ({"rtol": np.nan}, ValueError, "rtol must be finite and not negative; got nan"),
        ({"rtol": -1.0}, ValueError, "rtol must be finite and not negative; got -1.0"),
        ({"atol": np.inf}, ValueError, "atol must be finite"),
        ({"atol": "small"}, TypeError, "atol must be a number; got str"),
        ({"rtol": 0.0, "atol": 0.0}, ValueError, "rtol and atol must not both be 0"),
        ({"batch": "each"}, ValueError, "batch must be 'rows' or 'shared'; got 'each'"),
        ({"max_steps": 0}, ValueError, "max_steps must be at least 1; got 0"),
        ({"max_steps": math.inf}, TypeError, "max_steps must be an int"),
        ({"substeps": 0}, ValueError, "substeps must be at least 1"),
        ({"substeps": 1.5}, TypeError, "substeps must be an int; got float"),
        ({"min_step": -1.0}, ValueError, "min_step must be finite and not negative"),
        ({"method": "rk5"}, ValueError, "method must be an object of .* got 'rk5': did you mean 'rk4'"),
        ({"method": 4}, TypeError, "method must be a name, a Tableau, or have step"),
        ({"controller": 4}, TypeError, "controller must be an ode.PIController; got int"),
        ({"on_failure": "ignore"}, ValueError, "on_failure must be 'raise' or 'return'"),
    ],
)
def test_bad_arguments_are_refused_before_f_is_called(
    changes: dict[str, Any], error: Any, match: str
) -> None:
    def f(t: Any, x: Any) -> Any:
        pytest.fail("f was called")

    arguments: dict[str, Any] = {"f": f, "x0": np.ones((1, 1)), "times": [0.0, 1.0]} | changes
    with pytest.raises(error, match=match):
        ode.solve(arguments.pop("f"), arguments.pop("x0"), arguments.pop("times"), **arguments)


def _mutating(t: Any, x: Any) -> Any:
    x *= -1
    return x


class _Buffered:
    """Writes every result into one array, as fast code does."""

    def __init__(self) -> None:
        self.out = np.empty((1, 2))

    def __call__(self, t: Any, x: Any) -> Any:
        np.multiply(x, -1.0, out=self.out)
        return self.out


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(
    ("f", "error", "match"),
    [
        (_mutating, TypeError, r"f\(t, x\) modified its argument x: return a new array"),
        (_Buffered(), TypeError, "overwrote the array it returned before"),
        (lambda t, x: x[0], ValueError, r"f\(t, x\) must return shape \(1, 2\); got \(2,\)"),
        (lambda t, x: [0.0, 0.0], TypeError, r"the result of f\(t, x\) must be an array"),
        (lambda t, x: None, TypeError, "must be an array"),
        (lambda t, x: x.astype(int), TypeError, "must return floating numbers"),
        (lambda t, x: x.astype(object), TypeError, r"must (hold|return) "),
        (lambda t, x: 1j * x, TypeError, "must return real numbers for a real state"),
        (
            lambda t, x: x.astype(np.float32),
            TypeError,
            "must return the dtype of the state, float64; got float32",
        ),
    ],
)
def test_a_misbehaving_f_is_refused(f: Any, error: Any, match: str, options: dict[str, Any]) -> None:
    x0 = np.array([[1.0, 2.0]])
    with pytest.raises(error, match=match):
        ode.solve(f, x0, [0.0, 1.0], **options)
    np.testing.assert_array_equal(x0, [[1.0, 2.0]])


@pytest.mark.parametrize("options", OPTIONS)
def test_an_f_that_changes_its_shape_later_is_refused(options: dict[str, Any]) -> None:
    calls: list[None] = []

    def f(t: Any, x: Any) -> Any:
        calls.append(None)
        return -x if len(calls) < 4 else np.zeros((1, 1))

    with pytest.raises(ValueError, match=r"must return shape \(1, 2\); got \(1, 1\)"):
        ode.solve(f, np.ones((1, 2)), [0.0, 1.0], **options)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt])
def test_a_users_exception_passes_through(options: dict[str, Any], kind: type[BaseException]) -> None:
    def f(t: Any, x: Any) -> Any:
        raise kind("mine")

    with pytest.raises(kind, match="mine") as caught:
        ode.solve(f, np.ones((1, 1)), [0.0, 1.0], **options)
    if kind is ZeroDivisionError:
        assert "raised by f(t, x) at t=" in caught.value.__notes__[0]


@pytest.mark.parametrize("options", OPTIONS)
def test_constant_and_identity_slopes_are_fine(options: dict[str, Any]) -> None:
    """The same array at every call, unchanged, is allowed; and so is the argument itself."""
    constant = np.full((1, 1), 2.0)
    np.testing.assert_allclose(
        ode.solve(lambda t, x: constant, np.ones((1, 1)), [0.0, 1.0], **options).x[-1], 3.0
    )
    x = ode.solve(lambda t, x: x, np.ones((1, 1)), [0.0, 1.0], **options).x[-1]
    np.testing.assert_allclose(x, math.e, rtol=1e-4)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_at_the_start_ends_within_two_calls_and_names_the_rows(
    options: dict[str, Any], bad: float
) -> None:
    calls: list[None] = []

    def f(t: Any, x: Any) -> Any:
        calls.append(None)
        return np.full_like(x, bad)

    with pytest.raises(SolveError, match="nan or inf at the initial time t=0 in all rows") as caught:
        ode.solve(f, np.ones((2, 1)), [0.0, 1.0], **options)
    solution = caught.value.solution
    assert len(calls) <= 2
    assert (solution.status, solution.t.tolist(), solution.x.shape) == ("nonfinite", [0.0], (1, 2, 1))
    np.testing.assert_array_equal(solution.x[0], 1.0)
    assert pickle.loads(pickle.dumps(caught.value)).solution.status == "nonfinite"


@pytest.mark.parametrize("options", [{}, {"substeps": 30}])
def test_rows_that_turn_nan_stop_alone(xp: Any, options: dict[str, Any]) -> None:
    """Row 1 is NaN from the start, row 2 later; rows 0 and 3 are bitwise the same alone."""

    def f(t: Any, x: Any) -> Any:
        space = array_namespace(x)
        late = space.where((x > 50.0) & (x < 100.0), space.nan, -x)
        return space.where(x > 150.0, space.nan, space.where(x > 40.0, late, -x))

    values = np.array([[1.0], [200.0], [120.0], [2.0]])
    times = [0.0, 0.1, 3.0]
    solution = ode.solve(f, xp.asarray(values), times, on_failure="return", **options)
    assert solution.row_status == ("ok", "nonfinite", "nonfinite", "ok")
    assert solution.status == "nonfinite"
    assert "row 1" in solution.message
    assert "2 of 4 rows failed" in solution.message
    x = xp.numpy(solution.x)
    assert np.isnan(x[:, :, 0]).tolist() == [
        [False] * 4,
        [False, True, False, False],
        [False, True, True, False],
    ]
    for row in (0, 3):
        alone = ode.solve(f, xp.asarray(values[row : row + 1]), times, **options)
        np.testing.assert_array_equal(x[:, row], xp.numpy(alone.x)[:, 0])


def test_shared_clocks_fail_together() -> None:
    def f(t: float, x: Any) -> Any:
        return np.where((x > 1.5) & (t > 0.5), np.nan, -0.1 * x)

    solution = ode.solve(f, np.array([[1.0], [2.0]]), [0.0, 0.3, 1.0], batch="shared", on_failure="return")
    assert (solution.status, solution.row_status, solution.t.tolist()) == ("nonfinite", None, [0.0, 0.3])
    assert "just after t=0.5 in all rows" in solution.message
    assert np.all(np.isfinite(solution.x))


@pytest.mark.parametrize("batch", ["rows", "shared"])
def test_a_trial_stage_that_is_not_finite_is_a_rejection(batch: Any) -> None:
    """x' = -sqrt(x) from 1: x = (1 - t/2)^2 is positive, but long trial steps leave the domain."""
    stages: list[float] = []

    def f(t: Any, x: Any) -> Any:
        stages.append(float(x.min()))
        return -np.sqrt(x)

    solution = ode.solve(f, np.ones((1, 1)), [0.0, 1.99], rtol=1e-3, atol=1e-3, batch=batch)
    np.testing.assert_allclose(solution.x[-1], (1 - 1.99 / 2) ** 2, atol=1e-3)  # the tolerance
    assert min(stages) < 0


@pytest.mark.parametrize("batch", ["rows", "shared"])
def test_blow_up_is_reported_near_its_time(batch: Any) -> None:
    solution = ode.solve(
        lambda t, x: x * x, np.ones((1, 1)), [0.0, 0.5, 2.0], batch=batch, on_failure="return"
    )
    assert solution.status == "blow_up"
    assert "the solution blows up" in solution.message
    time = float(solution.message.partition(" near t=")[2].split()[0])
    assert abs(time - 1) < 1e-3
    np.testing.assert_allclose(solution.x[:, 0, 0], [1.0, 2.0], rtol=1e-5)


def test_blow_up_with_fixed_steps_is_nonfinite_with_its_prefix() -> None:
    with pytest.raises(
        SolveError, match=r"became nan or inf between t=0.1 and t=1 in row 0: .*raise substeps"
    ) as caught:
        ode.solve(lambda t, x: x**4, np.ones((1, 1)), [0.0, 0.1, 1.0, 3.0], method=ode.rk4, substeps=2)
    assert caught.value.solution.t.tolist() == [0.0, 0.1]


def test_stiffness_spends_the_cap_and_says_so() -> None:
    with pytest.raises(
        SolveError, match=r"max_steps=500 trial steps .* in row 0: f is stiff there: .* about -1e\+08"
    ) as caught:
        ode.solve(lambda t, x: -1e8 * (x - 1), np.zeros((1, 1)), [0.0, 1.0], max_steps=500)
    stats = caught.value.solution.stats
    assert stats["steps"][0] + stats["rejected"][0] == 500


@pytest.mark.parametrize("kind", ["sliding", "noisy"])
def test_discontinuous_and_noisy_right_hand_sides_end(kind: str) -> None:
    rng = np.random.default_rng(0)

    def f(t: Any, x: Any) -> Any:
        return np.sign(0.5 - x) if kind == "sliding" else rng.standard_normal(x.shape)

    solution = ode.solve(f, np.zeros((1, 1)), [0.0, 1.0], max_steps=300, on_failure="return")
    assert solution.status in ("max_steps", "step_too_small")
    assert np.all(np.isfinite(solution.x))


def test_a_jump_in_time_is_crossed() -> None:
    def f(t: Any, x: Any) -> Any:
        return np.where(_times(t) < 0.3, 1.0, -2.0) * np.ones_like(x)

    x = ode.solve(f, np.zeros((2, 1)), [0.0, 1.0], rtol=1e-6, atol=1e-8).x[-1]
    np.testing.assert_allclose(
        x, 0.3 - 2 * 0.7, atol=1e-4
    )  # the error estimate is too small by some 10 at a jump


def test_min_step_ends_a_row_earlier() -> None:
    solution = ode.solve(lambda t, x: x * x, np.ones((1, 1)), [0.0, 2.0], min_step=1e-3, on_failure="return")
    assert solution.status == "step_too_small"
    assert "fell to its floor 0.001" in solution.message


@pytest.mark.parametrize("size", [1e308, 1e-308, 5e-324, 0.0])
@pytest.mark.parametrize("options", OPTIONS)
def test_extreme_sizes_end_in_a_finite_result(size: float, options: dict[str, Any]) -> None:
    x0 = np.array([[size, size / 2]])
    if "substeps" in options:
        options = {"substeps": 40}  # the largest weight of dopri5 is 11.6: 4 steps overflow, and say so
    else:
        options = {"atol": 0.0, "rtol": 1e-6} | options
    solution = ode.solve(decay, x0, [0.0, 1.0], **options)
    np.testing.assert_allclose(solution.x[-1], x0 * math.exp(-1), rtol=1e-3, atol=1e-322)  # denormals: an ulp


def test_zero_components_with_zero_atol() -> None:
    solution = ode.solve(decay, np.array([[0.0, 1.0]]), [0.0, 1.0], atol=0.0)
    np.testing.assert_allclose(solution.x[-1], [[0.0, math.exp(-1)]], rtol=1e-5)


@pytest.mark.parametrize("options", OPTIONS)
def test_large_times_are_resolved(options: dict[str, Any]) -> None:
    """Spacing of float64 at 1e16 is 2: intervals of 100 are possible, and a slow f is solved."""
    solution = ode.solve(lambda t, x: -1e-3 * x, np.ones((1, 1)), [1e16, 1e16 + 100], **options)
    np.testing.assert_allclose(solution.x[-1], math.exp(-0.1), rtol=1e-5)


@pytest.mark.parametrize("options", OPTIONS)
def test_results_do_not_depend_on_the_error_state_of_numpy(options: dict[str, Any]) -> None:
    def f(t: Any, x: Any) -> Any:
        return -np.sqrt(x)

    plain = ode.solve(f, np.ones((1, 1)), [0.0, 1.9], on_failure="return", **options)
    with np.errstate(all="raise"):
        strict = ode.solve(f, np.ones((1, 1)), [0.0, 1.9], on_failure="return", **options)
    assert plain.status == strict.status == ("nonfinite" if options.get("substeps") else "ok")
    np.testing.assert_array_equal(plain.x, strict.x)


def test_views_and_read_only_states_are_taken_and_left_alone() -> None:
    base = np.arange(12.0).reshape(3, 4)
    base.flags.writeable = False
    view = base[::-1, ::2]
    solution = ode.solve(decay, view, [0.0, 1.0])
    np.testing.assert_array_equal(solution.x, ode.solve(decay, view.copy(), [0.0, 1.0]).x)
    np.testing.assert_array_equal(base, np.arange(12.0).reshape(3, 4))


def test_far_from_zero_the_state_advances_by_what_the_clock_does() -> None:
    """Spacing of float64 at 1e16 is 2: unless steps are multiples of it, clock and state drift apart."""
    slow = ode.solve(lambda t, x: -1e-3 * x, np.ones((1, 1)), [1e16, 1e16 + 1000])
    # Ten times the tolerance; it was 554 times while the step was rounded in the clock only.
    assert abs(float(slow.x[-1, 0, 0]) - math.exp(-1)) < 1e-5
    backwards = ode.solve(lambda t, x: -1e-3 * x, np.ones((1, 1)), [1e16, 1e16 - 1000])
    assert abs(float(backwards.x[-1, 0, 0]) / math.e - 1) < 1e-5


def test_a_min_step_that_the_clock_rounds_still_ends_the_row() -> None:
    start = 1e16
    found = ode.solve(
        lambda t, x: np.where(_times(t) > start, np.nan, x), np.ones((1, 1)), [start, start + 1e6],
        min_step=101.0, on_failure="return",
    )  # fmt: skip
    assert found.status == "nonfinite"
    assert int(found.stats["rejected"][0]) < 40


def test_a_scalar_function_of_time_is_told_that_time_is_an_array() -> None:
    with pytest.raises(TypeError) as caught:
        ode.solve(lambda t, x: math.sin(t) * x, np.ones((2, 1)), [0.0, 1.0])
    assert any("batch='shared'" in note and "np.sin(t)" in note for note in caught.value.__notes__)
    assert ode.solve(lambda t, x: math.sin(t) * x, np.ones((2, 1)), [0.0, 1.0], batch="shared").success


def test_a_row_that_is_nan_at_once_has_the_statistics_that_it_has_alone() -> None:
    rates = np.array([[1.0], [np.nan]])
    both = ode.solve(lambda t, x: rates * x, np.ones((2, 1)), [0.0, 1.0], on_failure="return")
    alone = ode.solve(lambda t, x: np.nan * x, np.ones((1, 1)), [0.0, 1.0], on_failure="return")
    assert both.stats["evaluations"][1] == alone.stats["evaluations"][0] == 1


class _Returns:
    """A method that returns the dtype it was built with, or float64."""

    order, embedded_order = 1, 1

    def __init__(self, *results: Any) -> None:
        self.results = results

    def step(self, f: Any, t: Any, x: Any, dt: Any) -> Any:
        return x.astype(np.float64)

    def step_with_error(self, f: Any, t: Any, x: Any, dt: Any, slope: Any = None) -> Any:
        return self.results


@pytest.mark.parametrize(
    ("method", "options", "match"),
    [
        (_Returns(), {"substeps": 2}, "must return the dtype of the state, float32; got float64"),
        (_Returns(), {}, r"must return a tuple \(x_new, error, slope_new\)"),
        (
            _Returns(np.ones((2, 1), "f4"), np.ones(3, "f4"), None),
            {},
            r"must return shape \(2, 1\); got \(3,\)",
        ),
        (_Returns(np.ones((1, 1), "f4"), np.ones((2, 1), "f4"), None), {}, r"must return shape \(2, 1\)"),
        (_Returns, {}, r"method is an object, not a class; got _Returns: pass _Returns\(\)"),
        (
            type("Half", (), {"order": 1, "embedded_order": 1, "step": (0.0).__add__})(),
            {},
            "no step_with_error",
        ),
    ],
)
def test_a_misbehaving_method_is_refused(method: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises((TypeError, ValueError), match=match):
        ode.solve(decay, np.ones((2, 1), dtype="f4"), [0.0, 1.0], method=method, **options)


def test_numbers_of_numpy_are_numbers_and_controllers_are_checked() -> None:
    found = ode.solve(decay, np.ones((2, 1)), [0.0, 1.0], rtol=np.float32(1e-3), min_step=np.float32(0))  # type: ignore[arg-type]
    assert found.success
    with pytest.raises(TypeError, match="safety must be a number; got str"):
        ode.PIController(safety="a")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="integral must be finite; got nan"):
        ode.PIController(integral=math.nan)


@pytest.mark.parametrize(
    ("rows", "batch", "text"),
    [
        ([0], 1, "row 0"), ([0, 1, 2], 3, "all rows"), ([2], 5, "row 2"), ([1, 2], 5, "rows 1, 2"),
        ([0, 1, 2, 3, 5], 9, "rows 0, 1, 2, 3, 5"),
        ([0, 1, 2, 3, 5, 8], 9, "rows 0, 1, 2, 3, 5, ... (6 of 9)"),
    ],
)  # fmt: skip
def test_rows_are_named_up_to_five(rows, batch, text):
    assert name_rows(rows, batch) == text
