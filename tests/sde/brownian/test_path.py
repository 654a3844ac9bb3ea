"""The Brownian path: one path for all queries in any order; its law; its cost; single precision."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import random, reference_only
from diffmath.random._distributions import normal_rows
from diffmath.sde import BrownianPath, chen, levy_increments
from diffmath.sde._brownian import cached_trees

HOST = np.empty(0)
TERMS = {"": "W", "H": "WH", "HK": "WHK"}


def brownian(t0=0.0, t1=1.0, shape=(4, 2), seed=1, like=HOST, **options):
    return BrownianPath(random.key(seed), shape, t0, t1, like=like, **options)


def assert_same(got, expected, names, atol=0.0):
    for name in names:
        np.testing.assert_allclose(getattr(got, name), getattr(expected, name), rtol=0, atol=atol)


TIMES = st.floats(-2.0, 3.0)


@given(s=TIMES, t=TIMES, u=TIMES, seed=st.integers(0, 2**32), terms=st.sampled_from(sorted(TERMS)))
def test_increments_add_up_by_chen_whatever_the_times(s, t, u, seed, terms):
    path = brownian(-2.0, 3.0, seed=seed, terms=terms, cache=8)
    if min(abs(s - t), abs(t - u), abs(s - u)) < 1e-4:
        return  # the division below would amplify roundings
    joined = chen(path.increment(s, t), path.increment(t, u))
    whole = path.increment(s, u)
    # Roundings of numbers below 10, times lengths over the length of the whole where the path goes back.
    stretch = (abs(t - s) + abs(u - t)) / abs(u - s)
    assert_same(joined, whole, TERMS[terms], atol=1e-13 * stretch**2)


@pytest.mark.parametrize("terms", [*TERMS, "A"])
def test_any_order_of_questions_any_cache_and_any_thread_gives_the_same_bits(terms):
    """A pure function: of the key, the row and the times."""
    times = np.arange(17) / 16 if terms == "A" else [*np.sort(np.random.default_rng(0).random(12)), 0.3, 1.0]
    pairs = [(float(s), float(t)) for s in times[::3] for t in times[1::4] if s != t]
    names = TERMS.get(terms, "WHA")
    levels = 4
    path = brownian(terms=terms, cache=500, levels=levels)
    expected = {pair: path.increment(*pair) for pair in pairs}
    for cache, order in ((500, -1), (3, 1), (1, -1)):
        other = brownian(terms=terms, cache=cache, levels=levels)
        for pair in pairs[::order]:
            assert_same(other.increment(*pair), expected[pair], names)
        assert len(other._trees.nodes._values) <= cache
    fresh = brownian(terms=terms, cache=10, levels=levels)
    with ThreadPoolExecutor(4) as pool:
        for pair, got in zip(pairs, pool.map(lambda pair: fresh.increment(*pair), pairs), strict=True):
            assert_same(got, expected[pair], names)
    np.testing.assert_array_equal(path(*pairs[0]), expected[pairs[0]].W)


@pytest.mark.parametrize(("start", "stop"), [(0.0, 2.0), (1.0, -1.0)], ids=["forwards", "backwards"])
@pytest.mark.parametrize("terms", ["HK", "A"])
def test_with_steps_it_is_the_path_that_a_solve_with_this_key_sees(start, stop, terms):
    path = brownian(start, stop, terms=terms, steps=12, levels=4)
    key = random.fold_in(random.key(1), "sde.path")
    for steps in (3, 6, 12, 48):
        clock = np.linspace(start, stop, steps + 1)
        draw = levy_increments(terms, levels=4)
        for (s, t), expected in zip(pairwise(clock), draw(key, clock, (4, 2), like=HOST), strict=True):
            # The ratios of a clock round, and so does each of 4 levels.
            assert_same(path.increment(s, t), expected, "WHA" if terms == "A" else "WHK", atol=1e-14)


CLOCKS = [1, 7, 20, 64, 100]


@pytest.mark.parametrize("steps", [None, 20, 100])
@pytest.mark.parametrize("turned", [False, True], ids=["forwards", "backwards"])
def test_a_clock_and_single_questions_see_the_same_bits(steps, turned):
    """Blocks of a clock, queries in any order, with any cache, and every choice of terms."""
    for number in CLOCKS:
        clock = np.linspace(0, 1, number + 1)[:: -1 if turned else 1]
        path = brownian(steps=steps, terms="HK")
        runs = [list(path.increments(clock, terms)) for terms in ("", "H", "HK")]
        other = brownian(steps=steps, cache=2)
        for n in np.random.default_rng(0).permutation(number)[:10]:
            s, t = float(clock[n]), float(clock[n + 1])
            for run, names in zip(runs, ("W", "WH", "WHK"), strict=True):
                assert_same(run[n], other.increment(s, t, "HK"), names)
        total = sum(increment.W for increment in runs[0])
        # The roundings of at most 100 increments and of their sum.
        np.testing.assert_allclose(total, path(float(clock[0]), float(clock[-1])), rtol=0, atol=1e-12)


def test_blocks_of_a_clock_hand_on_what_they_began(monkeypatch):
    clock = np.linspace(0, 1, 101)
    whole = list(brownian(terms="HK").increments(clock))
    for most in (1, 3, 16, 99):
        monkeypatch.setattr(cached_trees, "_MOST", most)
        monkeypatch.setattr(cached_trees, "_FEWEST", 1)
        for got, expected in zip(brownian(terms="HK").increments(clock), whole, strict=True):
            assert_same(got, expected, "WHK")


def law_of(path, times, terms):
    """All entries over all intervals, in units of their standard deviations."""
    columns = []
    for s, t in pairwise(times):
        step, h = path.increment(s, t), abs(t - s)
        for name, variance in zip("WHK", (h, h / 12, h / 720), strict=True):
            if name in TERMS[terms]:
                columns.append(getattr(step, name)[:, 0] / np.sqrt(variance))
    return np.stack(columns)


ROWS = 20_000
# Means of products of standard normals have the variance 1 (2 for squares). At most 18 * 19 / 2 entries,
# 7 sigma each: false-positive rate below 5e-10 for each of the cases.
BAND = 7 * np.sqrt(2 / ROWS)


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("steps", [None, 3])
@pytest.mark.parametrize(
    "times",
    [[0.0, 0.07, 0.2, 0.25, 0.51, 0.8, 1.0], [0.1234567, 0.1234571, 0.1234585, 0.1234588, 0.2, 0.200001]],
    ids=["wide", "close"],
)
def test_increments_have_the_law_of_brownian_motion(times, steps, terms):
    """At any times: marks of all kinds, other times, whole cells, and several times 5e-7 apart."""
    x = law_of(brownian(shape=(ROWS, 1), steps=steps, terms=terms), times, terms)
    assert abs(x @ x.T / ROWS - np.eye(len(x))).max() < BAND
    assert abs(x.mean(axis=1)).max() < BAND


@pytest.mark.parametrize("steps", [None, 3])
def test_differences_of_values_from_the_start_have_the_right_variance(steps):
    """At scattered times 1e-7 to 1e-2 apart: 11.7 times the right one where two lay inside one leaf."""
    path = brownian(shape=(ROWS, 1), steps=steps)
    gaps = 10.0 ** np.arange(-7.0, -1.0)
    times = 0.3337 + np.concatenate([[0.0], np.cumsum(gaps)])
    values = [path(0.0, float(t)) for t in times]
    x = np.stack([(b - a)[:, 0] / np.sqrt(g) for (a, b), g in zip(pairwise(values), gaps, strict=True)])
    # A time is rounded by at most 2**-31, which changes the variance over 1e-7 by up to 1 %.
    assert abs(x @ x.T / ROWS - np.eye(len(x))).max() < BAND + 0.01
    np.testing.assert_allclose(values[3] - values[1], path(float(times[1]), float(times[3])), atol=1e-13)


def test_interpolation_between_marks_would_be_seen():
    """The variance that straight lines inside leaves have (virtual trees with a tolerance) is rejected."""
    path = brownian(shape=(ROWS, 1))
    ends = {n: path(0.0, n / 8) if n else np.zeros((ROWS, 1)) for n in range(9)}

    def linear(t):
        n, r = divmod(t * 8, 1)
        return ends[int(n)] if r == 0 else (1 - r) * ends[int(n)] + r * ends[int(n) + 1]

    x = (linear(0.44) - linear(0.19)) / np.sqrt(0.25)
    assert abs((x**2).mean() - 1) > BAND


@pytest.mark.parametrize("steps", [None, 20])
def test_terms_levels_and_nesting_steps_leave_the_motion_as_it_is(steps):
    """One motion: W, H, K do not depend on the other requested terms or on the steps in between."""
    expected = brownian(steps=steps).increment(0.2, 0.65, "HK")
    for options in ({"terms": "H"}, {"terms": "HK"}, {"terms": "A"}, {"terms": "HKA", "levels": 11}):
        path = brownian(steps=steps and 4 * steps, **options)
        assert_same(path.increment(0.2, 0.65, "HK"), expected, "WHK")
        np.testing.assert_array_equal(path(0.2, 0.65), expected.W)
    if steps is None:
        assert brownian().motion == brownian(terms="HA", levels=3).motion
    assert brownian(steps=20).motion == brownian(steps=40).motion != brownian(steps=100).motion
    # What the name says is two motions is two.
    twenty, hundred = (brownian(shape=(ROWS, 1), steps=n)(0.0, 1.0)[:, 0] for n in (20, 100))
    assert np.corrcoef(twenty, hundred)[0, 1] < 0.6


def test_turning_around_turns_the_signs():
    path = brownian(terms="HKA")
    there, back = path.increment(0.25, 0.75), path.increment(0.75, 0.25)
    assert back.dt == -there.dt == -0.5
    for name, sign in (("W", -1), ("H", 1), ("K", -1), ("A", -1)):
        np.testing.assert_array_equal(getattr(back, name), sign * getattr(there, name))


def test_reversed_areas_are_those_of_the_reversed_path():
    """From the defining sums over 2**12 small steps, walked in both directions: no sign is taken on trust."""
    path, n = brownian(shape=(1, 2), terms="HK"), 2**12
    small = np.stack([path(i / n, (i + 1) / n)[0] for i in range(n)])
    for steps, interval in ((small, (0.0, 1.0)), (-small[::-1], (1.0, 0.0))):
        w = np.cumsum(steps, axis=0) - steps / 2
        r = (np.arange(n) + 0.5) / n
        bridge = w - r[:, None] * steps.sum(axis=0)
        whole = path.increment(*interval)
        # Each sum misses the areas of the small steps: errors of about 1 / n.
        np.testing.assert_allclose(bridge.mean(axis=0), whole.H[0], atol=3 / n)
        np.testing.assert_allclose((bridge * (0.5 - r)[:, None]).mean(axis=0), whole.K[0], atol=3 / n)


@pytest.mark.parametrize("depth", [8, 12, 16])
def test_single_precision_keeps_the_areas_of_small_intervals(depth):
    """Relative RMS error of H over T / 2**depth; differences of quantities over (0, t) lose it."""
    h, spots = 2.0**-depth, (np.arange(8) + 0.5) / 8
    starts = np.floor(spots / h) * h
    errors, lost, exact = [], [], []
    for like, into in ((np.empty(0), exact), (np.empty(0, np.float32), errors)):
        path = brownian(shape=(50, 1), like=like, terms="HK")
        for s in starts:
            into.append(path.increment(s, s + h).H)
            if like.dtype == np.float32:
                before, after = path.increment(0.0, s), path.increment(0.0, s + h)
                lost.append(area_by_difference(before, after))
    exact = np.stack(exact)

    def relative(values):
        return np.sqrt(((np.stack(values).astype(float) - exact) ** 2).mean() / (exact**2).mean())

    assert relative(errors) < 1e-5  # a few roundings of 6e-8 per level
    assert relative(lost) > 100 * relative(errors)
    if depth == 16:
        assert relative(lost) > 0.1


def area_by_difference(before, after):
    """H over the difference of two intervals from 0, by Chen's relation solved for the second part."""
    r = np.float32(before.dt / after.dt)
    q = np.float32(1) - r
    W = after.W - before.W
    return (after.H - r * before.H - np.float32(0.5) * (q * before.W - r * W)) / q


