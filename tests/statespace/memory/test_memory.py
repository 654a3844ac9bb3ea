"""Memory: the online recurrence against the exact projection, and three ways to take one step."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

import diffmath as dm
from diffmath import statespace as ss
from diffmath.statespace._measures.log_time import log_time_bilinear


def midpoints(samples):
    return (np.arange(samples) + 0.5) / samples


def dense_bilinear(system, h):
    """The definition, which `memorize` does not recognise: it takes the generic path."""
    return ss.bilinear(system, h)


def exact_step(system, h):
    """Zero-order hold: the exponential of [[A, B], [0, 0]]."""
    n = system.order
    block = np.zeros((n + 1, n + 1))
    block[:n, :n], block[:n, n] = system.A, system.B
    exponential = scipy.linalg.expm(h * block)
    return ss.StateSpace(exponential[:n, :n], exponential[:n, n], dt=h)


@pytest.mark.parametrize(("order", "tolerance"), [(1, 1e-14), (8, 1e-13), (32, 1e-12)])
def test_exact_steps_give_the_projection(order, tolerance):
    """LegS truncates nothing: with exact steps the memory is the projection, for any signal.

    The tolerance is the rounding of the dense exponentials, about eps |A| with |A| about order^2.
    """
    u = np.random.default_rng(order).standard_normal((60, 2))
    legs = ss.legs(order)
    c = ss.memorize(legs, u, exact_step)
    for k in (0, 1, 7, 59):
        np.testing.assert_allclose(c[k], ss.project(legs, u[: k + 1]), atol=tolerance)


@pytest.mark.parametrize("order", [8, 32])
def test_zero_order_hold_steps_are_exact(order):
    """T4, with the shipped step, on every prefix; measured 3e-15 and 6e-15, some eps each of |c| about 1."""
    u = np.random.default_rng(order).standard_normal(200)
    legs = ss.legs(order)
    c = ss.memorize(legs, u, ss.zoh)
    exact = np.stack([ss.project(legs, u[: k + 1]) for k in range(200)])
    np.testing.assert_allclose(c, exact, atol=3e-14)


@given(
    order=st.integers(1, 12),
    samples=st.integers(1, 40),
    channels=st.integers(0, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_twin_body_and_dense_steps_agree(order, samples, channels, seed):
    u = np.random.default_rng(seed).standard_normal((samples, channels))
    legs = ss.legs(order)
    fast = ss.memorize(legs, u)
    with dm.reference_only():
        body = ss.memorize(legs, u, ss.bilinear)
    assert fast.shape == body.shape == (samples, channels, order)
    # Backward-stable sweeps and solves of a well-conditioned triangle: some eps per entry, summed over a run.
    np.testing.assert_allclose(fast, body, atol=1e-13)
    np.testing.assert_allclose(ss.memorize(legs, u, dense_bilinear), body, atol=1e-12)


@pytest.mark.parametrize("order", [1, 5, 21])
def test_the_lanes_of_the_twin_meet_every_edge(order):
    """Blocks of samples and groups of channels that are full, one short and one over; ragged `every`."""
    rng, legs = np.random.default_rng(order), ss.legs(order)
    for samples in (2, 16, 17, 18, 33, 8 * order + 2):
        for channels in (1, 6, 7, 32, 33, 39):
            u = rng.standard_normal((samples, channels))
            with dm.reference_only():
                body = ss.memorize(legs, u)
            # Some eps per step, as above.
            np.testing.assert_allclose(ss.memorize(legs, u), body, atol=1e-13)
            for every in (2, samples // 2 + 1, samples):
                kept = ss.memorize(legs, u, every=every)
                np.testing.assert_array_equal(kept, ss.memorize(legs, u)[every - 1 :: every])
                with dm.reference_only():
                    np.testing.assert_array_equal(ss.memorize(legs, u, every=every), body[every - 1 :: every])


def test_many_channels_on_threads_are_the_same():
    """Enough work to be shared out; every channel as if it were alone, to rounding."""
    u = np.random.default_rng(8).standard_normal((120, 70))
    c = ss.memorize(ss.legs(40), u, every=120)
    for channel in (0, 31, 32, 63, 64, 69):
        np.testing.assert_allclose(
            c[:, channel], ss.memorize(ss.legs(40), u[:, channel], every=120), atol=1e-13
        )


@given(
    batch=st.integers(0, 3),
    samples=st.integers(1, 20),
    channels=st.integers(0, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_batch_is_its_runs(batch, samples, channels, seed):
    u = np.random.default_rng(seed).standard_normal((batch, samples, channels))
    legs, every = ss.legs(5), samples // 2 + 1
    c, exact = ss.memorize(legs, u, every=every), ss.project(legs, u)
    assert c.shape == (batch, samples // every, channels, 5)
    assert exact.shape == (batch, channels, 5)
    for run in range(batch):  # each may go in other lanes, or in another order of summation
        np.testing.assert_allclose(c[run], ss.memorize(legs, u[run], every=every), atol=1e-14)
        np.testing.assert_allclose(exact[run], ss.project(legs, u[run]), atol=1e-13)


def test_what_is_kept(xp):
    u = np.random.default_rng(4).standard_normal((2, 50, 3))
    for method in (ss.bilinear, dense_bilinear):
        whole = ss.memorize(ss.legs(6), xp.asarray(u), method)
        kept = xp.numpy(ss.memorize(ss.legs(6), xp.asarray(u), method, every=12))
        assert kept.shape == (2, 4, 3, 6)
        np.testing.assert_array_equal(kept, xp.numpy(whole)[:, 11::12])
    last = xp.numpy(ss.memorize(ss.legs(6), xp.asarray(u), every=50))
    np.testing.assert_array_equal(last[:, 0], xp.numpy(ss.memorize(ss.legs(6), xp.asarray(u)))[:, -1])


@pytest.mark.parametrize("twins", [True, False])
def test_the_last_state_alone_takes_no_room_for_the_others(twins):
    """A run four times as long: the allocation grows by a few numbers per sample, not by states (32 each)."""
    legs = ss.legs(32)

    def peak(samples):
        u = np.ones(samples)
        tracemalloc.start()
        try:
            if twins:
                ss.memorize(legs, u, every=samples)
            else:
                with dm.reference_only():
                    ss.memorize(legs, u, every=samples)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # what is loaded once
    assert peak(4000) - peak(1000) < 3000 * 8 * 8


def test_equivariance_is_bitwise():
    """T8: no step size enters, so a signal played slower, sample by sample, has bit for bit the same memory;
    amplitudes that are powers of two pass through without a rounding."""
    u = np.random.default_rng(9).standard_normal(200)
    c = ss.memorize(ss.legs(20), u)
    np.testing.assert_array_equal(ss.memorize(ss.legs(20), -4.0 * u), -4.0 * c)
    np.testing.assert_array_equal(ss.memorize(ss.legs(20), np.append(u, np.pi))[:200], c)


def test_the_twin_is_the_one_that_runs():
    arguments = np.ones((3, 1)), np.ones((1, 2)), 0.0, 1, 1, 0
    twin = log_time_bilinear.kernel_for(*arguments)
    assert twin is not None
    assert twin.__module__ == "diffmath.kernels.numba.statespace"
    with dm.reference_only():
        assert np.array_equal(log_time_bilinear(*arguments), log_time_bilinear.reference(*arguments))


def test_distance_to_the_projection_is_as_published_or_better():
    """Measured: 1e-4 relative at n = 64, L = 1000, three periods; the step 1/k leaves 5e-3."""
    f = np.sin(2 * np.pi * 3 * midpoints(1000)) + 0.3
    legs = ss.legs(64)
    exact = ss.project(legs, f)

    def distance(c):
        return np.linalg.norm(c - exact) / np.linalg.norm(exact)

    assert distance(ss.memorize(legs, f)[-1]) < 4e-4

    def published(system, h):  # h = ln((k+1)/k) <=> 1/k = e^h - 1
        return ss.bilinear(system, math.expm1(h))

    assert distance(ss.memorize(legs, f, published)[-1]) > 2e-3


@pytest.mark.parametrize("order", [1, 2, 4, 8])
def test_second_order_for_a_signal_that_starts_level(order):
    errors = []
    for samples in 2 ** np.arange(9, 15):
        f = np.cos(9 * midpoints(samples)) + 0.3 * np.cos(4 * midpoints(samples))
        legs = ss.legs(order)
        errors.append(np.linalg.norm(ss.memorize(legs, f)[-1] - ss.project(legs, f)))
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.15)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_a_slope_at_the_start_costs_a_logarithm(order):
    """error L^2 grows by the same amount with every doubling of L: it is a + b ln L, with b > 0."""
    scaled = []
    for samples in 2 ** np.arange(10, 16):
        f = np.sin(5 * midpoints(samples)) + 0.5 * np.cos(9 * midpoints(samples))
        legs = ss.legs(order)
        scaled.append(samples**2 * np.linalg.norm(ss.memorize(legs, f)[-1] - ss.project(legs, f)))
    growth = np.diff(scaled)
    assert growth.min() > 0
    np.testing.assert_allclose(growth, growth[-1], rtol=0.15)


def test_every_prefix_is_its_own_memory_and_time_has_no_unit():
    """Row k depends on the first k + 1 samples only; there is no step size to give."""
    u = np.random.default_rng(5).standard_normal(50)
    c = ss.memorize(ss.legs(10), u)
    np.testing.assert_array_equal(ss.memorize(ss.legs(10), u[:20]), c[:20])
    # Lower triangle: the first coefficients do not know how many follow.
    np.testing.assert_array_equal(ss.memorize(ss.legs(4), u), c[:, :4])


def test_a_slower_signal_leaves_the_same_trace():
    """Equivariance: f(s / 2) sampled twice as densely has the same coefficients at the same phase."""
    f = np.cos(7 * midpoints(4000))
    slow = np.cos(7 * midpoints(8000))
    # Two discretisations of one exact object, each within some 1e-6 of it.
    np.testing.assert_allclose(ss.memorize(ss.legs(16), slow)[-1], ss.memorize(ss.legs(16), f)[-1], atol=2e-6)


def test_a_constant_is_remembered_exactly(xp):
    c = xp.numpy(ss.memorize(ss.legs(7), xp.asarray(np.full(300, 2.5))))
    expected = np.zeros((300, 7))
    expected[:, 0] = 2.5
    np.testing.assert_allclose(c, expected, atol=1e-12)  # 300 steps, some eps each


def test_program_a(xp):
    """The design's program, on every backend: remembered on line, read back at the midpoints of the cells."""
    grid = np.linspace(0, 1, 1000)
    u = np.sin(8 * grid) + 0.5 * np.cos(21 * grid)
    c = ss.memorize(ss.legs(48), xp.asarray(u), ss.bilinear)
    assert c.shape == (1000, 48)
    u_hat = xp.numpy(ss.reconstruct(ss.legs(48), c[-1, :], midpoints(1000)))
    assert np.abs(u_hat - u).max() < 2e-3
    with_system_on_device = ss.memorize(ss.legs(48, like=xp.empty()), xp.asarray(u), ss.bilinear)
    np.testing.assert_array_equal(xp.numpy(with_system_on_device), xp.numpy(c))
    assert ss.reconstruct(ss.legs(48), c, np.linspace(0, 1, 20)).shape == (1000, 20)


