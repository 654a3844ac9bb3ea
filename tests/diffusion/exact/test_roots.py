"""Roots in a bracket: to the last bit or two, also where Newton's steps are useless."""

from __future__ import annotations

import numpy as np

from diffmath.diffusion._exact.roots import increasing_root


def solve(function, slope, count, low=-50.0, high=50.0):
    return increasing_root(
        lambda y, rows: (function(y, rows), slope(y, rows)),
        np.full(count, low), np.full(count, high), np.ones(count),
    )  # fmt: skip


def test_each_row_has_its_own_root():
    wanted = np.array([-3.0, 0.0, 1e-3, 40.0])
    found = solve(lambda y, rows: np.sinh(y - wanted[rows]), lambda y, rows: np.cosh(y - wanted[rows]), 4)
    np.testing.assert_allclose(found, wanted, rtol=4e-16, atol=3e-16)


def test_flat_steep_and_lying_slopes_are_bisected():
    for slope in (0.0, np.inf, np.nan, -1.0, 1e-300):
        found = solve(lambda y, rows: y**3 - 2.0, lambda y, rows, slope=slope: np.full(y.shape, slope), 2)
        np.testing.assert_allclose(found, 2 ** (1 / 3), rtol=1e-15)
    step = solve(lambda y, rows: np.where(y < 0.3, -1.0, 1.0), lambda y, rows: 0 * y, 1)
    np.testing.assert_allclose(step, 0.3, rtol=1e-15)


def test_an_empty_bracket_is_its_point_and_no_rows_are_no_rows():
    assert solve(lambda y, rows: y, lambda y, rows: 1 + 0 * y, 1, 7.0, 7.0) == 7.0
    assert solve(lambda y, rows: y, lambda y, rows: 1 + 0 * y, 0).shape == (0,)
