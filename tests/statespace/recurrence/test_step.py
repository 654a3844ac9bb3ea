"""One sample at a time is the run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diffmath as dm
from diffmath import statespace as ss


def stream(system, u, state=None):
    """Step over u, time first."""
    outputs = []
    for sample in u:
        y, state = ss.step(system, sample, state)
        outputs.append(y)
    return np.stack(outputs), state


@given(
    order=st.integers(1, 20),
    samples=st.integers(1, 150),
    outputs=st.sampled_from([None, 1, 3]),
    channels=st.sampled_from([None, 1, 4]),
    seed=st.integers(0, 2**32 - 1),
)
def test_steps_are_the_run_and_the_convolution(discrete, order, samples, outputs, channels, seed):
    rng = np.random.default_rng(seed)
    system = (
        discrete(order, 0.1, rng, D=0.5, outputs=outputs)
        if outputs is None
        else discrete(order, 0.1, rng, outputs=outputs)
    )
    u = rng.standard_normal(samples if channels is None else (samples, channels))
    y, state = stream(system, u)
    # Some hundred steps of a stable system, some eps each.
    np.testing.assert_allclose(y, ss.simulate(system, u), atol=1e-12)
    np.testing.assert_allclose(state, ss.advance(system, u), atol=1e-12)
    if outputs is None:
        np.testing.assert_allclose(y, ss.convolve(u, ss.kernel(system, samples)), atol=1e-12)
    more = rng.standard_normal(u.shape)
    np.testing.assert_allclose(
        stream(system, more, state)[0], ss.simulate(system, more, state=state), atol=1e-12
    )


def test_batches_and_backends(discrete, xp):
    rng = np.random.default_rng(0)
    system, u = discrete(6, 0.1, rng, outputs=2), rng.standard_normal((3, 2, 4))
    x0 = rng.standard_normal((2, 4, 6))
    for dtype, tolerance in (("float64", 1e-14), ("float32", 1e-5)):
        state = xp.asarray(x0, dtype)
        for k in range(3):
            y, state = ss.step(system, xp.asarray(u[k], dtype), state)
        assert (y.shape, state.shape) == ((2, 4, 2), (2, 4, 6))
        assert xp.numpy(y).dtype == xp.numpy(state).dtype == dtype
        whole = np.moveaxis(u, 0, 1)
        expected = ss.simulate(system, whole, state=x0)[:, -1]
        np.testing.assert_allclose(xp.numpy(y), expected, atol=10 * tolerance)
        np.testing.assert_allclose(xp.numpy(state), ss.advance(system, whole, state=x0), atol=10 * tolerance)
    y, state = ss.step(system, xp.asarray(1.0))
    assert (y.shape, state.shape) == ((2,), (6,))
    assert ss.step(system, xp.asarray(np.zeros(0)))[0].shape == (0, 2)


@pytest.mark.parametrize("rule", [ss.bilinear, ss.backward_euler])
@pytest.mark.parametrize("order", [767, 769])
def test_many_waves_step_by_their_blocks(order, rule):
    """On both sides of the order at which the blocks take over."""
    rng = np.random.default_rng(0)
    system = rule(ss.fout(order).with_output(rng.standard_normal(order)), 0.01)
    u = rng.standard_normal((70, 2))
    y, state = stream(system, u)
    # n eps of outputs of size 20.
    np.testing.assert_allclose(y, ss.simulate(system, u), atol=2e-11)
    np.testing.assert_allclose(state, ss.advance(system, u), atol=1e-12)


def test_an_unstable_system_is_reported():
    grows = ss.StateSpace(np.array([[1e200]]), np.ones(1), C=np.ones(1), dt=1.0)
    _, state = ss.step(grows, np.ones(1))
    _, state = ss.step(grows, np.ones(1), state)
    with pytest.raises(
        dm.SolveError, match="the state is not finite from sample 0 on: the system is unstable"
    ):
        ss.step(grows, np.ones(1), state)


def test_refusals(discrete):
    system = discrete(3, 0.1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="step takes a discrete system"):
        ss.step(ss.legs(3), np.ones(1))
    with pytest.raises(ValueError, match="step needs an output"):
        ss.step(ss.bilinear(ss.legs(3), 0.1), np.ones(1))
    with pytest.raises(TypeError, match="u must be an array"):
        ss.step(system, 1.0)
    with pytest.raises(ValueError, match=r"u must have shape \(\), \(channels,\)"):
        ss.step(system, np.ones((1, 1, 1)))
    with pytest.raises(ValueError, match="u must be finite"):
        ss.step(system, np.array([np.nan]))
    with pytest.raises(ValueError, match=r"state must have shape \(3,\) or \(2, 3\); got \(3, 3\)"):
        ss.step(system, np.ones(2), np.ones((3, 3)))
