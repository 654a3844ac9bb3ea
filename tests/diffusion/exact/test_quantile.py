"""The quantile map of mixtures in 60 digits of mpmath, in both tails and between far components."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from diffmath.diffusion._exact import LineMixture, mixture_map

WEIGHTS, MEANS, VARIANCES = np.array([0.2, 0.5, 0.3]), np.array([-3.0, 0.5, 4.0]), np.array([0.04, 0.5, 0.09])


def law(alpha, sigma, variances=VARIANCES):
    return LineMixture(WEIGHTS, alpha * MEANS, np.sqrt(alpha**2 * variances + sigma**2))


def error(source, target, x, y):
    """The distance from y to the quantile of the level of x, by one Newton step in 60 digits."""
    with mp.workdps(60):
        side = 1 if x > 0 else -1  # the tail on that side, without a difference from 1

        def tail(mixture, z):
            return sum(
                w * mp.erfc(side * (mp.mpf(z) - m) / (mp.sqrt(2) * d)) / 2
                for w, m, d in zip(mixture.weights, mixture.means, mixture.deviations)
            )

        density = sum(
            w * mp.npdf(y, m, d) for w, m, d in zip(target.weights, target.means, target.deviations)
        )
        return abs(float((tail(target, y) - tail(source, x)) / density))


PAIRS = [
    ((0.0, 1.0), (1.0, 0.0)),
    ((1.0, 0.0), (0.01, 1.0)),
    ((0.6, 0.8), (0.9, 0.3)),
    ((1.0, 5.0), (1.0, 1e-3)),
]


@pytest.mark.parametrize(("start", "end"), PAIRS)
def test_both_tails_and_the_gaps_are_exact(start, end):
    x = np.array([-1e4, -60.0, -9.0, -1.7, -1.0, 0.0, 0.3, 2.2, 2.7, 8.0, 50.0, 1e5])
    source, target = law(*start), law(*end)
    y = mixture_map(source, target, x)
    assert np.all(np.diff(y) > 0)
    # A few eps of y; near a zero of y, of the widths of the components.
    worst = max(error(source, target, a, b) / max(abs(b), 0.2) for a, b in zip(x, y))
    assert worst < 1e-14


def test_there_and_back_is_the_identity():
    x = np.linspace(-6, 7, 200)
    there = mixture_map(law(1.0, 0.0), law(0.5, 0.8), x)
    # The way back into a gap of the data, with density 1e-15, magnifies roundings by up to 1e4.
    np.testing.assert_allclose(mixture_map(law(0.5, 0.8), law(1.0, 0.0), there), x, rtol=1e-11, atol=1e-12)


def test_one_component_is_affine_and_equal_ends_are_the_identity():
    one = LineMixture(np.ones(1), np.array([3.0]), np.array([2.0]))
    other = LineMixture(np.ones(1), np.array([-1.0]), np.array([0.5]))
    x = np.array([-100.0, 0.0, 1e6])
    np.testing.assert_allclose(mixture_map(one, other, x), -1 + 0.25 * (x - 3), rtol=1e-15)
    np.testing.assert_allclose(mixture_map(law(1.0, 0.1), law(1.0, 0.1), x), x, rtol=1e-15, atol=1e-15)


def test_components_may_change_their_order():
    # A narrow left component inside a wide right one: their points of equal level cross.
    wide = LineMixture(np.array([0.5, 0.5]), np.array([-1.0, 0.0]), np.array([0.1, 3.0]))
    swapped = LineMixture(np.array([0.5, 0.5]), np.array([1.0, -0.5]), np.array([2.0, 0.2]))
    x = np.linspace(-8, 8, 21)
    y = mixture_map(wide, swapped, x)
    assert max(error(wide, swapped, a, b) for a, b in zip(x, y)) < 1e-13


def test_chunks_change_nothing(monkeypatch):
    x = np.linspace(-5, 5, 11)
    whole = mixture_map(law(0.0, 1.0), law(1.0, 0.0), x)
    monkeypatch.setattr("diffmath.diffusion._exact.roots.CHUNK", 6)
    np.testing.assert_array_equal(mixture_map(law(0.0, 1.0), law(1.0, 0.0), x), whole)
    assert mixture_map(law(0.0, 1.0), law(1.0, 0.0), x[:0]).shape == (0,)
