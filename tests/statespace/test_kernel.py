"""Kernel, convolution and recurrence are three ways to one sequence of numbers."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

import diffmath as dm
from diffmath import statespace as ss


def discrete(order, dt, rng, D=0.0, outputs=None):
    C = rng.standard_normal(order if outputs is None else (outputs, order))
    return ss.bilinear(ss.legs(order).with_output(C, D), dt)


@given(
    order=st.integers(1, 40),
    samples=st.integers(1, 200),
    dt=st.floats(1e-3, 1.0),
    D=st.floats(-2, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_convolution_is_recurrence_is_dlsim(order, samples, dt, D, seed):
    rng = np.random.default_rng(seed)
    system, u = discrete(order, dt, rng, D), rng.standard_normal(samples)
    K = ss.kernel(system, samples)
    y = ss.simulate(system, u)
    # Rounding is relative to |u| |K|, over which each output sums; 1e-13 is some hundred eps.
    tolerance = 1e-13 * order * (1 + np.linalg.norm(u) * np.linalg.norm(K))
    np.testing.assert_allclose(ss.convolve(u, K), y, atol=tolerance)
    np.testing.assert_allclose(ss.kernel(system, samples, method="powers"), K, atol=tolerance)
    np.testing.assert_allclose(ss.kernel(system, samples, method="doubling"), K, atol=tolerance)
    np.testing.assert_allclose(ss.simulate(system, np.eye(1, samples)[0]), K, atol=tolerance)
    lagged = (system.A, system.B[:, None], (system.C @ system.A)[None], system.C @ system.B + system.D, dt)
    if samples > 1:  # dlsim interpolates, and wants two samples
        np.testing.assert_allclose(scipy.signal.dlsim(lagged, u)[1][:, 0], y, atol=tolerance)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 31, 64, 65, 1000])
@pytest.mark.parametrize("outputs", [None, 1, 3])
def test_doubling_is_powers_at_every_length(length, outputs):
    system = discrete(9, 0.05, np.random.default_rng(0), D=0.3, outputs=outputs)
    doubled = ss.kernel(system, length, method="doubling")
    assert doubled.shape == ((length,) if outputs is None else (outputs, length))
    # A few eps of a kernel of norm about 10, with n = 9 terms to a sum.
    np.testing.assert_allclose(doubled, ss.kernel(system, length, method="powers"), atol=1e-13)


def test_kernel_tends_to_the_continuous_one_at_first_order():
    """K_j / dt -> C e^{tA} B, first order because the held input is half a step late."""
    C = np.array([1.0, -0.5, 0.25])
    legs = ss.legs(3).with_output(C)
    exact = C @ scipy.linalg.expm(legs.A) @ legs.B
    steps = 2 ** np.arange(6, 12)
    errors = [abs(ss.kernel(ss.bilinear(legs, 1 / n), n + 1)[-1] * n - exact) for n in steps]
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 1.0, atol=0.15)


def test_program_b(xp):
    """The design's program, on every backend."""
    grid = np.linspace(0, 1, 1000)
    u = xp.asarray(np.sin(8 * grid) + 0.5 * np.cos(21 * grid))
    C = xp.asarray(np.random.default_rng(0).standard_normal(64))
    system = ss.bilinear(ss.legs(64).with_output(C), 1 / 1024)
    K = ss.kernel(system, 1024)
    y, y_rec = xp.numpy(ss.convolve(u, K)), xp.numpy(ss.simulate(system, u))
    assert (y.shape, y_rec.shape, K.shape) == ((1000,), (1000,), (1024,))
    np.testing.assert_allclose(y, y_rec, atol=1e-13)  # some hundred eps of values below 1


def test_float32_follows_the_signal(xp):
    rng = np.random.default_rng(1)
    system, u = discrete(8, 0.01, rng), rng.standard_normal((50, 2))
    u32 = xp.asarray(u, "float32")
    y = xp.numpy(ss.simulate(system, u32))
    K = xp.asarray(ss.kernel(system, 50), "float32")
    assert y.dtype == np.float32
    assert xp.numpy(ss.convolve(u32, K)).dtype == np.float32
    exact = ss.simulate(system, u)
    # 1e-5: about a hundred eps of float32 for outputs of size 1.
    np.testing.assert_allclose(y, exact, atol=1e-5)
    np.testing.assert_allclose(xp.numpy(ss.convolve(u32, K)), exact, atol=1e-5)


def test_channels_and_outputs(xp):
    rng = np.random.default_rng(2)
    one, two = discrete(5, 0.1, rng, D=1.0), discrete(5, 0.1, rng, D=0.5, outputs=2)
    u = rng.standard_normal((30, 3))
    y = xp.numpy(ss.simulate(one, xp.asarray(u)))
    z = xp.numpy(ss.simulate(two, xp.asarray(u)))
    assert (y.shape, z.shape) == ((30, 3), (30, 3, 2))
    for channel in range(3):  # the channels do not meet: only the order of summation differs
        np.testing.assert_allclose(y[:, channel], ss.simulate(one, u[:, channel]), atol=1e-14)
        np.testing.assert_allclose(z[:, channel], ss.simulate(two, u[:, channel]), atol=1e-14)
    K = ss.kernel(two, 30)
    by_output = xp.numpy(ss.convolve(xp.asarray(u[:, 0]), xp.asarray(K)))
    np.testing.assert_allclose(by_output, z[:, 0], atol=1e-13)
    by_channel = xp.numpy(ss.convolve(xp.asarray(u[:, :2]), xp.asarray(K)))
    np.testing.assert_allclose(by_channel, np.stack([z[:, 0, 0], z[:, 1, 1]], axis=1), atol=1e-13)
    np.testing.assert_allclose(
        xp.numpy(ss.convolve(xp.asarray(u), xp.asarray(ss.kernel(one, 30)))), y, atol=1e-13
    )


