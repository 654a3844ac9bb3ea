"""The hostile families against every explicit method: three endings, finite work, and a true word."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pytest

from diffmath import SolveError, ode
from diffmath._core.solution import Status

METHODS = [ode.bosh3, ode.dopri5, ode.tsit5, ode.vern7, ode.dop853]
FIXED = [ode.euler, ode.heun, ode.midpoint, ode.ralston, ode.rk4, *METHODS]
CAP = 3000

adaptive = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
shared_or_not = pytest.mark.parametrize("batch", ["rows", "shared"])


@pytest.fixture(scope="module")
def _compiled() -> None:
    """Kernels are compiled once, on no problem's account."""
    for dtype in (float, complex):
        ode.solve(lambda t, x: -x, np.ones((1, 1), dtype), [0.0, 1.0], method=ode.dop853, dense=True)


@pytest.fixture(autouse=True)
def _two_seconds(_compiled: None) -> Iterator[None]:
    """No hostile problem may take longer (of the processor: others may be at work)."""
    start = time.process_time()
    yield
    assert time.process_time() - start < 2


def solve(f: Any, x0: Any, times: Any, **options: Any) -> Any:
    """Return the solution, having looked at how it ended."""
    x0 = np.asarray(x0) if np.ndim(x0) == 2 else np.array([[x0]])
    found = ode.solve(f, x0, times, **{"max_steps": CAP, "on_failure": "return"} | options)
    assert found.status in get_args(Status)
    assert found.success == (not found.message or found.status == "event")
    assert np.all(np.isfinite(found.x)) or found.row_status is not None
    assert found.t.tolist() == np.asarray(times, dtype=float)[: len(found.t)].tolist()
    return found


def at(t: Any) -> Any:
    return np.asarray(t)


BLOW_UPS = {
    "square": (lambda t, x: x * x, 1.0, [0.0, 0.5, 2.0], 1.0),
    "fourth power": (lambda t, x: x**4, 1.0, [0.0, 2.0], 1 / 3),
    "logarithmic": (lambda t, x: np.exp(x), 0.0, [0.0, 2.0], 1.0),
    "tangent": (lambda t, x: 1 + x * x, 0.0, [0.0, 2.0], math.pi / 2),
    "downwards": (lambda t, x: -x * x, -1.0, [0.0, 2.0], 1.0),
    "backward": (lambda t, x: -x * x, 1.0, [0.0, -2.0], -1.0),
    "at zero": (lambda t, x: x * x, 1.0, [-1.0, 1.0], 0.0),
    "far from zero": (lambda t, x: x * x, 1.0, [1e6, 1e6 + 2], 1e6 + 1),
    "complex": (lambda t, x: -1j * x * x, 1j, [0.0, 2.0], 1.0),
    "with company": (lambda t, x: np.stack([x[:, 0] ** 2, -x[:, 1]], axis=1), [[1.0, 1.0]], [0.0, 2.0], 1.0),
}


@adaptive
@shared_or_not
@pytest.mark.parametrize("name", BLOW_UPS)
def test_a_blow_up_is_named_with_its_time(name: str, method: Any, batch: Any) -> None:
    f, x0, times, when = BLOW_UPS[name]
    found = solve(f, x0, times, method=method, batch=batch)
    assert found.status == "blow_up"
    place = float(found.message.partition(" near t=")[2].split()[0])
    assert abs(place - when) < 1e-4  # what is promised is 1e-3
    assert np.all(np.isfinite(found.x))


OTHER_ENDS = {
    "an infinite slope": (lambda t, x: 0.5 / np.sqrt(1 - at(t)) + 0 * x, 0.0, 1.0),
    "a root of what is negative": (lambda t, x: -np.sqrt(x), 1.0, 2.0),
    "the edge of the domain": (lambda t, x: np.where(at(t) > 1, math.nan, x), 1.0, 1.0),
    "the edge of the domain, backward": (lambda t, x: np.where(at(t) < -1, math.inf, x), 1.0, -1.0),
}


@adaptive
@pytest.mark.parametrize("name", OTHER_ENDS)
def test_other_ends_are_no_blow_ups(name: str, method: Any) -> None:
    f, x0, when = OTHER_ENDS[name]
    found = solve(f, x0, [0.0, 0.1 * when, 3 * when], method=method)
    assert found.status == "nonfinite"
    place = float(found.message.partition("just after t=")[2].split()[0])
    assert abs(place - when) < 1e-3
    assert len(found.t) == 2


@adaptive
def test_growth_to_the_largest_number_is_no_blow_up(method: Any) -> None:
    """1e3 x overflows at x = 1.8e305, on a time scale of 1e-3 that does not shrink: ln(1.8e5) = 12.1."""
    found = solve(lambda t, x: 1e3 * x, 1e300, [0.0, 1.0], method=method)
    assert found.status == "nonfinite"
    assert "t=0.0120" in found.message


