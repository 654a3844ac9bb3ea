"""The quantile map of a noised interval in 50 digits of mpmath, inside and far outside."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from diffmath.diffusion._exact import box_map
from diffmath.diffusion._exact.box import log_tail


def tail(y, reach, sigma):
    """Return P(X > y), from the antiderivative phi(z) - z S(z) of the normal tail."""
    if sigma == 0:
        return mp.mpf(0.5) - mp.mpf(y) / (2 * mp.mpf(reach))
    if reach == 0:
        return mp.erfc(y / (mp.sqrt(2) * sigma)) / 2
    ends = [(mp.mpf(y) + side * mp.mpf(reach)) / mp.mpf(sigma) for side in (-1, 1)]
    near, far = (mp.npdf(z) - z * mp.erfc(z / mp.sqrt(2)) / 2 for z in ends)
    return (near - far) * mp.mpf(sigma) / (2 * mp.mpf(reach))


@pytest.mark.parametrize(("reach", "sigma"), [(1.0, 0.3), (1.0, 1e-4), (0.01, 1.0), (1e-9, 1.0), (0.0, 2.0)])
def test_the_tail_is_accurate_in_its_logarithm(reach, sigma):
    y = np.array([0.0, 0.5 * reach, reach, reach + sigma, reach + 5 * sigma, 40 * (reach + sigma)])
    with mp.workdps(50 + int(50 * (sigma > reach))):
        wanted = [float(mp.log(tail(value, reach, sigma))) for value in y]
    # The exponent is z^2/2, with z right to eps times its inputs over sigma.
    np.testing.assert_allclose(log_tail(y, reach, sigma), wanted, rtol=4e-16 * (2 + reach / sigma) + 1e-15)


PAIRS = [
    ((0.0, 1.0), (1.0, 0.0)),
    ((1.0, 0.0), (0.0, 1.0)),
    ((0.6, 0.8), (0.9, 0.1)),
    ((1.0, 0.05), (0.1, 1.0)),
    ((1.0, 0.0), (1.0, 1e-3)),
]


@pytest.mark.parametrize(("start", "end"), PAIRS)
def test_levels_are_kept(start, end):
    half = 1.5
    x = np.array([0.0, 1e-3, 0.3, 1.2, 1.499])
    x = x * start[0] if start[1] == 0 else np.append(x, [3.0, 30.0, 1e4])
    y = box_map(x, half, start, end)
    assert np.all(np.diff(y) >= 0)
    with mp.workdps(60):
        for a, b in zip(x, y):
            if end[1] == 0:
                slope = 1 / (2 * end[0] * half)
                gap = (tail(b, end[0] * half, 0) - tail(a, start[0] * half, start[1])) / slope
                assert abs(gap) < 1e-15
                continue
            wanted = tail(a, start[0] * half, start[1])
            found = tail(b, end[0] * half, end[1])
            # The change of y that corrects the tail: T over its derivative.
            slope = abs(mp.diff(lambda z: tail(z, end[0] * half, end[1]), b, h=mp.mpf(10) ** -20))
            assert abs((found - wanted) / slope) < 4e-15 * max(b, end[0] * half, end[1])


def test_there_and_back_is_the_identity():
    x = np.linspace(0, 4, 50)
    there = box_map(x, 1.0, (0.3, 1.0), (1.0, 0.2))
    np.testing.assert_allclose(box_map(there, 1.0, (1.0, 0.2), (0.3, 1.0)), x, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(box_map(x, 1.0, (0.3, 1.0), (0.3, 1.0)), x, rtol=1e-14)
