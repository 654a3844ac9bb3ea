"""Brownian increments: refinement, law, rows, clocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import random, reference_only
from diffmath.random._distributions import rows_of_keys
from diffmath.sde import brownian_increments

HOST = np.empty(0)


def increments(seed, clock, shape=(3, 2), **options):
    return np.stack(list(brownian_increments(random.key(seed), clock, shape, like=HOST, **options)))


@given(
    seed=st.integers(0, 2**32 - 1),
    odd=st.sampled_from([1, 3, 5]),
    levels=st.integers(0, 4),
    finer=st.integers(1, 3),
    start=st.floats(-5, 5),
    span=st.sampled_from([-3.0, -0.1, 0.2, 7.0]),
    warp=st.floats(0.5, 2.0),
)
def test_a_refined_path_visits_the_coarse_one(seed, odd, levels, finer, start, span, warp):
    fine_steps = odd * 2 ** (levels + finer)
    clock = start + span * np.linspace(0, 1, fine_steps + 1) ** warp
    coarse = increments(seed, clock[:: 2**finer])
    fine = increments(seed, clock)
    sums = fine.reshape(coarse.shape[0], 2**finer, *coarse.shape[1:]).sum(axis=1)
    # A few roundings per level, relative to the largest increment of the path (at most about 5 sqrt(span)).
    np.testing.assert_allclose(sums, coarse, rtol=0, atol=16 * 2.3e-16 * 5 * np.sqrt(abs(span)))


def test_paths_of_other_odd_parts_are_others():
    """20 and 30 steps do not share a path: what the documentation denies is really not there."""
    twenty, thirty = increments(0, np.linspace(0, 1, 21)), increments(0, np.linspace(0, 1, 31))
    assert abs(twenty[:2].sum(axis=0) - thirty[:3].sum(axis=0)).max() > 0.01


@pytest.mark.parametrize(
    "clock",
    [np.linspace(0, 2, 13), np.linspace(1, -1, 9), np.linspace(0, 1, 8) ** 3, np.array([0.0, 0.4]),
     np.cumsum(2.0 ** -np.arange(9.0))],
    ids=["uniform", "decreasing", "cubic", "one step", "geometric"],
)  # fmt: skip
def test_increments_are_independent_with_the_variance_of_the_clock(clock):
    rows = 20_000
    dW = increments(7, clock, (rows, 1))[:, :, 0]
    scaled = dW / np.sqrt(abs(np.diff(clock)))[:, None]
    means, covariance = scaled.mean(axis=1), scaled @ scaled.T / rows
    # Every entry is a mean of 20000 products with variance 1 (2 on the diagonal); 7 sigma each, at most 90
    # entries per clock: false-positive rate below 1e-9 in all.
    assert abs(means).max() < 7 / np.sqrt(rows)
    assert abs(covariance - np.eye(len(dW))).max() < 7 * np.sqrt(2 / rows)


def test_a_wrong_variance_would_be_seen():
    """The check above has power: 5 % more standard deviation is rejected by its threshold."""
    dW = 1.05 * increments(7, np.linspace(0, 1, 9), (20_000, 1))[:, :, 0] * np.sqrt(8)
    assert abs((dW**2).mean(axis=1) - 1).min() > 7 * np.sqrt(2 / 20_000)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 12, 16])
def test_as_many_increments_as_steps(steps):
    assert increments(0, np.linspace(0, 1, steps + 1)).shape == (steps, 3, 2)


def test_rows_do_not_depend_on_the_batch_or_on_chunks():
    clock = np.linspace(0, 1, 13)
    whole = increments(3, clock, (10, 2))
    np.testing.assert_array_equal(increments(3, clock, (4, 2)), whole[:, :4])
    np.testing.assert_array_equal(increments(3, clock, (5, 2), first_row=4), whole[:, 4:9])
    assert increments(3, clock, (0, 2)).shape == (12, 0, 2)


@pytest.mark.parametrize("steps", [1, 5, 96, 1000, 1023, 2**10, 3 * 2**9])
def test_what_is_drawn_ahead_changes_nothing(monkeypatch, steps):
    """Any number of levels at once, and none: the same bits."""
    clock = np.linspace(0, 1, steps + 1) ** 1.5
    whole = increments(9, clock)
    for levels in (1, 2, 3, 5):
        monkeypatch.setattr("diffmath.sde._noise.noise._MOST_LEVELS", levels)
        np.testing.assert_array_equal(increments(9, clock), whole)


def test_the_last_row_of_all():
    last = increments(3, [0.0, 1.0], (1, 2), first_row=2**64 - 2)
    assert np.isfinite(last).all()
    assert (last != increments(3, [0.0, 1.0], (1, 2), first_row=2**64 - 3)).all()


def test_one_normal_per_step_and_a_logarithmic_stack(monkeypatch):
    """The cost that the docstring states: N draws for N steps, none of them twice."""
    keys = []
    draw = rows_of_keys.reference

    def counted(like, words, *args):
        keys.extend(map(tuple, words.tolist()))
        return draw(like, words, *args)

    monkeypatch.setattr(rows_of_keys, "reference", counted)
    with reference_only():
        increments(0, np.linspace(0, 1, 97))
        assert len(keys) == len(set(keys)) == 96
        keys.clear()
        increments(0, np.linspace(0, 1, 2**11 + 1))
    assert len(keys) == len(set(keys)) == 2**11


def test_every_backend_sees_the_same_path(xp):
    clock, like = np.linspace(0, 1, 7), xp.empty()
    expected = increments(5, clock, (4, 2))
    got = [xp.numpy(dW) for dW in brownian_increments(random.key(5), clock, (4, 2), like=like)]
    # log and cos of the backends' libraries may differ in the last places.
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


def test_single_precision_stays_single(xp):
    expected = increments(5, np.linspace(0, 1, 9), (4, 2))
    path = brownian_increments(random.key(5), np.linspace(0, 1, 9), (4, 2), like=xp.empty("float32"))
    for dW, exact in zip(path, expected, strict=True):
        assert dW.dtype == xp.xp.float32
        # Every level of the tree rounds to 6e-8 relative; nothing cancels.
        np.testing.assert_allclose(xp.numpy(dW), exact, rtol=0, atol=1e-6)


def test_single_precision_loses_nothing_to_cancellation_in_a_deep_tree():
    """Differences of stored W would be wrong by 6e-8 / 5e-4 at 2**-12 relative to an increment's size."""
    steps = 2**12
    clock = np.linspace(0, 1, steps + 1)
    single = increments(1, clock, (1, 1), dtype=np.float32).astype(np.float64)
    exact = increments(1, clock, (1, 1))
    rms = np.sqrt(((single - exact) ** 2).mean() * steps)
    assert rms < 1e-6  # 12 levels of roundings of 6e-8, in units of the increments


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"clock": [0.0, 1.0, 1.0]}, ValueError, "clock must be strictly monotone"),
        ({"clock": [0.0, np.nan]}, ValueError, "clock must be finite"),
        ({"shape": ()}, ValueError, "one row per path"),
        ({"shape": 5}, ValueError, "one row per path; got 5"),
        ({"shape": (2.5, 1)}, TypeError, r"shape\[0\] must be an int; got float"),
        ({"shape": (1, -2)}, ValueError, r"shape\[1\] must be at least 0; got -2"),
        ({"first_row": -1}, ValueError, "first_row must be at least 0"),
        ({"first_row": 1.0}, TypeError, "first_row must be an int; got float"),
        ({"first_row": 2**64 - 1}, ValueError, r"room for 1 rows below 2\*\*64; got 18446744073709551615"),
        ({"like": [1.0]}, TypeError, "like must be an array"),
        ({"key": 3}, TypeError, "key must be a Key"),
    ],
)
def test_refusals_come_before_the_first_increment(options, error, match):
    arguments = {"key": random.key(0), "clock": [0.0, 1.0], "shape": (1, 1), "like": HOST} | options
    with pytest.raises(error, match=match):
        brownian_increments(arguments.pop("key"), arguments.pop("clock"), arguments.pop("shape"), **arguments)
