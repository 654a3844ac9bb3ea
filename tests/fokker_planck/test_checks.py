"""The checks: exact statistics, the stated false-positive rate, and power against wrong laws."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from scipy.stats import kstest

from diffmath import fokker_planck as fp
from diffmath import random, sde

GRID = fp.Grid.uniform((-6, 6), 120)
NORMAL = fp.gaussian(GRID, 0.0, 1.0)
HOST = np.empty(0)


def normals(seed, *shape):
    return random.normal(random.key(seed), shape, like=HOST)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 300))
def test_check_cdf_is_the_kolmogorov_smirnov_statistic(seed, n):
    x = normals(seed, n)
    report = fp.check_cdf(x, ndtr, false_positive_rate=0.01)
    assert report.statistic == pytest.approx(kstest(x, "norm").statistic, abs=1e-14)
    assert report.threshold == pytest.approx(math.sqrt(math.log(200) / (2 * n)))
    assert report.n == n


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.5, 2.0))
def test_check_samples_is_the_supremum_over_edges(seed, scale):
    x = scale * normals(seed, 200, 1)
    report = fp.check_samples(x, NORMAL, GRID, false_positive_rate=0.5)
    empirical = (x <= GRID.edges[0]).mean(axis=0)
    assert report.statistic == pytest.approx(abs(empirical - ndtr(GRID.edges[0])).max(), abs=1e-8)
    assert report.passed == (report.statistic <= report.threshold)


# Rejections among 2000 correct samples, at the stated rate of 5 %: a binomial count with mean at most 100 and
# deviation at most 9.75. The upper limit is 6 deviations above (1e-8); the lower one says that the bound is
# used up and not empty: a level of 5 % is nearly attained by Kolmogorov-Smirnov at n = 400, less on edges.
REPEATS, UPPER = 2000, 160


def rejections(check):
    return sum(not check(normals(seed, 400, 2)).passed for seed in range(REPEATS))


def test_the_false_positive_rate_of_check_cdf():
    assert 40 < rejections(lambda x: fp.check_cdf(x[:, 0], ndtr, false_positive_rate=0.05)) <= UPPER


def test_the_false_positive_rate_of_check_samples():
    count = rejections(lambda x: fp.check_samples(x[:, 0], NORMAL, GRID, false_positive_rate=0.05))
    assert 20 < count <= UPPER


def test_the_false_positive_rate_of_check_projections():
    eight = [[math.cos(a), math.sin(a)] for a in np.arange(4) * math.pi / 4]
    count = rejections(
        lambda x: fp.check_projections(x, lambda d: ndtr, directions=eight, false_positive_rate=0.05)
    )
    assert 10 < count <= UPPER


@pytest.mark.parametrize(
    "wrong",
    [lambda z: 1.1 * z, lambda z: z / 1.1, lambda z: z + 0.05, lambda z: abs(z), lambda z: z + 100.0,
     lambda z: np.where(z > 0, z, 0.9 * z)],
    ids=["wider", "narrower", "shifted", "folded", "outside", "skewed"],
)  # fmt: skip
def test_wrong_laws_are_rejected_at_a_rate_of_one_in_a_million(wrong):
    x = wrong(normals(5, 50_000, 1))
    assert not fp.check_samples(x, NORMAL, GRID, false_positive_rate=1e-6).passed
    assert not fp.check_cdf(x, ndtr, false_positive_rate=1e-6).passed
    one = fp.check_projections(x, lambda d: ndtr, directions=[[1.0]], false_positive_rate=1e-6)
    assert not one.passed


def well(drift, g):
    return sde.SDE(drift, lambda t, x: 0.0 * x + g, noise="additive")


@pytest.mark.parametrize(
    ("model", "passes"),
    [
        (well(lambda t, x: x - x**3, 0.7), True),
        (well(lambda t, x: -x - x**3, 0.7), False),
        (well(lambda t, x: x - x**3, 0.7 * math.sqrt(2)), False),
        (well(lambda t, x: 1.1 * x - x**3, 0.7), False),
    ],
    ids=["right", "sign of the drift", "twice the diffusion", "ten per cent"],
)
def test_a_wrong_equation_does_not_follow_the_density(model, passes):
    """The promise of the module: paths and density agree, and only then. False-positive rate 1e-6."""
    key, grid = random.key(0), fp.Grid.uniform((-4, 4), 200)
    x0 = 0.3 * random.normal(key, (60_000, 1), like=HOST)
    x = sde.ensemble(model, x0, t_span=(0.0, 2.0), steps=100, method="milstein", key=key)
    right = well(lambda t, x: x - x**3, 0.7)
    density = fp.solve(right, fp.gaussian(grid, 0.0, 0.3), [0.0, 2.0], grid)
    report = fp.check_samples(x, density.p[-1], grid, false_positive_rate=1e-6)
    assert report.passed == passes, report


def test_a_correlation_is_seen_by_projections_only():
    z = normals(2, 50_000, 2)
    x = np.stack([z[:, 0], 0.2 * z[:, 0] + math.sqrt(0.96) * z[:, 1]], axis=1)
    options = {"false_positive_rate": 1e-6}
    assert fp.check_projections(x, lambda d: ndtr, directions=np.eye(2), **options).passed
    report = fp.check_projections(x, lambda d: ndtr, key=random.key(0), **options)
    assert not report.passed
    assert "of 32 directions" in report.detail


def test_a_law_that_depends_on_the_direction():
    scales = np.array([1.0, 3.0, 0.2])
    x = normals(9, 20_000, 3) * scales

    def projected(direction):
        return lambda s: ndtr(s / np.linalg.norm(scales * direction))

    options = {"key": random.key(3), "false_positive_rate": 1e-6}
    report = fp.check_projections(x, projected, directions=64, **options)
    assert report.passed, report
    assert report.threshold == pytest.approx(math.sqrt(math.log(2 * 64 / 1e-6) / 40_000))
    assert not fp.check_projections(1.1 * x, projected, directions=64, **options).passed


def test_directions_are_normalised():
    x, options = normals(9, 500, 2), {"false_positive_rate": 1e-6}
    unit = fp.check_projections(x, lambda d: ndtr, directions=[[0.6, 0.8]], **options)
    assert fp.check_projections(x, lambda d: ndtr, directions=[[3, 4]], **options) == unit


def test_a_tolerance_admits_a_bias():
    x = normals(1, 100_000) + 0.05
    assert not fp.check_cdf(x, ndtr, false_positive_rate=1e-6).passed
    report = fp.check_cdf(x, ndtr, false_positive_rate=1e-6, tolerance=0.03)
    assert report.passed
    assert report.threshold == pytest.approx(0.03 + math.sqrt(math.log(2e6) / 2e5))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_of_every_library(xp, dtype):
    z = normals(4, 500, 1).astype(dtype)
    expected = fp.check_samples(z, NORMAL, GRID, false_positive_rate=0.01)
    assert fp.check_samples(xp.asarray(z, dtype), NORMAL, GRID, false_positive_rate=0.01) == expected
    flat = fp.check_cdf(xp.asarray(z[:, 0], dtype), ndtr, false_positive_rate=0.01)
    assert flat == fp.check_cdf(xp.asarray(z, dtype), ndtr, false_positive_rate=0.01)


def test_samples_outside_the_grid_count():
    x = np.concatenate([np.full(30, -7.0), np.linspace(-1, 1, 60), np.full(10, 9.0)])
    report = fp.check_samples(x, NORMAL, GRID, false_positive_rate=0.01)
    assert "40 of 100 samples outside" in report.detail
    assert report.statistic >= 0.3
    assert not report.passed


def test_a_report_reads_well():
    report = fp.check_samples(2 * normals(0, 1000), NORMAL, GRID, false_positive_rate=1e-3)
    assert str(report).startswith("check_samples: FAILED, 0.1")
    assert "> 0.06165 (n=1000, false-positive rate 0.001): largest difference at x=" in str(report)


def poisson_table(x):
    """P(N <= x) for a Poisson law of mean 1."""
    terms = np.cumsum([math.exp(-1) / math.factorial(k) for k in range(30)])
    return np.where(x < 0, 0.0, terms[np.clip(np.floor(x), 0, 29).astype(int)])


def test_a_law_with_atoms_is_checked_at_its_jumps():
    """The bound holds for every law: 1e-6 here; the same samples are not those of a mean of 1.05."""
    u = random.uniform(random.key(2), (50_000,), like=HOST)
    counts = np.searchsorted(poisson_table(np.arange(30.0)), u).astype(np.float64)
    options = {"false_positive_rate": 1e-6}
    report = fp.check_cdf(counts, poisson_table, **options)
    assert report.passed, report
    empirical = np.abs((counts[:, None] <= np.arange(30)).mean(axis=0) - poisson_table(np.arange(30.0)))
    assert report.statistic == pytest.approx(empirical.max(), abs=1e-14)
    assert not fp.check_cdf(counts + (u > 0.95), poisson_table, **options).passed
    assert not fp.check_cdf(counts - 1.0, poisson_table, **options).passed


def test_rates_are_refused_before_the_distribution_function_is_called():
    with pytest.raises(ValueError, match="false_positive_rate must be between 0 and 1; got 2"):
        fp.check_cdf(np.zeros(3), lambda x: 1 / 0, false_positive_rate=2)


CHECKS = {
    "check_samples": lambda x, rate: fp.check_samples(x, NORMAL, GRID, false_positive_rate=rate),
    "check_cdf": lambda x, rate: fp.check_cdf(x, ndtr, false_positive_rate=rate),
    "check_projections": lambda x, rate: fp.check_projections(
        x[:, None], lambda d: ndtr, directions=[[1.0], [-1.0]], false_positive_rate=rate
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_is_its_verdict(name):
    """False-positive rate 1e-6, on samples that do not change."""
    check, x = CHECKS[name], normals(3, 10_000)
    assert check(x, 1e-6)
    assert not check(x + 0.2, 1e-6)
    assert (check(x, 1e-6).verdict, check(x + 0.2, 1e-6).verdict) == ("passed", "failed")
    with pytest.raises(AssertionError):
        assert check(2 * x, 1e-6)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("rate", [1e-9, 1e-3, 0.5])
def test_too_few_samples_decide_nothing(name, rate):
    check = CHECKS[name]
    few = check(np.array([-0.7, 0.7]), rate)
    n = few.n_required
    assert (few.verdict, few.passed, few.failed) == ("undecided", False, False)
    with pytest.raises(
        fp.UndecidedError, match=f"UNDECIDED.*too few samples for this rate, at least {n} "
    ) as e:
        bool(few)
    assert e.value.check == few
    copy = pickle.loads(pickle.dumps(e.value))
    assert (str(copy), copy.check) == (str(e.value), few)
    # Evenly spread samples pass whatever their number, so that the number alone decides.
    for m, verdict in ((n, "passed"), (n - 1, "undecided")):
        assert check(ndtri((np.arange(m) + 0.5) / m), rate).verdict == verdict
    # What fails has failed, of however few samples.
    assert not check(np.full(n - 1, 5.0), rate)


def test_n_required_is_where_a_difference_is_certain_to_be_seen():
    """With resolution r, differences above tolerance + 2 r are seen: some exist from `n_required` on."""
    report = fp.check_cdf(normals(0, 3), ndtr, false_positive_rate=1e-3, tolerance=0.25)
    resolutions = [
        math.sqrt(math.log(2 / 1e-3) / (2 * n)) for n in (report.n_required - 1, report.n_required)
    ]
    assert 0.25 + 2 * resolutions[0] >= 1 > 0.25 + 2 * resolutions[1]
    hopeless = fp.check_cdf(normals(0, 3), ndtr, false_positive_rate=1e-3, tolerance=1.0)
    assert hopeless.n_required is None
    with pytest.raises(fp.UndecidedError, match="no number of samples is enough: use a tolerance below 1"):
        bool(hopeless)


def test_an_unknown_verdict_is_refused():
    with pytest.raises(ValueError, match=r"verdict must be one of .* got 'perhaps'"):
        fp.Check("mine", 0.1, 0.2, 1e-3, 10, "perhaps")


def test_what_solve_returns_is_checked_at_its_last_time():
    motion = well(lambda t, x: 0.0 * x, 1.0)
    density = fp.solve(motion, fp.gaussian(GRID, 0.0, 0.5), [0.0, 0.25, 0.75], GRID)
    x, options = normals(8, 20_000, 1), {"false_positive_rate": 1e-6}
    report = fp.check_samples(x, density, **options)
    assert report == fp.check_samples(x, density.p[-1], GRID, **options)
    assert report == fp.check_samples(x, density, fp.Grid.uniform((-6, 6), 120), **options)
    assert report
    with pytest.raises(ValueError, match=r"grid must be that of the solution, Grid\(\[-6, 6\], 120"):
        fp.check_samples(x, density, fp.Grid.uniform((-6, 6), 60), **options)
    with pytest.raises(TypeError, match="grid must be given with an array of densities"):
        fp.check_samples(x, density.p[-1], **options)
    cut = fp.solve(motion, NORMAL, [0.0, 1.0, 2.0], GRID, steps=10, max_steps=15, on_failure="return")
    with pytest.raises(ValueError, match=r"status is 'max_steps': pass p.p\[-1\] .* at t=1"):
        fp.check_samples(x, cut, **options)


RATE = {"false_positive_rate": 0.01}


def projections(directions):
    return fp.check_projections(np.zeros((3, 2)), lambda d: ndtr, directions=directions, **RATE)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: fp.check_samples(np.array([0.0, np.nan]), NORMAL, GRID, **RATE), ValueError, "row 1 is nan"),
        (lambda: fp.check_samples([0.0], NORMAL, GRID, **RATE), TypeError, "samples must be an array"),
        (lambda: fp.check_samples(np.zeros(0), NORMAL, GRID, **RATE), ValueError, "at least one row"),
        (lambda: fp.check_samples(np.zeros((3, 2)), NORMAL, GRID, **RATE), ValueError, "check_projections"),
        (lambda: fp.check_samples(np.zeros(3) * 1j, NORMAL, GRID, **RATE), TypeError, "real numbers"),
        (lambda: fp.check_samples(np.zeros(3), NORMAL / 2, GRID, **RATE), ValueError, "mass 1; got 0.5"),
        (lambda: fp.check_samples(np.zeros(3), -NORMAL, GRID, **RATE), ValueError, "p must be finite"),
        (lambda: fp.check_samples(np.zeros(3), NORMAL[:5], GRID, **RATE), ValueError, "one density per cell"),
        (lambda: fp.check_cdf(np.zeros(3), ndtr, false_positive_rate=0.0), ValueError, "between 0 and 1"),
        (lambda: fp.check_cdf(np.zeros(3), ndtr, tolerance=-1.0, **RATE), ValueError, "tolerance must be"),
        (lambda: fp.check_cdf(np.zeros(3), lambda x: 2 + x, **RATE), ValueError, "probabilities"),
        (lambda: fp.check_cdf(np.arange(3), lambda x: 0.5 - x / 9, **RATE), ValueError, "must not decrease"),
        (lambda: fp.check_cdf(np.zeros(3), lambda x: 0.5, **RATE), ValueError, r"cdf\(x\) must return shape"),
        (lambda: fp.check_projections(np.zeros(3), lambda d: ndtr, **RATE), ValueError, r"shape \(n, dim\)"),
        (lambda: fp.check_projections(np.zeros((3, 2)), lambda d: ndtr, **RATE), TypeError, "a Key"),
        (lambda: fp.check_samples(np.zeros(3), NORMAL, 7, **RATE), TypeError, "grid must be a Grid; got int"),
        (lambda: fp.check_cdf(np.zeros(3), ndtr, false_positive_rate="1"), TypeError, "must be a number"),
        (lambda: projections("x"), TypeError, "directions must be an int; got str"),
        (lambda: projections(True), TypeError, "directions must be an int; got bool"),
        (lambda: projections(0), ValueError, "directions must be at least 1"),
        (lambda: projections(np.eye(3)), ValueError, r"directions must have shape \(K, 2\)"),
        (lambda: projections(np.zeros((1, 2))), ValueError, "directions must be finite and not zero"),
    ],
)  # fmt: skip
def test_arguments_are_refused_by_name(call, error, match):
    with pytest.raises(error, match=match):
        call()
