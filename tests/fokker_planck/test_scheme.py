"""Rates and stationary densities: signs, conservation, order, multiplicative noise, both calculi."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import t as student

from diffmath import fokker_planck as fp
from diffmath import sde
from diffmath.fokker_planck._scheme import bernoulli, rates


def additive(drift, g):
    return sde.SDE(drift, lambda t, x: 0.0 * x + g, noise="additive")


OU = additive(lambda t, x: -x, 1.0)
CELLS = [50, 100, 200, 400, 800]


def order(errors):
    """Slope over halvings of the cell."""
    return np.polyfit(np.arange(len(errors)), -np.log2(errors), 1)[0]


def test_bernoulli_without_cancellation():
    # 1 - z/2 + z^2/12 near 0 (next term z^4/720), z exp(-z) far out.
    np.testing.assert_allclose(bernoulli(np.array([0.0, 1e-16, 1e-9])), [1.0, 1.0, 1.0 - 5e-10], rtol=1e-15)
    np.testing.assert_allclose(bernoulli(np.array([1e-3])), 1 - 5e-4 + 1e-6 / 12, rtol=1e-14)
    np.testing.assert_allclose(bernoulli(np.array([50.0])), 50 * np.exp(-50.0), rtol=1e-13)
    np.testing.assert_array_equal(bernoulli(np.array([800.0, np.inf])), 0.0)


@given(
    speed=st.floats(-1e6, 1e6), bend=st.floats(-3, 3), g=st.sampled_from([0.0, 1e-160, 1e-8, 0.3, 1.0, 1e3]),
    slope=st.floats(-2, 2), calculus=st.sampled_from(["ito", "stratonovich"]), cells=st.integers(2, 30),
    ends=st.tuples(*[st.sampled_from(["reflecting", "absorbing"])] * 2), seed=st.integers(0, 99),
)  # fmt: skip
def test_every_generator_is_that_of_a_markov_chain(speed, bend, g, slope, calculus, cells, ends, seed):
    """Nonnegative rates and columns that conserve mass inside, for every Peclet number, also where D = 0."""
    model = sde.SDE(lambda t, x: speed + bend * x, lambda t, x: g + slope * x, calculus=calculus)
    edges = np.sort(np.random.default_rng(seed).uniform(-1, 1, cells + 1))
    chain = rates(model, fp.Grid.from_edges(edges, boundary=ends), 0.0)
    for values in (chain.up, chain.down, np.array(chain.out)):
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    for rate, kind in zip(chain.out, ends, strict=True):
        assert rate == 0 or kind == "absorbing"
    dense = np.zeros((cells, cells))
    bands = chain.bands(1.0)
    for offset, band in ((1, bands[0, 1:]), (0, bands[1]), (-1, bands[2, :-1])):
        dense += np.diag(band, offset)
    lost = np.zeros(cells)
    lost[[0, -1]] += chain.out
    np.testing.assert_allclose(dense.sum(axis=0), 1.0 + lost, atol=1e-14 * abs(dense).max(), rtol=1e-14)


def test_stationary_density_of_ornstein_uhlenbeck_is_second_order():
    errors = []
    for cells in CELLS:
        grid = fp.Grid.uniform((-5, 5), cells)
        exact = np.diff(ndtr(grid.edges[0] * np.sqrt(2)))
        errors.append(abs(fp.stationary(OU, grid) * grid.widths - exact).sum())
    assert order(errors) == pytest.approx(2.0, abs=0.15)
    assert errors[-1] < 1e-4


@pytest.mark.parametrize("calculus", ["ito", "stratonovich"])
def test_stationary_density_with_multiplicative_noise(calculus):
    """For g = s sqrt(1 + x^2), p ~ (1 + x^2)^(-1 - 1/s^2), and Stratonovich adds s^2 x / 2 to the drift."""
    s, errors = 0.8, []
    nu = 1 + 2 / s**2 - (1.0 if calculus == "stratonovich" else 0.0)
    model = sde.SDE(lambda t, x: -x, lambda t, x: s * np.sqrt(1 + x**2), calculus=calculus)
    for cells in CELLS:
        grid = fp.Grid.from_edges(np.sinh(np.linspace(-5, 5, cells + 1)))
        exact = np.diff(student.cdf(grid.edges[0] * np.sqrt(nu), nu))
        errors.append(abs(fp.stationary(model, grid) * grid.widths - exact / exact.sum()).sum())
    assert order(errors) == pytest.approx(2.0, abs=0.15)
    assert errors[-1] < 3e-4


def test_the_wrong_calculus_would_be_seen():
    """Power of the test above: Ito and Stratonovich densities differ by a hundred times its bound."""
    grid = fp.Grid.from_edges(np.sinh(np.linspace(-5, 5, 401)))
    ito, strat = (
        fp.stationary(sde.SDE(lambda t, x: -x, lambda t, x: 0.8 * np.sqrt(1 + x**2), calculus=c), grid)
        for c in ("ito", "stratonovich")
    )
    assert abs((ito - strat) * grid.widths).sum() > 3e-2


def test_the_double_well_identity():
    """E[x^4] - E[x^2] = D for the drift x - x^3, by partial integration."""
    errors = []
    for cells in CELLS:
        grid = fp.Grid.uniform((-4, 4), cells)
        mass = fp.stationary(additive(lambda t, x: x - x**3, 0.7), grid) * grid.widths
        errors.append(abs(mass @ (grid.centers**4 - grid.centers**2) - 0.245))
    assert order(errors) == pytest.approx(2.0, abs=0.15)


def test_far_tails_keep_their_relative_accuracy():
    grid = fp.Grid.uniform((-12, 12), 4800)
    log_p = np.log(fp.stationary(OU, grid))
    far = abs(grid.centers) < 10
    # -x^2 exactly, to second order in the cell: at x = 10 the density is 1e-44.
    expected = -(grid.centers**2) - 0.5 * np.log(np.pi)
    np.testing.assert_allclose(log_p[far], expected[far], atol=1e-3)


@pytest.mark.parametrize(
    "model",
    [sde.SDE(lambda t, x: -x, lambda t, x: np.ones((*x.shape, 4)) / 2, noise="general"),
     sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 1.0, noise="scalar")],
    ids=["matrix", "scalar"],
)  # fmt: skip
def test_every_noise_has_a_diffusivity(model):
    grid = fp.Grid.uniform((-5, 5), 100)
    np.testing.assert_allclose(fp.stationary(model, grid), fp.stationary(OU, grid), rtol=1e-12)


def test_a_drift_without_noise_leaves_through_the_end_it_points_to():
    grid = fp.Grid.uniform((0, 1), 10, boundary="absorbing")
    for speed, expected in ((3.0, (0.0, 30.0)), (-3.0, (30.0, 0.0))):
        assert rates(additive(lambda t, x, f=speed: 0.0 * x + f, 0.0), grid, 0.0).out == pytest.approx(
            expected
        )


def test_absorbing_ends_know_the_stratonovich_drift():
    """For g^2 = x the correction g g'/2 = 1/4 is found exactly by differences, at both ends."""
    grid = fp.Grid.from_edges([1.0, 1.2, 1.5, 2.0, 3.0], boundary="absorbing")
    strat = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: np.sqrt(x), calculus="stratonovich")
    ito = sde.SDE(lambda t, x: 0.0 * x + 0.25, lambda t, x: np.sqrt(x))
    one, other = rates(strat, grid, 0.0), rates(ito, grid, 0.0)
    for a, b in ((one.up, other.up), (one.down, other.down), (one.out, other.out)):
        np.testing.assert_allclose(a, b, rtol=1e-14)


