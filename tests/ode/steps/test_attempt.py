"""Which code tries a step: kernels, plain numbers, or the method itself; the times that it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import ode, reference_only
from diffmath._stepping.tolerance import Tolerance
from diffmath._stepping.trial import SlopeState
from diffmath.ode._steps.attempt import DeviceMask, make_attempt, send
from diffmath.ode._steps.host import KernelAttempt
from diffmath.ode._steps.small import SmallAttempt

TOLERANCE = Tolerance(1e-4, 1e-7)


def kind(method: Any, x: Any) -> Any:
    return type(make_attempt(lambda t, x: -x, method, x, TOLERANCE, False))


def test_the_fastest_code_that_serves_the_arrays_is_taken(xp: Any) -> None:
    pytest.importorskip("numba")
    on_host = xp.name in ("numpy", "numpy-readonly")
    small, large = xp.asarray(np.ones((1, 2))), xp.asarray(np.ones((3, 7)))
    assert (kind(ode.dopri5, small) is SmallAttempt) == on_host
    assert (kind(ode.dopri5, large) is KernelAttempt) == on_host
    with reference_only():
        assert (kind(ode.dopri5, small) is SmallAttempt) == on_host
        assert kind(ode.dopri5, large) not in (SmallAttempt, KernelAttempt)
    assert kind(ode.kvaerno3, large) not in (SmallAttempt, KernelAttempt)


@pytest.mark.parametrize("own_clocks", [False, True])
def test_a_method_is_given_the_time_and_the_step(xp: Any, own_clocks: bool) -> None:
    """x' = t by Heun's rule, tried by the method itself: exact, and its error is half of dt^2."""

    class Heun:
        order, embedded_order = 2, 1

        def step(self, f: Any, t: Any, x: Any, dt: Any) -> Any:
            return x + dt * (f(t, x) + f(t + dt, x)) / 2

        def step_with_error(self, f: Any, t: Any, x: Any, dt: Any, slope: Any = None) -> Any:
            return self.step(f, t, x, dt), dt * (f(t + dt, x) - f(t, x)) / 2, None

    times, steps = np.array([1.0, 2.0]), np.array([0.5, 0.25])
    if not own_clocks:
        times, steps = times[[0, 0]], steps[[0, 0]]
    x = xp.asarray(np.zeros((2, 3)))
    attempt = make_attempt(lambda t, x: t + 0.0 * x, Heun(), x, Tolerance(0.0, 1.0), own_clocks)  # type: ignore[arg-type]
    found = attempt(times[: 1 + own_clocks], steps[: 1 + own_clocks], x, SlopeState())
    np.testing.assert_allclose(xp.numpy(found.x)[:, 1], times * steps + steps**2 / 2, rtol=1e-15)
    np.testing.assert_allclose(found.error, steps**2 / 2, rtol=1e-15)


def test_times_are_sent_as_a_number_or_one_per_row(xp: Any) -> None:
    x, values = xp.asarray(np.zeros((2, 3, 1)), "float32"), np.array([1.5, 2.5])
    sent = send(values, x, True)
    assert sent.shape == (2, 1, 1)
    assert sent.dtype == x.dtype
    np.testing.assert_array_equal(xp.numpy(sent).ravel(), values)
    assert send(values[:1], x, False) == 1.5
    assert type(send(values[:1], x, False)) is float


def test_a_mask_is_sent_again_only_when_it_has_changed(xp: Any) -> None:
    mask, x, sent = np.array([True, False]), xp.asarray(np.zeros((2, 1))), DeviceMask()
    first = sent(mask, x)
    assert sent(mask.copy(), x) is first
    mask[1] = True
    np.testing.assert_array_equal(xp.numpy(sent(mask, x)), [True, True])
    np.testing.assert_array_equal(xp.numpy(first), [True, False])