def test_it_is_the_same_on_every_backend(xp):
    for dtype, tolerance in (("float64", 1e-13), ("float32", 2e-6)):
        path = brownian(like=xp.empty(dtype), terms="HKA", levels=3)
        expected = brownian(terms="HKA", levels=3).increment(0.125, 0.875)
        got = path.increment(0.125, 0.875)
        for name in "WHKA":
            value = getattr(got, name)
            assert value.dtype == getattr(xp.xp, dtype)
            np.testing.assert_allclose(xp.numpy(value), getattr(expected, name), rtol=0, atol=tolerance)


def test_rows_do_not_depend_on_the_batch_or_on_chunks():
    whole = brownian(shape=(10, 2), terms="HK").increment(0.1, 0.9)
    for rows, first in ((slice(0, 3), 0), (slice(4, 9), 4), (slice(2, 2), 2)):
        part = brownian(shape=(rows.stop - rows.start, 2), terms="HK", first_row=first).increment(0.1, 0.9)
        for name in "WHK":
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[rows])


def count_draws(monkeypatch, action):
    with monkeypatch.context() as patch:
        count, draw = [0], normal_rows.reference

        def counted(*args, **kwargs):
            count[0] += args[2][1] > args[2][0]  # rows: none are drawn only to check the arguments
            return draw(*args, **kwargs)

        patch.setattr(normal_rows, "reference", counted)
        with reference_only():  # the kernel draws all levels of a way down at once
            action()
        return count[0]


