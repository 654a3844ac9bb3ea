"""Which rows of an iteration go on, have converged or are lost: one iteration at a time, or all at once."""

import numpy as np
import pytest

from diffmath._newton.convergence import Convergence, first_rate, judge_all


@pytest.mark.parametrize(
    ("distances", "active", "broken"),
    [
        ([1e6, 1e3], True, False),  # theta = 1e-3 leaves 1.001: just not
        ([1e6, 1e4, 1e2], True, False),
        ([1e6, 1e4, 1e2, 0.9], False, False),
        ([1e3, 900.0], True, False),  # slow, and far from its goal: not what round-off looks like
        ([1e6, 1e4, 99.0], False, False),  # theta = 0.0099 leaves 0.99
        ([40.0, 25.0], False, False),  # stalled close to its goal
        ([40.0, 29.9], False, False),
        ([40.0, 30.1], True, False),
        ([60.0, 24.0], True, False),  # close to its goal, but not stalled: the next correction is 0.4 of it
        ([10.0, 21.0], False, False),
        ([100.0, 201.0], False, True),  # diverges
        ([np.nan], False, True),
        ([10.0, np.inf], False, True),
        ([0.0], False, False),
    ],
)
def test_a_row_goes_on_until_it_has_converged_or_is_lost(distances, active, broken):
    rows = Convergence(np.array([True, False]), np.ones(2))
    for distance in distances:
        rows.judge(np.array([distance, np.nan]))
    assert rows.active.tolist() == [active, False]
    assert rows.broken.tolist() == [broken, False]  # a row that was done before is left alone


def _random(rng, made, rows):
    """Distances that shrink, stall, grow, and are zero, infinite or nan, with the rate before the first."""
    theta = 10.0 ** rng.uniform(-4, 0.6, (made, rows))
    d = 10.0 ** rng.uniform(-3, 6, rows) * np.cumprod(theta, axis=0)
    for value in (0.0, np.inf, np.nan):
        d = np.where(rng.uniform(size=d.shape) < 0.02, value, d)
    return d, 10.0 ** rng.uniform(-5, 1, rows), rng.uniform(size=rows) < 0.9


@pytest.mark.parametrize("made", [1, 2, 3, 7])
@pytest.mark.parametrize("last", [False, True])
def test_all_iterations_are_judged_as_one_after_the_other(xp, made, last):
    d, rate, active = _random(np.random.default_rng(made), made, 400)
    rows, needed = Convergence(active.copy(), rate), np.zeros(400)
    taken, converged = [], np.zeros(400, dtype=bool)
    for distance in d:
        before = rows.active
        needed += before
        moving = rows.judge(distance)
        converged |= moving & ~rows.active
        taken.append(before)
    if not last:
        needed += rows.active
    send = [
        xp.asarray(values, dtype) for values, dtype in ((d, "float64"), (rate, "float64"), (active, "bool"))
    ]
    found = judge_all(*send, last=last)
    np.testing.assert_array_equal(xp.numpy(found.needed), needed)
    np.testing.assert_array_equal(xp.numpy(found.converged), converged)
    np.testing.assert_array_equal(xp.numpy(found.taken), taken)
    # Of a row that has failed, no later stage uses the rate.
    np.testing.assert_array_equal(xp.numpy(found.rate)[converged], rows.rate[converged])
    assert made == 1 or 20 < converged.sum() < 380


def test_the_first_rate_is_the_same_in_every_library(xp):
    rate = np.array([1.0, 0.1, 1e-30])
    np.testing.assert_allclose(xp.numpy(first_rate(xp.asarray(rate))), [1.0, 0.1**0.8, 1e-6], rtol=1e-14)
