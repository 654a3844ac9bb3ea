"""The recurrence: channels, outputs, states carried on."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath import statespace as ss


def test_channels_and_outputs(discrete, xp):
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


def test_a_state_carries_a_run_on(discrete, xp):
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


def test_a_batch_is_its_runs(discrete, xp):
    rng = np.random.default_rng(5)
    system, u = discrete(4, 0.2, rng, outputs=2), rng.standard_normal((2, 9, 3))
    state, K = rng.standard_normal((2, 3, 4)), rng.standard_normal((3, 4))
    y = xp.numpy(ss.simulate(system, xp.asarray(u), state=xp.asarray(state)))
    z = xp.numpy(ss.convolve(xp.asarray(u), xp.asarray(K)))
    shared = xp.numpy(ss.convolve(xp.asarray(u[:, :, :1]), xp.asarray(K)))
    assert (y.shape, z.shape, shared.shape) == ((2, 9, 3, 2), (2, 9, 3), (2, 9, 3))
    for run in range(2):
        np.testing.assert_allclose(y[run], ss.simulate(system, u[run], state=state[run]), atol=1e-14)
        np.testing.assert_allclose(z[run], ss.convolve(u[run], K), atol=1e-14)
        np.testing.assert_allclose(shared[run], ss.convolve(u[run, :, 0], K), atol=1e-14)


def test_float32_follows_the_signal(discrete, xp):
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


def test_no_channels_give_no_channels(discrete, xp):
    system = discrete(4, 0.2, np.random.default_rng(3))
    empty = xp.asarray(np.zeros((5, 0)))
    assert ss.simulate(system, empty).shape == (5, 0)
    assert ss.convolve(empty, xp.asarray(np.ones(3))).shape == (5, 0)
    assert ss.memorize(ss.legs(3), empty).shape == (5, 0, 3)
    assert ss.project(ss.legs(3), empty).shape == (0, 3)


def test_refusals(discrete):
    system = discrete(3, 0.1, np.random.default_rng(0))
    u = np.ones(4)
    with pytest.raises(ValueError, match=r"state must have shape \(3,\) or \(1, 3\); got \(2,\)"):
        ss.simulate(system, u, state=np.ones(2))
    with pytest.raises(ValueError, match=r"state must be finite; state\[0\] is nan"):
        ss.simulate(system, u, state=np.full(3, np.nan))
    for bad, message in ((np.ones(0), "at least one sample"), (np.ones((2, 2, 2, 2)), "u must have shape")):
        with pytest.raises(ValueError, match=message):
            ss.simulate(system, bad)