def test_convolution_is_causal_and_linear_not_circular():
    u, K = np.arange(1.0, 8.0), np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(ss.convolve(u, K), np.convolve(u, K)[:7], atol=1e-13)
    np.testing.assert_allclose(ss.convolve(K, u), np.convolve(u, K)[:3], atol=1e-13)
    np.testing.assert_array_equal(ss.convolve(np.array([2.0]), np.array([3.0])), [6.0])


def test_a_state_carries_a_run_on(xp):
    """The state after the first part is the memory that makes the second part continue."""
    rng = np.random.default_rng(3)
    system, u = discrete(4, 0.2, rng), rng.standard_normal(20)
    states = ss.StateSpace(system.A, system.B, C=np.eye(4), dt=system.dt)
    at_ten = ss.simulate(states, u[:10])[-1]
    rest = xp.numpy(ss.simulate(system, xp.asarray(u[10:]), state=xp.asarray(at_ten)))
    np.testing.assert_allclose(rest, ss.simulate(system, u)[10:], atol=1e-14)
    both = ss.simulate(system, np.stack([u[10:], u[:10]], axis=1), state=np.stack([at_ten, np.zeros(4)]))
    np.testing.assert_allclose(both[:, 0], rest, atol=1e-14)
    np.testing.assert_allclose(both[:, 1], ss.simulate(system, u[:10]), atol=1e-14)


def test_no_channels_give_no_channels(xp):
    system = discrete(4, 0.2, np.random.default_rng(3))
    empty = xp.asarray(np.zeros((5, 0)))
    assert ss.simulate(system, empty).shape == (5, 0)
    assert ss.convolve(empty, xp.asarray(np.ones(3))).shape == (5, 0)
    assert ss.memorize(ss.legs(3), empty).shape == (5, 0, 3)
    assert ss.project(ss.legs(3), empty).shape == (0, 3)


@pytest.mark.parametrize("method", ["powers", "doubling"])
def test_an_unstable_system_is_reported_with_its_valid_part(method):
    """A geometric series of ratio 2 leaves float64 at lag 1024, whichever way it is computed."""
    system = ss.StateSpace(np.array([[2.0]]), np.ones(1), C=np.ones(1), dt=1.0)
    np.testing.assert_array_equal(ss.kernel(system, 1000, method=method), 2.0 ** np.arange(1000))
    with pytest.raises(
        dm.SolveError, match="not finite from sample 1024 on: the system is unstable"
    ) as caught:
        ss.kernel(system, 1100, method=method)
    assert caught.value.solution.x.shape[0] == 1024
    with pytest.raises(dm.SolveError, match="the output is not finite from sample 1024") as caught:
        ss.simulate(system, np.eye(1, 1100)[0])
    np.testing.assert_array_equal(caught.value.solution.x[:, 0, 0], 2.0 ** np.arange(1024))
    with pytest.raises(dm.SolveError, match="the convolution is not finite"):
        ss.convolve(np.full(3, 1e300), np.full(3, 1e300))


def test_refusals():
    legs = ss.legs(3)
    system = discrete(3, 0.1, np.random.default_rng(0))
    u = np.ones(4)
    for call in (lambda s: ss.kernel(s, 4), lambda s: ss.simulate(s, u)):
        with pytest.raises(ValueError, match="continuous: discretise it first"):
            call(legs.with_output(np.ones(3)))
        with pytest.raises(ValueError, match=r"no C: use system\.with_output"):
            call(ss.bilinear(legs, 0.1))
        with pytest.raises(TypeError, match="takes a StateSpace; got int"):
            call(3)
    with pytest.raises(ValueError, match="length must be at least 1; got 0"):
        ss.kernel(system, 0)
    with pytest.raises(TypeError, match="float"):
        ss.kernel(system, 4.0)
    with pytest.raises(ValueError, match=r"method must be one of .* got 'fft'"):
        ss.kernel(system, 4, method="fft")
    with pytest.raises(ValueError, match=r"state must have shape \(3,\) or \(1, 3\); got \(2,\)"):
        ss.simulate(system, u, state=np.ones(2))
    for bad, message in ((np.ones(0), "at least one sample"), (np.ones((2, 2, 2)), "u must have shape")):
        with pytest.raises(ValueError, match=message):
            ss.simulate(system, bad)
    with pytest.raises(ValueError, match=r"u must be finite; u\[1\] is nan"):
        ss.convolve(np.array([0.0, np.nan]), u)
    with pytest.raises(ValueError, match=r"K must have shape \(lags,\)"):
        ss.convolve(u, np.ones((2, 0)))
    with pytest.raises(ValueError, match="K has 3 channels, but u has 2"):
        ss.convolve(np.ones((4, 2)), np.ones((3, 4)))
    with pytest.raises(TypeError, match="K must be an array"):
        ss.convolve(u, [1.0])