@adaptive
@shared_or_not
@pytest.mark.parametrize("rate", [1e5, 1e8])
def test_stiffness_is_named_with_its_rate(method: Any, batch: Any, rate: float) -> None:
    """Three of four rows, and one of two components, are not stiff."""
    rates = np.array([[1.0, 2.0], [1.0, 1.0], [0.5, rate], [3.0, 1.0]])
    found = solve(
        lambda t, x: -rates * (x - np.cos(at(t))), np.ones((4, 2)), [0.0, 10.0], method=method, batch=batch,
        max_steps=600,
    )  # fmt: skip
    assert found.status == "max_steps"
    assert found.row_status in (None, ("ok", "ok", "max_steps", "ok"))
    assert "f is stiff there" in found.message
    value = float(found.message.partition("eigenvalue of about ")[2].split(",")[0])
    assert value == pytest.approx(-rate, rel=0.06)  # two digits are printed
    rest = float(found.message.partition("would take about ")[2].split()[0])
    assert 10 * rate / 10 < rest < 10 * rate  # intervals of stability end between 2.5 and 7


@adaptive
def test_what_is_not_stiff_is_not_said_to_be(method: Any) -> None:
    for f, x0 in (
        (lambda t, x: 1e6j * x, 1.0 + 0j),  # fast, but to be followed
        (lambda t, x: np.stack([x[:, 1], -1e12 * x[:, 0]], axis=1), [[1.0, 0.0]]),
        (lambda t, x: 0.1 * x, 1.0),
    ):
        found = solve(f, x0, [0.0, 1e3], method=method, max_steps=20)
        assert found.status == "max_steps"
        assert "the steps are steady" in found.message
        assert "stiff" not in found.message


@adaptive
@shared_or_not
def test_noise_is_called_noise(method: Any, batch: Any) -> None:
    rng = np.random.default_rng(0)
    found = solve(
        lambda t, x: rng.standard_normal(x.shape), 0.0, [0.0, 1.0], method=method, batch=batch, max_steps=300
    )
    assert found.status == "max_steps"
    assert "f is noisy or discontinuous there" in found.message


def test_the_hint_costs_rows_nothing_and_survives_an_f_that_fails() -> None:
    """The evaluations of the hint count as calls, not for a row; an exception in it is no one's."""
    calls: list[None] = []

    def f(t: Any, x: Any) -> Any:
        calls.append(None)
        if len(calls) > limit:
            raise RuntimeError("enough")
        return -1e6 * x

    limit = 10**6
    found = solve(f, 1.0, [0.0, 1.0], max_steps=500)
    assert "is stiff" in found.message
    assert len(calls) == found.stats["calls"] > found.stats["evaluations"][0]
    limit = int(found.stats["evaluations"][0]) + 3
    calls.clear()
    again = solve(f, 1.0, [0.0, 1.0], max_steps=500)
    assert again.status == "max_steps"
    assert "may be stiff" in again.message
    np.testing.assert_array_equal(again.stats["evaluations"], found.stats["evaluations"])


@adaptive
@shared_or_not
def test_sliding_and_jumps(method: Any, batch: Any) -> None:
    slide = solve(lambda t, x: np.sign(0.5 - x), 0.0, [0.0, 1.0], method=method, batch=batch, max_steps=500)
    assert slide.status in ("max_steps", "step_too_small")
    jump = solve(
        lambda t, x: np.where(at(t) < 0.3, 1.0, -2.0) + 0 * x, 0.0, [0.0, 1.0], method=method, batch=batch
    )
    np.testing.assert_allclose(jump.x[-1], 0.3 - 2 * 0.7, atol=1e-3)


@pytest.mark.parametrize("method", FIXED, ids=lambda m: m.name)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_bad_start_takes_two_calls_at_most(method: Any, bad: float) -> None:
    for options in ({"substeps": 3}, {}, {"batch": "shared"}):
        calls: list[None] = []

        def f(t: Any, x: Any, calls: list[None] = calls) -> Any:
            calls.append(None)
            return x * bad

        found = solve(f, 1.0, [0.0, 1.0], method=method, **options)
        assert (found.status, len(found.t)) == ("nonfinite", 1)
        assert len(calls) <= 2


@adaptive
def test_a_bad_trial_stage_is_a_shorter_step(method: Any) -> None:
    """x = (1 - t/2)^2 is positive, but a long step leaves the domain of the root."""
    found = solve(lambda t, x: -np.sqrt(x), 1.0, [0.0, 1.9], method=method, first_step=1.9)
    np.testing.assert_allclose(found.x[-1], 0.05**2, atol=1e-5)
    assert found.stats["rejected"][0] > 0


