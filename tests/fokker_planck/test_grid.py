"""Grids and Gaussian cell averages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from diffmath import fokker_planck as fp


def test_cells_of_a_uniform_grid():
    grid = fp.Grid.uniform((-1, 1), 4)
    np.testing.assert_array_equal(grid.edges[0], [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_array_equal(grid.centers, [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_array_equal(grid.widths, 0.5)
    assert grid.cells == 4
    assert repr(grid) == "Grid([-1, 1], 4 cells, reflecting)"


def test_boundaries_are_a_kind_or_a_pair():
    grid = fp.Grid.from_edges([0.0, 1.0, 3.0], boundary=("absorbing", "reflecting"))
    assert grid.boundary == (("absorbing", "reflecting"),)
    assert repr(grid) == "Grid([0, 3], 2 cells, absorbing | reflecting)"
    assert fp.Grid.uniform((0, 1), 2, boundary="absorbing").boundary == (("absorbing", "absorbing"),)


def test_a_grid_cannot_be_changed_from_outside():
    edges = np.array([0.0, 1.0, 2.0])
    grid = fp.Grid.from_edges(edges)
    edges[0] = -5.0
    assert grid.edges[0][0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        grid.edges[0][0] = 1.0


@pytest.mark.parametrize(
    ("build", "error", "match"),
    [
        (lambda: fp.Grid.uniform((0, 1), 1), ValueError, "cells must be at least 2; got 1"),
        (lambda: fp.Grid.uniform((0, 1), 2.5), TypeError, "cells must be an int; got float"),
        (lambda: fp.gaussian(None, 0.0, 1.0), TypeError, "grid must be a Grid; got NoneType"),
        (lambda: fp.gaussian(fp.Grid.uniform((0, 1), 2), "0", 1.0), TypeError, "mean must be a number"),
        (lambda: fp.Grid.uniform((1, 1), 4), ValueError, "interval must be strictly monotone"),
        (lambda: fp.Grid.uniform((0, np.inf), 4), ValueError, "interval must be finite"),
        (
            lambda: fp.Grid.uniform(((0, 1), (0, 1)), 4),
            ValueError,
            r"interval must be those of one axis.* shape \(2, 2\): a Grid has one axis",
        ),
        (lambda: fp.Grid.from_edges(np.zeros((2, 5))), ValueError, "edges must be those of one axis"),
        (lambda: fp.Grid.uniform(0.0, 4), ValueError, r"interval must be a vector of at least 2 numbers"),
        (lambda: fp.Grid.from_edges([0.0]), ValueError, "edges must be a vector of at least 3 edges"),
        (lambda: fp.Grid.uniform((0, 1, 2), 4), ValueError, r"interval must be \(low, high\)"),
        (lambda: fp.Grid.from_edges([2.0, 1.0, 0.0]), ValueError, "edges must increase"),
        (lambda: fp.Grid.from_edges([0.0, 1.0, 1.0]), ValueError, r"edges\[1\]=1.0 and edges\[2\]=1.0"),
        (lambda: fp.Grid.from_edges([0.0, 1.0]), ValueError, "edges must be a vector of at least 3"),
        (
            lambda: fp.Grid.uniform((0, 1), 4, boundary="open"),
            ValueError,
            "boundary must be one of .*got 'open'",
        ),
        (lambda: fp.Grid.uniform((0, 1), 4, boundary=("absorbing",)), ValueError, "a pair"),
        (lambda: fp.Grid((np.arange(3.0),) * 2), ValueError, "one axis in this version; got 2"),
    ],
)
def test_grids_that_cannot_be_are_refused(build, error, match):
    with pytest.raises(error, match=match):
        build()


@given(mean=st.floats(-1, 1), std=st.floats(1e-6, 1.0), cells=st.integers(2, 60))
def test_gaussian_averages_have_the_exact_distribution_function(mean, std, cells):
    grid = fp.Grid.uniform((-8, 8), cells)
    p = fp.gaussian(grid, mean, std)
    assert (p >= 0).all()
    # At most 60 additions of rounding errors of 1; 1e-12 is the mass outside at 7 standard deviations.
    np.testing.assert_allclose(np.cumsum(p * grid.widths), ndtr((grid.edges[0][1:] - mean) / std), atol=1e-11)


def test_gaussian_tails_keep_their_relative_accuracy():
    p = fp.gaussian(fp.Grid.uniform((-20, 20), 400), 0.0, 1.0)
    assert p.min() > 0
    np.testing.assert_allclose(p, p[::-1], rtol=1e-12)


@pytest.mark.parametrize(
    ("mean", "std", "match"),
    [
        (0.0, 0.0, "std must be positive"),
        (0.0, np.nan, "std must be positive"),
        (np.inf, 1.0, "mean must be finite"),
        (0.9, 0.1, r"0.16 lies outside \[-1, 1\]: widen it"),
    ],
)
def test_gaussians_that_do_not_fit_are_refused(mean, std, match):
    with pytest.raises(ValueError, match=match):
        fp.gaussian(fp.Grid.uniform((-1, 1), 10), mean, std)