@pytest.mark.parametrize(
    ("model", "boundary", "match"),
    [
        (OU, "absorbing", "stationary needs reflecting"),
        (additive(lambda t, x: -x, 0.0), "reflecting", "stationary needs positive rates"),
        (additive(lambda t, x: -x, 1e-3), "reflecting", "refine the grid"),
        (additive(lambda t, x: np.log(x - 9), 1.0), "reflecting", "drift.* must be finite.*x=-5"),
        (additive(lambda t, x: -x, 1e200), "reflecting", "the rates overflow"),
        (sde.SDE(lambda t, x: -x, lambda t, x: x * np.nan), "reflecting", "diffusion.* must be finite"),
        (sde.SDE(lambda t, x: x[:, 0], lambda t, x: x), "reflecting", "drift.* must return shape"),
        (sde.SDE(lambda t, x: x, lambda t, x: x[:, 0]), "reflecting", "diffusion.* must return shape"),
    ],
)  # fmt: skip
def test_refusals(model, boundary, match):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=match):
        fp.stationary(model, fp.Grid.uniform((-5, 5), 40, boundary=boundary))


@pytest.mark.parametrize(
    ("options", "match"),
    [({"grid": 3}, "grid must be a Grid; got int"), ({"t": "now"}, "t must be a number; got str")],
)
def test_arguments_of_the_wrong_kind_are_refused(options, match):
    with pytest.raises(TypeError, match=match):
        fp.stationary(**({"model": OU, "grid": fp.Grid.uniform((-5, 5), 40)} | options))


def test_something_that_is_no_sde_is_refused():
    with pytest.raises(TypeError, match=r"model must be an sde.SDE or a symbolic.SDE; got function"):
        fp.stationary(lambda t, x: -x, fp.Grid.uniform((-5, 5), 40))


@pytest.mark.parametrize("noise", ["additive", "diagonal", "scalar"])
def test_a_diffusion_may_be_a_number_or_a_matrix_for_all(noise):
    grid = fp.Grid.uniform((-2, 2), 16)
    full = fp.stationary(sde.SDE(lambda t, x: -x, lambda t, x: 0.7 + 0 * x, noise=noise), grid)
    for g in (0.7, np.array([0.7]), np.array([[0.7]])):
        found = fp.stationary(sde.SDE(lambda t, x: -x, lambda t, x, g=g: g, noise=noise), grid)
        np.testing.assert_array_equal(found, full)
    with pytest.raises(TypeError, match=r"drift must take two arguments.*args="):
        fp.stationary(sde.SDE(lambda t, x, k: -k * x, lambda t, x, k: k, noise=noise), grid)