@pytest.mark.parametrize("method", FIXED, ids=lambda m: m.name)
@pytest.mark.parametrize("size", [1e-300, 5e-324, 1e300, 0.0])
def test_extreme_sizes(method: Any, size: float) -> None:
    options = {"rtol": 1e-6, "atol": 0.0} if method in METHODS else {"substeps": 400}
    found = solve(lambda t, x: -x, size, [0.0, 1.0], method=method, **options)
    np.testing.assert_allclose(found.x[-1], size / math.e, rtol=2e-3, atol=1e-323)


@adaptive
def test_mixed_sizes(method: Any) -> None:
    x0 = np.array([[1e-300, 1e300, 1.0, 0.0]])
    found = solve(lambda t, x: -x, x0, [0.0, 1.0], method=method, atol=0.0)
    np.testing.assert_allclose(found.x[-1], x0 / math.e, rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-290, 1e-100, 1e-12, 1e12, 1e100, 1e290])
@adaptive
def test_the_unit_of_time_does_not_matter(method: Any, scale: float) -> None:
    """The same problem in years and in seconds: the same steps."""
    plain = solve(lambda t, x: 1 - x, [[2.0, 0.0]], [0.0, 1.0], method=method)
    found = solve(lambda t, x: (1 - x) / scale, [[2.0, 0.0]], [0.0, scale], method=method)
    squares = 1e-150 < scale < 1e150  # beyond, those of the slopes overflow, and the first step is a guess
    np.testing.assert_allclose(found.x, plain.x, rtol=1e-12 if squares else 1e-5)
    if squares:
        np.testing.assert_array_equal(found.stats["evaluations"], plain.stats["evaluations"])
    zero = solve(lambda t, x: (1 - x) / scale, 0.0, [0.0, scale], method=method)
    np.testing.assert_allclose(zero.x[-1], 1 - 1 / math.e, rtol=1e-5)
    assert zero.stats["steps"][0] < 90


@pytest.mark.parametrize("method", FIXED, ids=lambda m: m.name)
def test_degenerate_sizes(method: Any) -> None:
    for options in ({}, {"substeps": 2}):
        assert solve(lambda t, x: -x, np.ones((0, 2)), [0.0, 1.0], method=method, **options).x.shape == (
            2,
            0,
            2,
        )
        assert solve(lambda t, x: -x, np.ones((2, 0)), [0.0, 1.0], method=method, **options).x.shape == (
            2,
            2,
            0,
        )
        assert solve(lambda t, x: -x, 1.0, [0.5], method=method, **options).x.tolist() == [[[1.0]]]


@pytest.mark.parametrize("method", FIXED, ids=lambda m: m.name)
def test_the_environment_does_not_matter(method: Any) -> None:
    """Error settings of NumPy, read-only and strided inputs: the same bits, and the input as it was."""
    base = np.linspace(0.1, 1.2, 12).reshape(3, 4)
    base.flags.writeable = False
    view, before = base[::-1, ::2], base.copy()

    def f(t: Any, x: Any) -> Any:
        return -np.sqrt(x) + 1e-3 / (x - x.min())

    options = {} if method in METHODS else {"substeps": 7}
    plain = solve(lambda t, x: -np.sqrt(x), view.copy(), [0.0, 0.4], method=method, **options)
    with np.errstate(all="raise"):
        strict = solve(lambda t, x: -np.sqrt(x), view, [0.0, 0.4], method=method, **options)
        solve(f, view, [0.0, 0.4], method=method, **options)  # divides by zero at once: no exception
    np.testing.assert_array_equal(plain.x, strict.x)
    np.testing.assert_array_equal(base, before)


@pytest.mark.parametrize("method", FIXED, ids=lambda m: m.name)
def test_an_exception_of_f_passes_with_its_time(method: Any) -> None:
    for kind in (ArithmeticError, KeyboardInterrupt):

        def f(t: Any, x: Any, kind: Any = kind) -> Any:
            if np.max(t) > 0.4:
                raise kind("mine")
            return -x

        with pytest.raises(kind, match="mine") as caught:
            solve(f, 1.0, [0.0, 1.0], method=method, **({} if method in METHODS else {"substeps": 9}))
        if kind is ArithmeticError:
            assert "raised by f(t, x) at t=" in caught.value.__notes__[0]


@adaptive
def test_a_failure_that_is_raised_carries_the_same_solution(method: Any) -> None:
    arguments = (lambda t, x: x * x, np.ones((2, 1)), [0.0, 0.5, 3.0])
    quiet = ode.solve(*arguments, method=method, on_failure="return")
    with pytest.raises(SolveError, match="blows up near t=1") as caught:
        ode.solve(*arguments, method=method)
    np.testing.assert_array_equal(caught.value.solution.x, quiet.x)
    assert quiet.row_status == ("blow_up", "blow_up")