def test_float32_integers_and_one_sample(xp):
    u = np.random.default_rng(6).standard_normal((40, 2))
    c = xp.numpy(ss.memorize(ss.legs(6), xp.asarray(u, "float32")))
    assert c.dtype == np.float32
    np.testing.assert_allclose(c, ss.memorize(ss.legs(6), u), atol=1e-5)  # a hundred eps of float32
    generic = ss.memorize(ss.legs(6), xp.asarray(u, "float32"), dense_bilinear)
    assert xp.numpy(generic).dtype == np.float32
    np.testing.assert_allclose(xp.numpy(generic), c, atol=1e-5)
    assert xp.numpy(ss.project(ss.legs(6), xp.asarray(u, "float32"))).dtype == np.float32
    np.testing.assert_array_equal(xp.numpy(ss.memorize(ss.legs(3), xp.asarray([2], "int32"))), [[2, 0, 0]])
    np.testing.assert_array_equal(xp.numpy(ss.project(ss.legs(3), xp.asarray([2], "int32"))), [2, 0, 0])
    assert ss.memorize(ss.legs(1), xp.asarray([1.0, 3.0])).shape == (2, 1)


def test_overflow_is_reported_with_the_valid_rows():
    def explode(system, h):
        return ss.StateSpace(1e200 * np.eye(system.order), system.B, dt=h)

    with pytest.raises(dm.SolveError, match="the memory is not finite from sample 2 on") as caught:
        ss.memorize(ss.legs(4), np.ones((5, 2)), explode)
    assert caught.value.solution.x.shape == (2, 2, 4)
    with pytest.raises(dm.SolveError, match="not finite from sample 3 on") as caught:
        ss.memorize(ss.legs(4), np.ones(7), explode, every=2)
    np.testing.assert_array_equal(caught.value.solution.t, [1.0])
    near_the_limit = np.array([1e300, 1e300, -1.7e308, 1.7e308, -1.7e308])
    for rows in (ss.memorize, lambda *args: dm.reference_only()(ss.memorize)(*args)):
        with pytest.raises(dm.SolveError, match="the memory is not finite from sample 3 on: scale u down"):
            rows(ss.legs(40), near_the_limit)