def ask(path, times):
    for s, t in pairwise(times):
        path(s, t)


def test_a_clock_whose_steps_are_told_costs_one_draw_a_step(monkeypatch):
    for steps in (100, 96, 7):
        path = brownian(steps=steps)
        clock = np.linspace(0, 1, steps + 1)
        assert count_draws(monkeypatch, lambda p=path, c=clock: list(p.increments(c))) == steps


@pytest.mark.parametrize(
    ("steps", "draws"), [(20, 1.7), (50, 2.9), (64, 1.7), (100, 1.9), (200, 1.7), (256, 1.9), (1000, 1.9)]
)
def test_common_clocks_cost_about_two_draws_a_step(monkeypatch, steps, draws):
    clock = np.linspace(0, 1, steps + 1)
    assert count_draws(monkeypatch, lambda: list(brownian().increments(clock))) < draws * steps


@pytest.mark.parametrize("turned", [False, True], ids=["forwards", "backwards"])
def test_a_question_that_begins_where_the_last_one_ended_costs_one_way_down(monkeypatch, turned):
    """The nodes at the ends of a question are kept until the next: 47 draws a question without."""
    times = np.sort(np.random.default_rng(2).random(51))[:: -1 if turned else 1]
    draws = count_draws(monkeypatch, lambda: ask(brownian(), times.tolist()))
    assert draws < 30 * 50  # some 25 lattices lie below the spacing of the times


