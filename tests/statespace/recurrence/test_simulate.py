"""The recurrence: channels, outputs, states carried on."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

import diffmath as dm
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


@given(
    order=st.integers(1, 9),
    samples=st.integers(64, 300),
    channels=st.integers(1, 3),
    outputs=st.sampled_from([None, 1, 3]),
    seed=st.integers(0, 2**32 - 1),
)
def test_blocks_step_convolution_and_dlsim_agree(discrete, order, samples, channels, outputs, seed):
    """T11, with SciPy's lag: its state is one sample behind, so its outputs are (C A, C B + D)."""
    rng = np.random.default_rng(seed)
    system = discrete(order, 0.1, rng, D=0.5 if outputs is None else 0.0, outputs=outputs)
    u = rng.standard_normal((samples, channels))
    state = rng.standard_normal((channels, order))
    y = ss.simulate(system, u)
    # Some hundred steps of a stable system, some eps each.
    np.testing.assert_allclose(one_by_one(system, u)[0], y, atol=1e-12)
    np.testing.assert_allclose(
        one_by_one(system, u, state)[0], ss.simulate(system, u, state=state), atol=1e-12
    )
    if outputs is None:
        np.testing.assert_allclose(ss.convolve(u, ss.kernel(system, samples)), y, atol=1e-12)
    C, D = np.atleast_2d(system.C), np.atleast_1d(system.D)
    lagged = (system.A, system.B[:, None], C @ system.A, (C @ system.B + D)[:, None], system.dt)
    _, peer, _ = scipy.signal.dlsim(lagged, u[:, 0])
    np.testing.assert_allclose(peer.reshape(y[:, 0].shape), y[:, 0], atol=1e-12)


def one_by_one(system, u, x=0.0):
    """The definition: the outputs and the last state."""
    x, outputs = np.zeros((u.shape[1], system.order)) + x, []
    for sample in u:
        x = x @ system.A.T + sample[:, None] * system.B
        outputs.append(x @ np.atleast_2d(system.C).T + sample[:, None] * system.D)
    y = np.stack(outputs)
    return (y[..., 0] if system.C.ndim == 1 else y), x


@pytest.mark.parametrize("samples", [1, 63, 64, 65, 128, 129, 1000])
def test_chunks_carry_the_state_on(discrete, samples, xp):
    """A long run in parts, with `advance` between them, is the run."""
    rng = np.random.default_rng(samples)
    system, u = discrete(6, 0.1, rng), rng.standard_normal((2, samples + 150, 2))
    first, rest = xp.asarray(u[:, :samples]), xp.asarray(u[:, samples:])
    state = ss.advance(system, first)
    assert state.shape == (2, 2, 6)
    flat = np.moveaxis(u, 0, 1).reshape(samples + 150, 4)
    exact, last = one_by_one(system, flat)
    y = [xp.numpy(ss.simulate(system, first)), xp.numpy(ss.simulate(system, rest, state=state))]
    joined = np.moveaxis(np.concatenate(y, axis=1), 0, 1).reshape(exact.shape)
    np.testing.assert_allclose(joined, exact, atol=1e-12)  # some eps for each of 1150 steps
    end = xp.numpy(ss.advance(system, rest, state=state))
    np.testing.assert_allclose(end.reshape(4, 6), last, atol=1e-12)
    assert ss.advance(system, xp.asarray(u[0, :, 0])).shape == (6,)


def test_parts_in_parallel_join_by_powers(discrete):
    """Every part from zero; the states join as x' = A^T x + v."""
    system = discrete(6, 0.1, np.random.default_rng(0))
    u = np.random.default_rng(1).standard_normal((4, 100))
    parts = ss.advance(system, u.T)  # channels: all parts at once
    leap, x = np.linalg.matrix_power(system.A, 100), np.zeros(6)
    for part in parts:
        x = leap @ x + part
    np.testing.assert_allclose(x, ss.advance(system, u.reshape(-1)), atol=1e-13)


def test_powers_that_overflow_leave_it_to_the_recurrence():
    """A^64 is beyond float64, but nothing excites it before the last samples."""
    unstable = ss.StateSpace(np.array([[1e10]]), np.ones(1), C=np.ones(1), dt=1.0)
    u = np.zeros(10_000)
    u[-3:] = 1.0
    np.testing.assert_allclose(ss.simulate(unstable, u)[-4:], [0.0, 1.0, 1e10, 1e20], rtol=1e-9)
    np.testing.assert_allclose(ss.advance(unstable, u), [1e20], rtol=1e-9)
    with pytest.raises(dm.SolveError, match="the output is not finite from sample 31 on") as caught:
        ss.simulate(unstable, np.ones(500))
    assert caught.value.solution.x.shape == (31, 1, 1)
    with pytest.raises(dm.SolveError, match="the state is not finite from sample 499 on"):
        ss.advance(unstable, np.ones(500))


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
    with pytest.raises(ValueError, match="advance takes a discrete system"):
        ss.advance(ss.legs(3), u)
    with pytest.raises(ValueError, match=r"state must have shape \(3,\) or \(1, 3\); got \(2,\)"):
        ss.simulate(system, u, state=np.ones(2))
    with pytest.raises(ValueError, match=r"state must be finite; state\[0\] is nan"):
        ss.simulate(system, u, state=np.full(3, np.nan))
    for bad, message in ((np.ones(0), "at least one sample"), (np.ones((2, 2, 2, 2)), "u must have shape")):
        with pytest.raises(ValueError, match=message):
            ss.simulate(system, bad)