def test_refusals():
    legs, u = ss.legs(3), np.ones(4)
    dense = ss.StateSpace(legs.A, legs.B)
    calls = (
        lambda s: ss.memorize(s, u),
        lambda s: ss.project(s, u),
        lambda s: ss.reconstruct(s, np.ones(3), [0.5]),
    )
    for call in calls:
        with pytest.raises(ValueError, match="needs a system with a measure"):
            call(dense)
        with pytest.raises(ValueError, match="takes a continuous system"):
            call(ss.bilinear(legs, 0.1))
        with pytest.raises(TypeError, match="takes a StateSpace; got NoneType"):
            call(None)
    with pytest.raises(
        ValueError, match=r"method must be an object of diffmath.statespace or its name.*bilinear"
    ):
        ss.memorize(legs, u, "bilinaer")
    with pytest.raises(TypeError, match=r"method must be a discretization, .* got int"):
        ss.memorize(legs, u, 2)
    np.testing.assert_array_equal(ss.memorize(legs, u, "zoh"), ss.memorize(legs, u, ss.zoh))
    with pytest.raises(TypeError, match="method must return a discrete StateSpace"):
        ss.memorize(legs, u, lambda system, h: system)
    for every, wanted in ((0, "at least 1; got 0"), (5, "at most the number of samples, 4; got 5")):
        with pytest.raises(ValueError, match=f"every must be {wanted}"):
            ss.memorize(legs, u, every=every)
    for every in (True, 1.5):
        with pytest.raises(TypeError, match="every must be an int; got"):
            ss.memorize(legs, u, every=every)
    for call in (ss.memorize, ss.project):
        with pytest.raises(ValueError, match="at least one sample"):
            call(legs, np.ones(0))
        with pytest.raises(ValueError, match="u must be finite"):
            call(legs, np.array([1.0, np.inf]))
        with pytest.raises(TypeError, match="u must be real"):
            call(legs, np.array([1j]))


@pytest.mark.parametrize("system", [ss.legs(4), ss.jacs(4, 1.0), ss.fous(5)])
@pytest.mark.parametrize("read", [ss.memorize, ss.project])
def test_a_scaled_measure_has_no_unit_of_time(read, system):
    with pytest.raises(
        ValueError, match=r"dt must be left out for \w+.*got dt=0.1: a window of fixed length"
    ):
        read(system, np.ones(10), dt=0.1)
    np.testing.assert_array_equal(read(ss.legt(4), np.ones(10)), read(ss.legt(4), np.ones(10), dt=1.0))
