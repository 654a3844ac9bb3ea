"""Memory of every measure: the fast steps against dense ones, chunks against whole runs, echoes, limits."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diffmath as dm
from diffmath import statespace as ss
from diffmath.statespace._measures.laguerre import laguerre_decay
from diffmath.statespace._measures.window_fourier import fourier_window
from diffmath.statespace._measures.window_legendre import legendre_window

N = 7
SYSTEMS = {
    "legs": ss.legs(N),
    "jacs": ss.jacs(N, 1.5),
    "jacs-": ss.jacs(N, -0.5),
    "fous": ss.fous(N),
    "legt": ss.legt(N, theta=9.0),
    "lagt": ss.lagt(N, timescale=4.0),
    "lagt0": ss.lagt(N, 0.0, 0.0, timescale=4.0),
    "glagt": ss.lagt(N, 0.5, 0.3, timescale=4.0),
    "fout": ss.fout(N, theta=9.0),
    "published": ss.fout(N, theta=9.0, as_published=True),
    "foud": ss.foud(N, 0.6, theta=9.0),
}
FULL = np.eye(N) + 0.3 * np.random.default_rng(0).standard_normal((N, N))
GAUGES = {"orthonormal": None, "diagonal": np.arange(1.0, N + 1.0), "full": FULL}
names = pytest.mark.parametrize("name", SYSTEMS)


def clock(system, dt):
    """The option of a sample's length, for measures that have a unit of time."""
    return {} if system.measure.clock == "scaled" else {"dt": dt}


def in_gauge(name, gauge):
    system = SYSTEMS[name]
    return system if GAUGES[gauge] is None else ss.change_gauge(system, GAUGES[gauge])


def dense_bilinear(system, h):
    """The definition, which `memorize` does not recognise: it takes the generic path."""
    return ss.bilinear(system, h)


def one_by_one(system, u, dt):
    """The recurrence itself, by dense steps."""
    scaled = system.measure.clock == "scaled"
    states = []
    x = np.zeros((u.shape[1], system.order))
    for k in range(u.shape[0]):
        if scaled and k == 0:  # the state that a constant leads to
            x = u[0][:, None] * -np.linalg.solve(system.A, system.B)
        else:
            step = ss.bilinear(system, np.log1p(1 / k) if scaled else dt)
            x = x @ step.A.T + u[k][:, None] * step.B
        states.append(x)
    return np.stack(states)


@pytest.mark.parametrize("gauge", GAUGES)
@names
def test_every_path_is_the_recurrence(name, gauge):
    """Kernels and bodies, one channel and many, dense steps; every row is equal, for any saved rows."""
    rng, system = np.random.default_rng(1), in_gauge(name, gauge)
    for samples, channels in ((1, 2), (2, 1), (41, 5), (150, 40)):
        u = rng.standard_normal((samples, channels))
        exact = one_by_one(system, u, 0.7)
        for every in {1, min(2, samples), min(33, samples), samples}:
            kept = [ss.memorize(system, u, every=every, **clock(system, 0.7))]
            if channels < 40:
                kept.append(ss.memorize(system, u, dense_bilinear, every=every, **clock(system, 0.7)))
            with dm.reference_only():
                kept.append(ss.memorize(system, u, every=every, **clock(system, 0.7)))
            for states in kept:
                assert states.shape == exact[every - 1 :: every].shape
                # Some eps of each of 150 steps, times the condition of the gauge, 10.
                np.testing.assert_allclose(states, exact[every - 1 :: every], atol=2e-12)