@pytest.mark.parametrize("steps", [None, 24], ids=["any clock", "one clock"])
@pytest.mark.parametrize("t1", [1.0, -2.0])
def test_a_sequence_that_is_drawn_ahead_is_that_of_single_queries(steps, t1):
    """Bit for bit: through the end of the path, broken off, with other terms, repeated, and written to."""
    clock = np.linspace(0.0, t1, 25).tolist()
    path = brownian(0.0, t1, steps=steps)

    def check(s, t, terms=""):
        got = path.increment(s, t, terms)
        alone = brownian(0.0, t1, steps=steps).increment(s, t, terms)
        for name in "WHK":
            np.testing.assert_array_equal(getattr(got, name), getattr(alone, name))
        got.W[...] = np.nan

    for s, t in pairwise(clock[:8]):
        check(s, t)
    check(clock[7], clock[8], "HK")  # is at hand without H and K
    check(clock[3], clock[5])
    for s, t in pairwise(clock[5:]):
        check(s, t, "H")
    check(clock[-2], clock[-1], "H")
    assert path._trees._ahead == {}


def test_a_sequence_whose_next_time_is_no_mark_is_not_drawn_ahead():
    """19/40 and 79/160 are decimal marks, 31/64 between them is a binary one; what follows is neither."""
    marks = brownian()._marks
    assert marks.continues(marks.places * 2 // 5, marks.places // 2)
    assert not marks.continues(marks.places * 19 // 40, marks.places * 31 // 64)
    path = brownian()
    for s, t in pairwise([19 / 40, 31 / 64, 79 / 160]):
        np.testing.assert_array_equal(path(s, t), brownian()(s, t))


def test_a_sequence_is_drawn_ahead_in_blocks(monkeypatch):
    plans = []
    run = cached_trees.run_plan
    monkeypatch.setattr(
        cached_trees, "run_plan", lambda *rest: plans.append(rest[1].increments) or run(*rest)
    )
    path = brownian(steps=128)
    ask(path, np.linspace(0, 1, 65).tolist())
    assert plans == [1, 2, 4, 8, 16, 32, 1]  # nothing beyond the end of the path
    plans.clear()
    ask(brownian(shape=(256, 128)), np.linspace(0, 1, 9).tolist())  # large draws are not made ahead
    assert plans == [1] * 8


def test_the_work_does_not_depend_on_the_time_scale(monkeypatch):
    """A peer takes 30 times as long for the same number of steps in a shorter time."""
    counts = {
        span: count_draws(monkeypatch, lambda a=span: ask(brownian(0.0, a), a * np.linspace(0, 1, 51)))
        for span in (1e-6, 1.0, 10.0, 1e6)
    }
    assert len(set(counts.values())) == 1
    assert counts[1.0] < 51 * 4  # some nodes are drawn again, since not all are kept


def test_what_is_returned_may_be_written_to():
    path = brownian(terms="HKA")
    before = path.increment(0.0, 0.5)
    for name in "WHKA":
        value = getattr(before, name)
        value += 1.0
    assert_same(brownian(terms="HKA").increment(0.0, 0.5), path.increment(0.0, 0.5), "WHKA")


def test_nothing_happens_in_no_time():
    none = brownian(terms="HKA").increment(0.3125, 0.3125)
    assert none.dt == 0.0
    assert all(not getattr(none, name).any() for name in "WHKA")
    assert none.A.shape == (4, 2, 2)
    assert brownian()(0.3, 0.3).shape == (4, 2)


def test_deep_trees_and_empty_batches():
    deep = brownian(terms="HK")
    assert np.isfinite(deep.increment(0.1, 0.1 + 7e-8).H).all()
    assert brownian(shape=(0, 3), terms="A").increment(0.0, 1.0).A.shape == (0, 3, 3)
    assert brownian(shape=(2, 3, 4), terms="K").increment(0.0, 0.1).K.shape == (2, 3, 4)


@pytest.mark.parametrize(("steps", "number"), [(None, 64), (None, 40), (None, 10), (5, 320), (5, 20)])
def test_areas_are_chens_combination_of_those_of_the_parts(steps, number):
    path = brownian(shape=(5, 3), terms="A", levels=6, steps=steps)
    whole = path.increment(0.0, 1.0)
    leaves = list(path.increments(np.linspace(0, 1, number + 1)))
    total = leaves[0]
    for leaf in leaves[1:]:
        total = chen(total, leaf)
    assert_same(total, whole, "WHA", atol=1e-14)


def test_it_pickles_without_its_cache():
    path = brownian(terms="H", steps=6, levels=9, first_row=2)
    expected = path.increment(0.1, 0.7)
    copy = pickle.loads(pickle.dumps(path))
    assert not copy._trees.nodes._values
    assert_same(copy.increment(0.1, 0.7), expected, "WH")
    assert (
        repr(copy)
        == repr(path)
        == "BrownianPath(Key(0x00000001, 0x00000000), (4, 2), 0, 1, terms='H', levels=9, steps=3 * 2**k)"
    )


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: brownian(t1=0.0), ValueError, r"\(t0, t1\) must be strictly monotone"),
        (lambda: brownian(t1=np.inf), ValueError, r"\(t0, t1\) must be finite"),
        (lambda: brownian(terms="X"), ValueError, 'letters of "HKA"'),
        (lambda: brownian(terms=None), TypeError, "terms must be a str"),
        (lambda: brownian(levels=-1), ValueError, "levels must be at least 0"),
        (lambda: brownian(levels=1.5), TypeError, "levels must be an int"),
        (lambda: brownian(levels=25), ValueError, "levels must be at most 24"),
        (lambda: brownian(t0=1e9, t1=1e9 + 1), ValueError, "shift the origin of time"),
        (lambda: brownian().increment(0.0, 1.0, "X"), ValueError, 'letters of "HKA"'),
        (lambda: brownian(shape=(3,)).increment(0.0, 1.0, "A"), ValueError, "for Levy areas A"),
        (lambda: brownian(steps=0), ValueError, "steps must be at least 1"),
        (lambda: brownian(cache=0), ValueError, "cache must be at least 1"),
        (lambda: brownian(shape=(3,), terms="A"), ValueError, "for Levy areas A"),
        (lambda: brownian(shape=3), ValueError, "one row per path"),
        (lambda: brownian(like=[1.0]), TypeError, "like must be an array"),
        (lambda: BrownianPath(3, (1, 1), 0, 1, like=HOST), TypeError, "key must be a Key"),
        (lambda: brownian()(0.0, 1.1), ValueError, r"t must lie in \[t0, t1\] = \[0.0, 1.0\]; got 1.1"),
        (lambda: brownian()(np.nan, 1.0), ValueError, "s must lie in"),
        (lambda: brownian()("0", 1.0), TypeError, "s must be a number; got str"),
        (lambda: brownian()(True, 1.0), TypeError, "s must be a number; got bool"),
        (lambda: brownian()(0.3, 0.3 + 5e-8), ValueError, "at least 5.96e-08 apart, 2.*; got 0.3 and"),
        (lambda: brownian()(0.3, 0.3 + 1e-15), ValueError, "use a path over a shorter span"),
        (lambda: brownian(terms="A").increment(0.0, 0.333), ValueError, "t must be an end of a leaf of"),
        (lambda: brownian(terms="A").increment(0.333, 0.5), ValueError, "s must be an end of a leaf"),
        (lambda: brownian().increments([0.0, 0.5, 1.5]), ValueError, "t must lie in"),
        (lambda: chen(1, 2), TypeError, "first must be an Increment; got int"),
        (lambda: chen(brownian().increment(0.0, 1.0), HOST), TypeError, "second must be an Increment"),
    ],
)  # fmt: skip
def test_refusals(call, error, match):
    with pytest.raises(error, match=match):
        call()
