"""The Gaussian integrals of damped motion against 40-digit quadrature of their kernels."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath.sde._methods.ornstein import Weights, conditional_mean, exact_law

mp = mpmath.mp.clone()
mp.dps = 40
ROUNDING = 2e-15  # a few roundings of each of three terms
FRICTIONS = [0.0, 1e-9, 1e-3, 0.3, 3.0, 9.99, 10.01, 300.0, 1e5, -1e-4, -2.0, -12.0, -200.0]


def glide(z, r):
    """(1 - exp(-z r)) / z at r >= 0: what a unit velocity adds to the position in the time r."""
    return -mp.expm1(-z * r) / z if z else r


def integrals(z):
    """Return the conditional mean of I_q, and the covariances of (I_q, position at half the step)."""
    z, half = mp.mpf(z), mp.mpf(1) / 2
    # Boundary layers of width 1 / |z| at the ends.
    inner = [mp.mpf(k) / abs(z) for k in (1, 10, 40)] if abs(z) > 100 else []

    def over(f, end):
        cuts = sorted({0, end, *(c for c in inner), *(end - c for c in inner)})
        return mp.quad(f, cuts)

    whole, middle = (lambda s: glide(z, 1 - s)), (lambda s: glide(z, half - s))
    polynomials = [lambda s: 1, lambda s: 12 * (half - s), lambda s: 60 * (6 * s * s - 6 * s + 1)]
    mean = [over(lambda s, p=p: whole(s) * p(s), mp.mpf(1)) for p in polynomials]
    covariances = [
        over(lambda s: whole(s) ** 2, mp.mpf(1)),
        over(lambda s: whole(s) * middle(s), half),
        over(lambda s: middle(s) ** 2, half),
        over(middle, half),
    ]
    return mean, covariances


def inner(a: Weights, b: Weights) -> float:
    """Return the covariance of two weighted sums, h = 1."""
    return a.W * b.W + a.H * b.H / 12 + a.K * b.K / 720


@pytest.mark.parametrize("z", FRICTIONS)
def test_weights_against_quadrature(z):
    mean, (var_q, covariance, var_half, half_with_W) = integrals(z)
    for got, exact in zip(conditional_mean(z), mean, strict=True):
        assert got == pytest.approx(float(exact), rel=ROUNDING, abs=1e-30)
    whole, half = exact_law(z)
    assert whole[:2] == conditional_mean(z)[:2]
    assert inner(whole, whole) == pytest.approx(float(var_q), rel=ROUNDING)
    assert inner(whole, half) == pytest.approx(float(covariance), rel=ROUNDING)
    assert inner(half, half) == pytest.approx(float(var_half), rel=ROUNDING)
    np.testing.assert_allclose(half.W, float(half_with_W), rtol=ROUNDING)


@given(st.floats(-5.0, 5.0))
def test_the_exact_law_stays_near_the_conditional_mean(z):
    """Its K weighs at most 1 + z^2 / 280 as much: that keeps order 3 for I_q, by a zero-mean h^(9/2)."""
    mean, (whole, half) = conditional_mean(z), exact_law(z)
    assert 1.0 <= whole.K / mean.K <= 1.0 + z * z / 280 if z and mean.K else whole.K == 0.0
    assert half.H > 0
    assert half.K > 0


def test_limits():
    assert conditional_mean(0.0) == Weights(0.5, 1.0, 0.0)  # I_10 / h
    whole, half = exact_law(1e45)
    np.testing.assert_allclose([whole.W, half.W], [1e-45, 5e-46])  # I_q -> W / g
    assert all(map(mpmath.isfinite, (*whole, *half)))