@given(
    name=st.sampled_from(sorted(SYSTEMS)),
    gauge=st.sampled_from(sorted(GAUGES)),
    first=st.integers(1, 40),
    second=st.integers(1, 40),
    channels=st.integers(0, 3),
    batch=st.integers(-1, 2),
    every=st.integers(1, 6),
    twins=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_chunks_carry_on(name, gauge, first, second, channels, batch, every, twins, seed):
    rng, system = np.random.default_rng(seed), in_gauge(name, gauge)
    u = rng.standard_normal((max(batch, 1), every * (first + second), channels))
    u = u if batch > 0 else u[0]
    axis, cut = u.ndim - 2, every * first

    def run(part, **options):
        if twins:
            return ss.memorize(system, part, every=every, **clock(system, 0.7), **options)
        with dm.reference_only():
            return ss.memorize(system, part, every=every, **clock(system, 0.7), **options)

    whole = run(u)
    head, tail = np.split(u, [cut], axis=axis)
    before = run(head)
    after = run(tail, state=np.take(before, -1, axis=axis), heard=cut)
    # Two orders of the same sums, as above.
    np.testing.assert_allclose(np.concatenate([before, after], axis=axis), whole, atol=1e-12)


@names
def test_a_chunk_carries_on_on_every_backend(name, xp):
    u, system = np.random.default_rng(2).standard_normal((2, 50, 3)), in_gauge(name, "full")
    whole = ss.memorize(system, u, **clock(system, 0.7))
    head, tail = xp.asarray(u[:, :20]), xp.asarray(u[:, 20:])
    for method in (ss.bilinear, dense_bilinear):
        state = ss.memorize(system, head, method, every=20, **clock(system, 0.7))[:, -1, ...]
        kept = ss.memorize(system, tail, method, every=10, **clock(system, 0.7), state=state, heard=20)
        np.testing.assert_allclose(xp.numpy(kept), whole[:, 29::10], atol=1e-12)
    one = ss.memorize(system, xp.asarray(u[0, :, 0]), every=25, **clock(system, 0.7))
    np.testing.assert_allclose(xp.numpy(one), whole[0, 24::25, 0], atol=1e-12)


@names
def test_one_state_serves_every_channel(name):
    u, system = np.random.default_rng(3).standard_normal((20, 4)), SYSTEMS[name]
    state = np.arange(1.0, N + 1.0)
    given = {"heard": 9, **clock(system, 0.7)}
    every = ss.memorize(system, u, state=np.tile(state, (4, 1)), **given)
    np.testing.assert_array_equal(ss.memorize(system, u, state=state, **given), every)


@names
def test_float32_keeps_its_precision(name, xp):
    u, system = np.random.default_rng(4).standard_normal((100, 2)), SYSTEMS[name]
    exact = ss.memorize(system, u, **clock(system, 0.7))
    for method in (ss.bilinear, dense_bilinear):
        c = xp.numpy(ss.memorize(system, xp.asarray(u, "float32"), method, **clock(system, 0.7)))
        assert c.dtype == np.float32
        np.testing.assert_allclose(c, exact, atol=5e-5)  # some hundred eps


@pytest.mark.parametrize("order", [1, 2, 3, 64])
def test_orders_at_the_edge(order):
    u = np.random.default_rng(5).standard_normal((70, 33))
    for make in (ss.legs, ss.legt, ss.lagt, lambda n: ss.jacs(n, 2.0)):
        exact = one_by_one(make(order), u, 0.01)
        np.testing.assert_allclose(ss.memorize(make(order), u, **clock(make(order), 0.01)), exact, atol=1e-12)
        np.testing.assert_allclose(
            ss.memorize(make(order), u[:, 0], **clock(make(order), 0.01)), exact[:, 0], atol=1e-12
        )
    for make in (ss.fout, ss.fous, lambda n: ss.foud(n, 0.3)):
        exact = one_by_one(make(order | 1), u, 0.01)
        found = ss.memorize(make(order | 1), u, **clock(make(order | 1), 0.01))
        np.testing.assert_allclose(found, exact, atol=1e-12)


@pytest.mark.parametrize("every", [1, 3, 31, 32, 33, 100, 127, 128, 129, 300, 999])
def test_blocks_meet_every_edge(every):
    """Blocks of samples between saved states, and saved states inside blocks; short blocks at the end."""
    u, window = np.random.default_rng(6).standard_normal((1000, 2)), ss.legt(5, theta=40.0)
    exact = one_by_one(window, u, 1.0)
    with dm.reference_only():
        np.testing.assert_allclose(ss.memorize(window, u, every=every), exact[every - 1 :: every], atol=1e-13)


def test_the_twins_are_those_that_run():
    u, c = np.ones((3, 1)), np.ones((1, 3))
    for function, arguments in (
        (legendre_window, (u, c, 0.1, 1)),
        (fourier_window, (u, c, 0.1, 2.0, 1)),
        (laguerre_decay, (u, c, 0.1, 1.0, 1)),
    ):
        twin = function.kernel_for(*arguments)
        assert twin is not None
        assert twin.__module__.startswith("diffmath.kernels.numba")


@pytest.mark.parametrize("twins", [True, False])
@pytest.mark.parametrize("name", ["legs", "legt", "lagt", "fout", "fous"])
def test_the_last_state_alone_takes_no_room_for_the_others(name, twins):
    """A run four times as long: the allocation grows by a few numbers per sample, not by states (33 each)."""
    make = {"legs": ss.legs, "legt": ss.legt, "lagt": ss.lagt, "fout": ss.fout, "fous": ss.fous}
    system = make[name](33)

    def peak(samples):
        u = np.ones(samples)
        tracemalloc.start()
        try:
            if twins:
                ss.memorize(system, u, every=samples, **clock(system, 1e-3))
            else:
                with dm.reference_only():
                    ss.memorize(system, u, every=samples, **clock(system, 1e-3))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # what is loaded once
    assert peak(12_000) - peak(3000) < 9000 * 8 * 8


@pytest.mark.parametrize("name", ["legt", "lagt", "glagt", "fout", "foud"])
def test_bilinear_steps_are_second_order(name):
    """One signal in ever smaller cells, from nothing, against the exact state of its equation."""
    system, errors = SYSTEMS[name], []
    for samples in (100, 200, 400, 800, 1600):
        dt = 30.0 / samples
        u = np.sin(dt * (np.arange(samples) + 0.5)) ** 2
        zoh = ss.memorize(system, u, ss.zoh, every=samples, **clock(system, dt))
        errors.append(np.linalg.norm(ss.memorize(system, u, every=samples, **clock(system, dt)) - zoh))
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.15)


