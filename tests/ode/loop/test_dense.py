"""The dense output: of the order it states, measured; where it may be read; and rows on their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import ode
from diffmath._arrays.namespace import array_namespace

METHODS = [ode.bosh3, ode.dopri5, ode.tsit5, ode.vern7, ode.dop853]
named = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)


def spin(t: Any, x: Any) -> Any:
    """r = exp(sin t), angle t: nonlinear and non-autonomous."""
    rate = (x[:, :1] ** 2 + x[:, 1:] ** 2) * np.exp(-2 * np.sin(t))
    return np.cos(t) * x + rate * np.stack([-x[:, 1], x[:, 0]], axis=1)


def exact(t: Any) -> Any:
    t = np.asarray(t)
    return np.exp(np.sin(t))[..., None] * np.stack([np.cos(t), np.sin(t)], axis=-1)


START = np.array([[1.0, 0.0]])


def halvings(method: Any) -> Any:
    """Steps in the asymptotic regime of the method, above round-off: the higher its order, the longer."""
    return (0.8 if method.order > 5 else 0.1) * 0.5 ** np.arange(5)


@named
def test_one_step_has_the_order_of_its_extension_plus_one(method: Any) -> None:
    """The error inside a step that starts on the solution, at the best and the worst of nine places."""
    theta = np.linspace(0.1, 0.9, 9)
    errors = []
    for h in halvings(method):
        step = next(
            ode.steps(spin, exact([0.3]), [0.3, 10.0], method=method, first_step=float(h), rtol=1e9, atol=1e9)
        )
        found = step.at(np.zeros(9, dtype=int), theta)
        errors.append(np.abs(found - exact(0.3 + theta * step.dt[0])).max())
    slopes = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    last, order = slopes[np.array(errors[1:]) > 1e-13][-1], method.dense_order + 1  # above round-off
    assert last > order - 0.15, slopes
    if method is not ode.vern7:  # whose leading term is small here; in 60 digits, see test_high_order
        assert last < order + 0.15, slopes


@named
def test_a_whole_solve_keeps_the_order_everywhere(method: Any) -> None:
    """Logistic growth in fixed steps: the error between the steps falls like h^min(order, dense + 1)."""
    grid, errors = np.linspace(0.0, 4.0, 2001), []
    wanted = 1 / (1 + 3 * np.exp(-grid))
    for count in (8, 16, 32, 64, 128):
        found = ode.solve(
            lambda t, x: x * (1 - x),
            np.array([[0.25]]),
            [0.0, 4.0],
            method=method,
            substeps=count,
            dense=True,
        )
        assert found.dense is not None
        errors.append(np.abs(found.dense(grid)[:, 0, 0] - wanted).max())
    slopes = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    last, order = slopes[np.array(errors[1:]) > 1e-13][-1], min(method.order, method.dense_order + 1)
    assert last > order - 0.15, slopes
    if method.order < 6:  # with the others, round-off comes before the asymptotic regime
        assert last < order + 0.15, slopes


@named
def test_steps_and_dense_output_meet(method: Any) -> None:
    """At the ends of a step it is the state, and it is continuous across."""
    taken = list(ode.steps(spin, START, [0.0, 3.0], method=method))
    for step in taken:
        np.testing.assert_array_equal(step.at(np.array([0]), np.array([0.0])), step.x0)
        np.testing.assert_allclose(
            step.at(np.array([0]), np.array([1.0])), step.x, rtol=1e-11
        )  # weights of size 1e2 cancel


@named
@pytest.mark.parametrize("batch", ["rows", "shared"])
@pytest.mark.parametrize("stop", [4.0, -4.0])
def test_what_is_read_off_is_as_good_as_the_steps(method: Any, batch: Any, stop: float) -> None:
    times = np.linspace(0.0, stop, 200)
    landed, read = (
        ode.solve(spin, START, times, method=method, rtol=1e-7, atol=1e-7, batch=batch, save=save)  # type: ignore[arg-type]
        for save in ("land", "auto")
    )
    bare = ode.solve(spin, START, times[[0, -1]], method=method, rtol=1e-7, atol=1e-7, batch=batch)
    worst = np.abs(bare.x[-1] - exact(stop)).max()
    assert np.abs(read.x[:, 0] - exact(times)).max() < 10 * max(worst, 1e-7)
    assert np.abs(landed.x[:, 0] - exact(times)).max() < 10 * max(worst, 1e-7)
    np.testing.assert_array_equal(read.x[-1], bare.x[-1])  # save times do not change the steps
    assert np.all(np.asarray(landed.stats["steps"]) >= 199)
    np.testing.assert_array_equal(read.stats["steps"], bare.stats["steps"])


def test_saved_and_read_are_the_same_numbers() -> None:
    times = np.linspace(0.0, 3.0, 31)
    for method in METHODS:
        found = ode.solve(spin, START, times, method=method, dense=True)
        np.testing.assert_allclose(found.dense(times), found.x, rtol=1e-11)
        np.testing.assert_array_equal(found.dense(times[::-1])[::-1], found.dense(times))  # in any order
        np.testing.assert_array_equal(found.dense(times[7]), found.dense(times)[7])
        assert found.dense([]).shape == (0, 1, 2)
        assert f"order {method.dense_order}" in repr(found.dense)


@pytest.mark.parametrize("method", [ode.dopri5, ode.dop853, ode.kvaerno3], ids=lambda m: m.name)
def test_rows_on_their_own(method: Any) -> None:
    """Numbers and statistics of a row are those it has alone; NaN where it had ended."""
    rates = np.array([[1.0], [30.0], [0.1], [4.0]])
    grid = np.linspace(0.0, 2.0, 101)

    def solve(rows: list[int]) -> Any:
        # Row 3 leaves its domain at x = 0.3, t = 0.301.
        return ode.solve(
            lambda t, x: np.where((rates[rows] == 4) & (x < 0.3), math.nan, -rates[rows] * x),
            np.ones((len(rows), 1)), [0.0, 0.7, 2.0], method=method, dense=True, on_failure="return",
        )  # fmt: skip

    whole = solve([0, 1, 2, 3])
    assert whole.row_status == ("ok", "ok", "ok", "nonfinite")
    found = whole.dense(grid)
    assert np.isnan(found[:, 3, 0]).tolist() == (grid > 0.301).tolist()
    assert np.isfinite(found[:, :3]).all()
    for row in range(4):
        alone = solve([row])
        np.testing.assert_array_equal(found[:, row], alone.dense(grid)[:, 0])
        own = ("steps", "rejected") if method is ode.kvaerno3 else ("steps", "rejected", "evaluations")
        for name in own:  # rows that iterate together pay for the slowest
            assert whole.stats[name][row] == alone.stats[name][0]


def test_the_end_of_a_row_at_an_event() -> None:
    found = ode.solve(
        lambda t, x: 0 * x + 1, np.array([[0.0], [0.5]]), [0.0, 1.0], dense=True,
        events=ode.Event(lambda t, x: x[:, 0] - 0.75, terminal=True),
    )  # fmt: skip
    assert np.isnan(found.dense([0.2, 0.3, 0.74, 0.76])[:, :, 0]).tolist() == [
        [False, False],
        [False, True],
        [False, True],
        [True, True],
    ]


@pytest.mark.parametrize(
    ("t", "error", "match"),
    [
        (1.0 + 1e-9, ValueError, r"t must lie between -1 and 1; t\[0\] is 1.000000001"),
        ([0.0, -1.5], ValueError, r"t\[1\] is -1.5"),
        ([0.0, math.nan], ValueError, r"t\[1\] is nan"),
        ([[0.0]], ValueError, "t must be a number or a vector"),
        ("now", TypeError, "t must be real numbers"),
        (1j, TypeError, "t must be real numbers"),
    ],
)
@pytest.mark.parametrize("times", [[-1.0, 1.0], [1.0, -1.0]])
def test_reading_outside_is_refused(times: list[float], t: Any, error: Any, match: str) -> None:
    dense = ode.solve(lambda t, x: -x, np.ones((1, 1)), times, dense=True).dense
    assert dense is not None
    with pytest.raises(error, match=match):
        dense(t)


def test_device_times_are_refused(xp: Any) -> None:
    x0 = xp.asarray([[1.0], [2.0]])
    dense = ode.solve(lambda t, x: -x, x0, [0.0, 1.0], dense=True, rtol=1e-8).dense
    assert dense is not None
    np.testing.assert_allclose(xp.numpy(dense(0.5)), np.exp(-0.5) * np.array([[1.0], [2.0]]), rtol=1e-6)
    assert xp.numpy(dense([0.1, 0.2, 0.3])).shape == (3, 2, 1)
    if not xp.name.startswith("numpy"):
        with pytest.raises(TypeError, match="time stays on the host"):
            dense(xp.asarray([0.5]))


def test_complex_states_and_any_shape() -> None:
    x0 = np.arange(12.0).reshape(2, 3, 2) + 1j
    for method in METHODS:
        found = ode.solve(lambda t, x: 1j * x, x0, [0.0, 2.0], method=method, rtol=1e-8, dense=True)
        assert found.dense(1.3).shape == x0.shape
        np.testing.assert_allclose(found.dense(1.3), x0 * np.exp(1.3j), rtol=1e-6)
        assert array_namespace(found.dense(1.3)).isdtype(found.dense(1.3).dtype, "complex floating")


def test_no_steps_no_batch() -> None:
    once = ode.solve(lambda t, x: -x, np.ones((2, 1)), [0.5], dense=True).dense
    assert once is not None
    np.testing.assert_array_equal(once(0.5), np.ones((2, 1)))
    empty = ode.solve(lambda t, x: -x, np.ones((0, 3)), [0.0, 1.0], dense=True).dense
    assert empty is not None
    assert empty([0.1, 0.9]).shape == (2, 0, 3)
