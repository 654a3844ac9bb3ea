"""Legendre series: the exact projection, and reading it back."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial.legendre import Legendre

from diffmath import statespace as ss


def test_projection_against_quadrature(xp):
    """c_n = sqrt(2n+1) sum_k u_k int_cell P_n(2s - 1) ds, each cell by Gauss quadrature."""
    u = np.random.default_rng(0).standard_normal((9, 2))
    exact = np.zeros((2, 6))
    for n in range(6):
        basis = Legendre.basis(n)
        for k in range(9):
            cell = scipy.integrate.fixed_quad(lambda s, P=basis: P(2 * s - 1), k / 9, (k + 1) / 9, n=5)[0]
            exact[:, n] += math.sqrt(2 * n + 1) * u[k] * cell
    np.testing.assert_allclose(xp.numpy(ss.project(ss.legs(6), xp.asarray(u))), exact, atol=1e-14)


@given(order=st.integers(1, 60), seed=st.integers(0, 2**32 - 1))
def test_reconstruct_against_numpy(order, seed):
    rng = np.random.default_rng(seed)
    c, t = rng.standard_normal((2, order)), rng.uniform(size=9)
    scaled = c * np.sqrt(2 * np.arange(order) + 1)
    exact = np.stack([Legendre(row)(2 * t - 1) for row in scaled])
    # Both recurrences lose some eps per degree of sums of size |c| order.
    np.testing.assert_allclose(ss.reconstruct(ss.legs(order), c, t), exact, atol=1e-14 * order**2)


def test_polynomials_come_back_exactly(xp):
    """A polynomial of degree below n is its own best approximation; its ends are 0 and 1, in this order."""
    c = xp.asarray([0.5, 0.5 / math.sqrt(3)])  # the signal t
    for t in ([0.0, 0.25, 1.0], xp.asarray([0.0, 0.25, 1.0])):
        np.testing.assert_allclose(xp.numpy(ss.reconstruct(ss.legs(2), c, t)), [0, 0.25, 1], atol=1e-15)
    assert ss.reconstruct(ss.legs(2), c, []).shape == (0,)


@pytest.mark.parametrize("frequency", [3.0, 20.0])
def test_projection_tends_to_the_spherical_bessel_functions(frequency):
    """e^{iwx} on [0, 1] has coefficients sqrt(2n+1) i^n j_n(w/2) e^{iw/2}; cells are second order."""
    n = np.arange(16)
    exact = (
        np.sqrt(2 * n + 1) * 1j**n * scipy.special.spherical_jn(n, frequency / 2) * np.exp(0.5j * frequency)
    )
    errors = []
    for samples in 2 ** np.arange(7, 12):
        x = frequency * (np.arange(samples) + 0.5) / samples
        parts = ss.project(ss.legs(16), np.stack([np.cos(x), np.sin(x)], axis=1))
        errors.append(np.linalg.norm(parts[0] + 1j * parts[1] - exact))
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.15)


def test_refusals():
    legs = ss.legs(3)
    with pytest.raises(ValueError, match=r"c must have shape \(\.\.\., 3\)"):
        ss.reconstruct(legs, np.ones(4), [0.5])
    for t, message in (([-0.1], r"t\[0\] is -0.1"), ([0.5, 1.5], r"t\[1\] is 1.5"), ([[0.5]], "1 dimension")):
        with pytest.raises(ValueError, match=message):
            ss.reconstruct(legs, np.ones(3), t)
    with pytest.raises(ValueError, match="t must be finite"):
        ss.reconstruct(legs, np.ones(3), [np.nan])


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 7, 8, 2 * 2**13 + 1, 2 * 2**13 + 2, 2 * 2**13 + 3, 40_001])
def test_folded_blocks_meet_every_edge(samples):
    """Even and odd numbers of samples, blocks full, one knot over and none: against the integrals."""
    u = np.random.default_rng(samples).standard_normal((samples, 2))
    edges = 2.0 * np.arange(samples + 1) / samples - 1.0
    P = np.stack([scipy.special.eval_legendre(n, edges) for n in range(8)])
    cells = np.concatenate([np.diff(edges)[None] / 2, np.diff((P[2:] - P[:-2]), axis=1)])
    cells[1:] *= 0.5 / np.sqrt(2 * np.arange(1, 7) + 1)[:, None]
    # Sums of `samples` terms, each rounded: eps sqrt(samples) |u| at most.
    np.testing.assert_allclose(ss.project(ss.legs(7), u), (cells @ u).T, atol=1e-13)
