"""The scan: twin, blocks and definition; gates, long decays, carried states."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diffmath as dm
from diffmath import statespace as ss
from diffmath.statespace._recurrence.scan import linear_recurrence


def definition(a, b, x=0.0):
    states = []
    for factor, arriving in zip(a, b, strict=True):
        x = factor * x + arriving
        states.append(x)
    return np.stack(states)


@given(
    samples=st.integers(1, 70),
    channels=st.integers(0, 4),
    is_complex=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_twin_blocks_and_definition_agree(samples, channels, is_complex, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-1, 1, (samples, channels)), rng.standard_normal((samples, channels))
    x = rng.standard_normal(channels)
    if is_complex:
        a, b = a * np.exp(1j * rng.standard_normal((samples, channels))), b + 1j
    a = a * (rng.random(a.shape) > 0.1)  # some gates are shut
    exact = definition(a, b, x)
    # Factors below one: some eps for each of at most 70 states of some units.
    np.testing.assert_allclose(ss.scan(a, b, state=x), exact, atol=1e-13)
    with dm.reference_only():
        np.testing.assert_allclose(ss.scan(a, b, state=x), exact, atol=1e-13)
        np.testing.assert_allclose(ss.scan(a, b), definition(a, b), atol=1e-13)


def test_the_twin_is_the_one_that_runs():
    ones = np.ones((3, 1))
    twin = linear_recurrence.kernel_for(ones, ones, ones[0])
    assert twin is not None
    assert twin.__module__ == "diffmath.kernels.numba.statespace"


def test_selective_states_on_every_backend(xp):
    """Axes broadcast, parts join, precision is kept, inputs stay as they are."""
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.5, 1, (90, 2, 1, 4)), rng.standard_normal((90, 2, 3, 4))
    x = xp.numpy(ss.scan(xp.asarray(a), xp.asarray(b)))
    np.testing.assert_allclose(x, definition(a, b), atol=1e-13)  # ninety steps, some eps each
    rest = ss.scan(xp.asarray(a[40:]), xp.asarray(b[40:]), state=xp.asarray(x[39]))
    np.testing.assert_allclose(xp.numpy(rest), x[40:], atol=1e-13)
    single = xp.numpy(ss.scan(xp.asarray(a, "float32"), xp.asarray(b, "float32")))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, x, atol=1e-4)  # a hundred eps of float32 on states below ten
    assert xp.numpy(ss.scan(xp.asarray([1, 2], "int32"), xp.asarray([3, 4], "int32"))).tolist() == [3, 10]


def test_a_fixed_factor_is_simulate():
    """T11 for a diagonal system: the scan is the recurrence."""
    rng, a = np.random.default_rng(1), np.array([0.9, -0.5, 0.2])
    u, B, C = rng.standard_normal(500), rng.standard_normal(3), rng.standard_normal(3)
    x = ss.scan(np.broadcast_to(a, (500, 3)), u[:, None] * B)
    system = ss.StateSpace(np.diag(a), B, C=C, dt=1.0)
    np.testing.assert_allclose(x @ C, ss.simulate(system, u), atol=1e-12)  # 500 steps, some eps each
    np.testing.assert_allclose(x[-1], ss.advance(system, u), atol=1e-12)


@pytest.mark.parametrize("twins", [True, False])
def test_products_may_underflow_or_overflow(twins):
    """Where a sum divided by products of factors gives nan: 0.1^4000 = 0, and 10^1000 = inf on zeros."""
    ones, zeros = np.ones(4000), np.zeros(1000)
    zeros[-2:] = 1.0

    def run():
        np.testing.assert_allclose(ss.scan(0.1 * ones, ones)[-1], 1 / 0.9, rtol=1e-14)
        np.testing.assert_array_equal(ss.scan(10.0 * np.ones(1000), zeros)[-3:], [0.0, 1.0, 11.0])
        # The factors of one block of 32 overflow, too.
        np.testing.assert_array_equal(ss.scan(1e20 * np.ones(1000), zeros)[-3:], [0.0, 1.0, 1e20])
        with pytest.raises(dm.SolveError, match="the scan is not finite from sample 308 on") as caught:
            ss.scan(10.0 * np.ones(1000), np.ones(1000) * 5.0)
        assert caught.value.solution.x.shape == (308, 1)

    run() if twins else dm.reference_only()(run)()


def test_refusals():
    ones = np.ones((4, 2))
    with pytest.raises(
        ValueError, match=r"a and b must have shape \(samples, ...\), as many axes and samples"
    ):
        ss.scan(np.ones(4), ones)
    with pytest.raises(ValueError, match="must broadcast"):
        ss.scan(np.ones((4, 3)), ones)
    with pytest.raises(ValueError, match="at least one sample"):
        ss.scan(np.ones((0, 2)), np.ones((0, 2)))
    with pytest.raises(ValueError, match=r"state must have shape \(2,\); got \(3,\)"):
        ss.scan(ones, ones, state=np.ones(3))
    with pytest.raises(ValueError, match="b must be finite"):
        ss.scan(ones, np.full((4, 2), np.nan))
    with pytest.raises(TypeError, match="a must be an array"):
        ss.scan([1.0], np.ones(1))


def test_one_factor_may_serve_no_channels(xp):
    states = ss.scan(xp.asarray(np.ones((5, 1))), xp.asarray(np.ones((5, 0))))
    assert tuple(states.shape) == (5, 0)