@pytest.mark.parametrize("beta", [-0.5, 1.5])
def test_scaled_steps_are_second_order_for_a_signal_that_starts_level(beta):
    errors, jacs = [], ss.jacs(4, beta)
    for samples in 2 ** np.arange(9, 14):
        t = (np.arange(samples) + 0.5) / samples
        u = np.cos(9 * t) + 0.3 * np.cos(4 * t)
        errors.append(np.linalg.norm(ss.memorize(jacs, u, every=samples)[-1] - ss.project(jacs, u)))
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.15)


@pytest.mark.parametrize(("order", "condition"), [(9, 2.6), (129, 8.3)])
def test_the_modes_of_fous_are_well_conditioned(order, condition):
    assert np.linalg.cond(np.linalg.eig(ss.fous(order).A)[1]) < condition


def test_the_error_of_a_step_in_a_window_is_as_stated():
    """About (2 pi W)^3 / (12 S^2), relative, for W waves in S samples."""
    for order, make in ((24, ss.legt), (25, ss.fout)):
        for waves, samples in ((1, 100), (3, 100), (3, 400)):
            u = np.sin(2 * np.pi * waves / samples * (np.arange(6 * samples) + 0.5))
            window = make(order, theta=samples)
            exact = ss.memorize(window, u, ss.zoh, every=u.size)[-1]
            error = np.linalg.norm(ss.memorize(window, u, every=u.size)[-1] - exact) / np.linalg.norm(exact)
            estimate = (2 * np.pi * waves) ** 3 / (12 * samples**2)
            assert 0.5 * estimate < error < 1.1 * estimate


