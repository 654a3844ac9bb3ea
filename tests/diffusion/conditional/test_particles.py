"""Weights, systematic resampling and the result object."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import diffusion, random
from diffmath.diffusion._conditional.particles import Population, check_threshold, systematic, taken


@given(
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30).filter(lambda w: sum(w) > 0.1), st.integers(0, 99)
)
def test_systematic_resampling_rounds_the_expected_number_up_or_down(weights: list[float], seed: int) -> None:
    w = np.array(weights) / np.sum(weights)
    counts = np.bincount(systematic(w, random.key(seed)), minlength=len(w))
    assert counts.sum() == len(w)
    # 1e-9: the sum of the weights is rounded.
    assert np.all(counts >= np.floor(len(w) * w - 1e-9))
    assert np.all(counts <= np.ceil(len(w) * w + 1e-9))


def test_systematic_resampling_is_unbiased() -> None:
    w = np.array([0.05, 0.4, 0.15, 0.3, 0.1])
    counts = sum(np.bincount(systematic(w, random.key(seed)), minlength=5) for seed in range(2000))
    # A count varies by at most 1/2; five standard errors, a false-positive rate of 3e-6 in all.
    np.testing.assert_allclose(counts / 2000, 5 * w, atol=5 * 0.5 / 2000**0.5)


def test_equal_weights_keep_every_row_and_one_weight_takes_all() -> None:
    np.testing.assert_array_equal(systematic(np.full(7, 1 / 7), random.key(0)), np.arange(7))
    np.testing.assert_array_equal(systematic(np.eye(5)[3], random.key(0)), np.full(5, 3))


def test_rows_are_taken_on_every_backend(xp: Any) -> None:
    x = np.arange(12.0).reshape(3, 2, 2)
    found = taken(xp.asarray(x), np.array([2, 0, 0]))
    np.testing.assert_array_equal(xp.numpy(found), x[[2, 0, 0]])


def test_weights_far_below_the_least_number() -> None:
    population = Population(3, 0.5)
    population.weigh(np.array([-2000.0, -2000.0 + np.log(3.0), -np.inf]), "the reward", 0.0)
    np.testing.assert_allclose(population.weights, [0.25, 0.75, 0.0])
    assert abs(population.log_evidence - (-2000.0 + np.log(4.0 / 3.0))) < 1e-9
    assert abs(population.ess[0] - 1.0 / (0.0625 + 0.5625)) < 1e-12


def test_resampling_below_the_threshold_only() -> None:
    for threshold, resamples in ((0.4, False), (0.6, True)):
        population = Population(4, threshold)
        population.weigh(np.log([0.5, 0.5, 1e-9, 1e-9]), "the reward", 0.0)  # the effective size is 2 of 4
        rows = population.chosen(random.key(0))
        assert (rows is not None) == resamples
        if rows is not None:
            np.testing.assert_array_equal(population.ancestors, rows)
            np.testing.assert_array_equal(population.weights, np.full(4, 0.25))
            assert set(rows) == {0, 1}


def test_the_result(xp: Any) -> None:
    x = np.array([[1.0, 0.0], [3.0, 2.0], [5.0, 4.0]])
    found = diffusion.Particles(
        xp.asarray(x),
        np.array([0.5, 0.5, 0.0]),
        -1.0,
        np.array([3.0, 2.0]),
        np.array([True, False]),
        np.arange(3),
    )
    np.testing.assert_allclose(xp.numpy(found.mean()), [2.0, 1.0])
    rows = xp.numpy(found.resample(random.key(0)))
    assert set(rows[:, 0]) == {1.0, 3.0}
    assert repr(found) == "Particles(batch=3, log_evidence=-1, ess=2, resampled=1 of 2)"


def test_refusals() -> None:
    with pytest.raises(ValueError, match="it is nan in row 1"):
        Population(2, 0.5).weigh(np.array([0.0, np.nan]), "the reward", 0.5)
    with pytest.raises(ValueError, match="the reward is -inf in every row at t="):
        Population(2, 0.5).weigh(np.full(2, -np.inf), "the reward", 0.5)
    with pytest.raises(ValueError, match=r"threshold must be in \[0, 1\]"):
        check_threshold(1.5)
    with pytest.raises(TypeError, match="threshold must be a number"):
        check_threshold(None)


def test_no_particles_are_refused() -> None:
    with pytest.raises(ValueError, match="rows of x_T, which must have at least one; got none"):
        Population(0, 0.5)
