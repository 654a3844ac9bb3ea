"""Events at irregular times: exact between them, in three readings of what an event is."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diffmath as dm
from diffmath import statespace as ss


def _times(rng, samples):
    times = 2.0 + np.cumsum(rng.exponential(0.3, samples))
    times[samples // 2] = times[samples // 2 - 1]  # two events at once
    return times


def _oracle(system, u, times, start, hold, x):
    """Propagate in 40 digits, by the exponential of the block matrix of the state and its input."""
    n, outputs = system.order, []
    with mpmath.workdps(40):
        A, C = mpmath.matrix(system.A.tolist()), mpmath.matrix([system.C.tolist()])
        B, x = (mpmath.matrix([[v] for v in values.tolist()]) for values in (system.B, x))

        def step(g):
            block = mpmath.zeros(n + 1)
            block[:n, :n], block[:n, n] = A, B
            whole = mpmath.expm(g * block)
            return whole[:n, :n], whole[:n, n]

        for now, before, value in zip(times, [start, *times[:-1]], u, strict=True):
            E, held = step(mpmath.mpf(now) - mpmath.mpf(before))
            arriving = (
                {"gap": held, "impulse": B}[hold] if isinstance(hold, str) else step(mpmath.mpf(hold))[1]
            )
            x = E * x + arriving * mpmath.mpf(value)
            outputs.append(float((C * x)[0]) + float(system.D) * value)
    return np.array(outputs)


@pytest.mark.parametrize("hold", ["gap", "impulse", 0.05])
@pytest.mark.parametrize("make", [ss.legs, ss.legt])
def test_the_definition_on_random_gaps(make, hold):
    rng = np.random.default_rng(0)
    system = make(4).with_output(rng.standard_normal(4), 0.0 if hold == "impulse" else 0.5)
    u, times, x = rng.standard_normal(12), _times(rng, 12), rng.standard_normal(4)
    y = ss.simulate_events(system, u, times, start=1.5, hold=hold, state=x)
    np.testing.assert_allclose(y, _oracle(system, u, times, 1.5, hold, x), atol=1e-13)  # some eps a step


@given(
    n=st.integers(1, 6), samples=st.integers(1, 40), dt=st.floats(1e-3, 1.0), seed=st.integers(0, 2**32 - 1)
)
def test_a_grid_is_a_discrete_system(n, samples, dt, seed):
    """Held over the gap: zoh. As impulses: impulse, which multiplies B by dt."""
    rng = np.random.default_rng(seed)
    system, u = ss.legs(n).with_output(rng.standard_normal(n)), rng.standard_normal(samples)
    times, x = 7.0 + dt * np.arange(1, samples + 1), rng.standard_normal(n)
    # The gaps of a grid near 50 are known to 4e-15, and more of a rate of n; forty sums of ten units.
    close = {"rtol": 0, "atol": 1e-12}
    held = ss.simulate_events(system, u, times, start=7.0, state=x)
    np.testing.assert_allclose(held, ss.simulate(ss.zoh(system, dt), u, state=x), **close)
    struck = ss.simulate_events(system, dt * u, times, start=7.0, hold="impulse", state=x)
    np.testing.assert_allclose(struck, ss.simulate(ss.impulse(system, dt), u, state=x), **close)
    own = ss.simulate_events(system, u, times, start=7.0, hold=dt, state=x)
    np.testing.assert_allclose(own, held, **close)


def test_held_to_the_next_event_is_moved_by_one():
    """A sampled signal: u_k on [t_k, t_{k+1}), against a simulation of the steps in small parts."""
    rng = np.random.default_rng(1)
    system = ss.legt(6).with_output(rng.standard_normal(6))
    ticks = np.cumsum(rng.integers(1, 9, 25))
    u, fine = rng.standard_normal(25), 0.02
    steps = np.zeros(ticks[-1])
    for k in range(24):
        steps[ticks[k] : ticks[k + 1]] = u[k]
    everywhere = ss.simulate(ss.zoh(system, fine), steps)
    moved = np.concatenate([[0.0], u[:-1]])
    y = ss.simulate_events(system, moved, fine * ticks, start=0.0)
    np.testing.assert_allclose(y, everywhere[ticks - 1], atol=1e-12)


@pytest.mark.parametrize("hold", ["gap", "impulse", 0.2])
def test_diagonal_systems_by_a_scan(hold):
    """The O(n) route that the docstring names, and the dense one, of one system."""
    rng = np.random.default_rng(2)
    poles, B = ss.s4d_inv(8)
    C, u, times = rng.standard_normal(4) + 1j, rng.standard_normal(50), _times(rng, 50)
    gaps = np.diff(times, prepend=2.0)[:, None]
    a, b = ss.discretize_diagonal(
        poles, gaps if hold == "gap" else hold if hold != "impulse" else 0.0, gap=gaps
    )
    x = ss.scan(a, (B if hold == "impulse" else b * B) * u[:, None])
    dense = ss.simulate_events(ss.modal(poles, B, C), u, times, start=2.0, hold=hold)
    np.testing.assert_allclose(2 * (x @ C).real, dense, atol=1e-12)


def test_an_event_weighs_the_same_after_any_silence():
    """What "async" is for, and the pitfall in which it is not."""
    system = ss.StateSpace(-np.eye(1), np.ones(1), C=np.ones(1))
    times = np.array([0.01, 30.0])
    own = ss.simulate_events(system, np.ones(2), times, start=0.0, hold=0.01)
    assert own[1] == pytest.approx(own[0], rel=1e-12)
    gap = ss.simulate_events(system, np.ones(2), times, start=0.0)
    assert gap[1] > 90 * gap[0]


def test_runs_join_and_channels_are_independent():
    rng = np.random.default_rng(3)
    u, times = rng.standard_normal((2, 30, 3)), _times(rng, 30)
    states = ss.legt(5).with_output(np.eye(5))
    whole = ss.simulate_events(states, u, times, start=0.0)
    assert whole.shape == (2, 30, 3, 5)
    first = ss.simulate_events(states, u[:, :13], times[:13], start=0.0)
    rest = ss.simulate_events(states, u[:, 13:], times[13:], start=times[12], state=first[:, -1])
    np.testing.assert_allclose(np.concatenate([first, rest], axis=1), whole, atol=1e-14)
    np.testing.assert_allclose(
        ss.simulate_events(states, u[1, :, 2], times, start=0.0), whole[1, :, 2], atol=1e-14
    )
    assert ss.simulate_events(states, u[:0], times, start=0.0).shape == (0, 30, 3, 5)


def test_more_events_than_one_block_holds():
    rng = np.random.default_rng(4)
    system = ss.legt(40).with_output(np.ones(40))  # 77 matrices a block
    u, times = rng.standard_normal(200), np.cumsum(rng.exponential(0.1, 200))
    expected = _oracle_by_single_steps(system, u, times)
    np.testing.assert_allclose(ss.simulate_events(system, u, times, start=0.0), expected, atol=1e-11)


def _oracle_by_single_steps(system, u, times):
    x, outputs = np.zeros(system.order), []
    for gap, value in zip(np.diff(times, prepend=0.0), u, strict=True):
        step = ss.zoh(system, float(gap))
        x = step.A @ x + step.B * value
        outputs.append(system.C @ x)
    return np.array(outputs)


def test_backends(xp):
    rng = np.random.default_rng(5)
    u, times = rng.standard_normal((20, 2)), _times(rng, 20)
    system = ss.legs(4).with_output(rng.standard_normal(4))
    for hold in ("gap", "impulse", 0.1):
        expected = ss.simulate_events(system, u, times, start=2.0, hold=hold)
        for dtype in ("float64", "float32"):
            y = ss.simulate_events(system, xp.asarray(u, dtype), times.tolist(), start=2, hold=hold)
            assert xp.numpy(y).dtype == dtype
            np.testing.assert_allclose(xp.numpy(y), expected, atol=200 * np.finfo(dtype).eps)


def test_refusals(xp):
    system, u = ss.legs(2).with_output(np.ones(2)), xp.asarray([1.0, 2.0, 3.0])
    run = ss.simulate_events
    with pytest.raises(ValueError, match="takes a continuous system"):
        run(ss.zoh(system, 0.1), u, [0, 1, 2], start=0.0)
    with pytest.raises(ValueError, match="simulate_events needs an output"):
        run(ss.legs(2), u, [0, 1, 2], start=0.0)
    with pytest.raises(
        ValueError, match=r"times must have shape \(3,\), one for each sample of u; got \(2,\)"
    ):
        run(system, u, [0, 1], start=0.0)
    with pytest.raises(
        ValueError, match=r"times must not decrease; times\[2\]=0.5 comes after times\[1\]=1.0"
    ):
        run(system, u, [0, 1, 0.5], start=0.0)
    with pytest.raises(ValueError, match=r"times must not decrease; times\[0\]=0 comes after start=0.1"):
        run(system, u, [0, 1, 2], start=0.1)
    with pytest.raises(ValueError, match="times must be finite"):
        run(system, u, [0, 1, float("nan")], start=0.0)
    with pytest.raises(TypeError, match="times must be real numbers; got dtype <U1"):
        run(system, u, ["a", "b", "c"], start=0.0)
    with pytest.raises(TypeError, match="start must be a number; got NoneType"):
        run(system, u, [0, 1, 2], start=None)
    with pytest.raises(ValueError, match="hold must be 'gap', 'impulse' or the length of a pulse; got 'zoh'"):
        run(system, u, [0, 1, 2], start=0.0, hold="zoh")
    with pytest.raises(ValueError, match="hold must be greater than 0; got 0"):
        run(system, u, [0, 1, 2], start=0.0, hold=0.0)
    with pytest.raises(ValueError, match="hold='impulse' needs D = 0"):
        run(system.with_output(np.ones(2), 1.0), u, [0, 1, 2], start=0.0, hold="impulse")
    if xp.name not in ("numpy", "numpy-readonly"):
        with pytest.raises(TypeError, match="times must be a list or a NumPy array of host numbers"):
            run(system, u, xp.asarray([0.0, 1.0, 2.0]), start=0.0)


def test_what_grows_is_reported_with_the_samples_before():
    grows = ss.StateSpace(np.eye(1), np.ones(1), C=np.ones(1))
    with pytest.raises(dm.SolveError, match="the output is not finite from sample 2 on") as caught:
        ss.simulate_events(grows, np.ones(4), [1.0, 2.0, 2000.0, 2001.0], start=0.0)
    assert caught.value.solution.x.shape == (2, 1, 1)