@pytest.mark.parametrize(("order", "ratio"), [(4, 1.3), (8, 2.2), (16, 3.7), (32, 6.2)])
def test_the_limit_of_forward_euler(order, ratio):
    """theta / N: a tenth less explodes, a tenth more does not; keras-lmu says 4 for all orders."""
    u = np.random.default_rng(7).standard_normal(20_000)

    def largest(samples, method=ss.forward_euler):
        try:
            return np.abs(ss.memorize(ss.legt(order, theta=samples), u, method, every=20_000)).max()
        except dm.SolveError:
            return np.inf

    assert largest(0.9 * ratio * order) > 1e6
    assert largest(1.1 * ratio * order) < 100.0
    for method in (ss.bilinear, ss.zoh):
        assert largest(0.1 * order, method) < 10.0


def test_a_window_forgets_and_the_published_one_echoes():
    """T6: a pulse of one window, received 0, 1, 2, ... windows ago: its mean in the memory."""
    theta, order = 400, 257
    u = np.zeros(5 * theta)
    u[:theta] = 1.0

    def mass(system):
        return np.abs(ss.memorize(system, u, ss.zoh, every=theta)[:, 0])

    true = mass(ss.fout(order, theta=theta))
    assert true[0] > 0.999
    assert true[1:].max() < 1e-3
    published = mass(ss.fout(order, theta=theta, as_published=True))
    np.testing.assert_allclose(published, 2 / 3 ** np.arange(1.0, 6.0), atol=2e-3)
    kept = mass(ss.foud(order, 0.8, theta=theta))
    np.testing.assert_allclose(kept, 0.2 * 0.8 ** np.arange(5.0), atol=2e-3)
    np.testing.assert_allclose(
        mass(ss.legt(64, theta=theta))[1:], 0.0, atol=0.05
    )  # a jump, in 64 polynomials


def test_the_unit_of_time_is_that_of_the_window():
    u = np.random.default_rng(8).standard_normal(60)
    for make in (lambda t: ss.legt(6, theta=20 * t), lambda t: ss.lagt(6, timescale=5 * t)):
        one, two = ss.memorize(make(1.0), u), ss.memorize(make(0.25), u, dt=0.25)
        np.testing.assert_array_equal(one, two)


def test_a_batch_is_its_runs():
    u = np.random.default_rng(9).standard_normal((2, 30, 3))
    for system in SYSTEMS.values():
        c = ss.memorize(system, u, every=10)
        for run in range(2):
            np.testing.assert_allclose(c[run], ss.memorize(system, u[run], every=10), atol=1e-13)


def test_an_unstable_method_is_reported_with_the_rows_before():
    u = np.ones(3000)
    with pytest.raises(dm.SolveError, match=r"not finite from sample .* a stable method") as caught:
        ss.memorize(ss.legt(16, theta=10.0), u, ss.forward_euler)
    assert np.isfinite(caught.value.solution.x).all()
    assert 100 < len(caught.value.solution.t) < 3000


def test_refusals():
    legs, legt, u, c = ss.legs(3), ss.legt(3), np.ones(4), np.ones(3)
    with pytest.raises(ValueError, match="state needs heard, the number of samples in it"):
        ss.memorize(legs, u, state=c)
    for system in (legs, legt):
        with pytest.raises(ValueError, match="heard=5 needs the state after those samples"):
            ss.memorize(system, u, heard=5)
        with pytest.raises(ValueError, match="heard must be at least 0; got -1"):
            ss.memorize(system, u, state=c, heard=-1)
        with pytest.raises(TypeError, match="heard must be an int; got float"):
            ss.memorize(system, u, state=c, heard=1.0)
        with pytest.raises(ValueError, match=r"state must have shape \(3,\)"):
            ss.memorize(system, u, state=np.ones(4), heard=2)
        with pytest.raises(ValueError, match="state must be finite"):
            ss.memorize(system, u, state=np.array([0.0, np.nan, 0.0]), heard=2)
    with pytest.raises(ValueError, match="dt must be positive"):
        ss.memorize(legt, u, dt=0.0)
    with pytest.raises(ValueError, match="dt must be left out for legs"):
        ss.memorize(legs, u, dt=1.0)
    with pytest.raises(TypeError, match="method must return a discrete StateSpace"):
        ss.memorize(legt, u, lambda system, h: system)
    with pytest.raises(ValueError, match="needs a system with a measure"):
        ss.memorize(ss.tilt(legt, 1.0), u)
