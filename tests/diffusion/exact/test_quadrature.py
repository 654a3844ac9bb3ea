"""The rule on [0, 1]: exact for polynomials of its degree, and its points are roots to the last bit."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from diffmath.diffusion._exact.quadrature import unit_rule


@pytest.mark.parametrize("n", [2, 7, 48])
def test_polynomials_of_degree_2n_less_1_are_exact(n):
    points, weights = unit_rule(n)
    for degree in range(2 * n):
        assert np.sum(weights * points**degree) == pytest.approx(1 / (degree + 1), rel=2e-15)
    # The next degree is beyond it: the error is the square of the monic polynomial's norm.
    assert n > 7 or abs(np.sum(weights * points ** (2 * n)) - 1 / (2 * n + 1)) > 1e-9
    assert not points.flags.writeable


def test_the_ends_are_right_to_the_last_bit():
    points, weights = unit_rule(48)
    with mp.workdps(40):
        root = mp.findroot(lambda x: mp.legendre(48, x), mp.mpf(2 * float(points[0]) - 1))
        slope = 48 * (mp.legendre(47, root) - root * mp.legendre(48, root)) / (1 - root**2)
        assert float((1 + root) / 2) == points[0]
        # NumPy's weight is wrong by 1e-12 here.
        assert float(1 / ((1 - root**2) * slope**2)) == pytest.approx(weights[0], rel=3e-16)
