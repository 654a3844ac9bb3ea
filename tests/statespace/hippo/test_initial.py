"""Initialisations of diagonal models: the published formulas, and what converges (and what does not)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import block_diag

from diffmath import statespace as ss


@pytest.mark.parametrize("order", [2, 4, 16, 64])
def test_published_formulas(order):
    poles, B = ss.s4d_lin(order)
    np.testing.assert_array_equal(poles, [complex(-0.5, np.pi * n) for n in range(order // 2)])
    np.testing.assert_array_equal(B, np.ones(order // 2))
    poles, B = ss.s4d_inv(order)
    # The S4 code: 1/pi * N * (N / (1 + 2n) - 1), in another order of operations.
    expected = [1 / np.pi * order * (order / (1 + 2 * n) - 1) for n in range(order // 2)]
    np.testing.assert_allclose(poles.imag, expected, rtol=1e-14)
    np.testing.assert_array_equal(poles.real, -0.5)
    np.testing.assert_array_equal(B, np.ones(order // 2))
    poles, B = ss.s4d_real(order)
    np.testing.assert_array_equal(poles, [-n - 1.0 for n in range(order)])
    np.testing.assert_array_equal(B, np.ones(order))


@pytest.mark.parametrize("order", [2, 4, 16, 64])
def test_legs_has_the_spectrum_of_the_normal_part(order):
    """eigvals of A + P P^T, an independent route, and its input in the unit eigenvectors."""
    poles, B = ss.s4d_legs(order)
    legs, P = ss.legs(order), np.sqrt(np.arange(order) + 0.5)
    values = np.linalg.eigvals(legs.A + np.outer(P, P))
    expected = np.sort(values.imag)[: order // 2 - 1 : -1]
    np.testing.assert_allclose(poles.imag, expected, rtol=1e-11)  # eps N^2 / pi over the least, 0.3
    np.testing.assert_allclose(poles.real, -0.5, atol=1e-13)
    np.testing.assert_allclose(poles.imag, ss.dplr(legs).eigenvalues.imag[: order // 2 - 1 : -1], rtol=1e-13)
    assert (B.real > 0).all()
    assert not B.imag.any()
    # Half of it, each conjugate counted once: B B^T sums to order^2.
    assert 2 * np.sum((2 * B.real) ** 2) == pytest.approx(order**2, rel=1e-13)


def test_the_inverse_law_follows_legs():
    """Below by 1/N at the top, by up to 22 % in the middle; above by a logarithm at the bottom."""
    bottom = []
    for order in (64, 128, 256, 512):
        ratio = ss.s4d_inv(order)[0].imag / ss.s4d_legs(order)[0].imag - 1
        assert ratio[0] * order == pytest.approx(-1, abs=0.03)
        assert ratio.min() == pytest.approx(-0.222, abs=0.001)
        assert ratio[-1] == ratio.max()
        bottom.append(ratio[-1])
    assert bottom[0] == pytest.approx(0.2255, abs=1e-3)
    assert bottom[2] == pytest.approx(0.504, abs=1e-3)
    np.testing.assert_allclose(np.diff(bottom), 0.14, atol=0.003)  # each octave adds as much


def _legs_response(n, s):
    top, bottom = np.ones_like(s), np.ones_like(s)
    for k in range(n):
        top = top * (s - k)
    for k in range(1, n + 2):
        bottom = bottom * (s + k)
    return np.sqrt(2 * n + 1) * top / bottom


@pytest.mark.parametrize("n", [0, 1, 3])
def test_s4d_legs_converges_weakly(n):
    """The response at a frequency converges, at zero exactly; the kernel keeps an error."""
    s, errors = 1j * np.linspace(0, 50, 2001), []
    for order in (16, 64, 256):
        modes = ss.dplr(ss.legs(order))
        weights = modes.V[n] * modes.B / 2
        response = (weights / (s[:, None] - modes.eigenvalues)).sum(axis=1)
        error = np.abs(response - _legs_response(n, s))
        assert error[0] < 1e-12  # the constant; order eps times weights of order
        errors.append(error.max())
        if n == 0:
            # The integral of (K - exp(-t))^2 in closed form: all products of two modes.
            lam, w = np.append(modes.eigenvalues, -1.0), np.append(weights, -1.0)
            energy = (w @ (-1 / (lam[:, None] + lam.conj())) @ w.conj()).real
            assert energy == pytest.approx(0.25 - 0.5 / order**2, rel=1e-9)
    assert errors[1] < errors[0] / 5
    assert errors[2] < errors[1] / 5
    if n == 0:
        np.testing.assert_allclose(errors, [0.218, 0.0303, 0.00472], rtol=0.01)


def test_the_half_is_needed():
    """The S4 code leaves it out: then a constant is remembered twice as large."""
    modes = ss.dplr(ss.legs(64))
    response = (modes.V[0] * modes.B / -modes.eigenvalues).sum()
    assert abs(response - 2.0) < 1e-12
    assert 2 * ss.s4d_legs(64)[1].real.max() == pytest.approx(40.75, abs=0.01)  # and B is clipped there at 2


@pytest.mark.parametrize(("order", "blocks"), [(8, 1), (8, 2), (8, 4), (48, 6)])
def test_s5_blocks(order, blocks):
    poles, V = ss.s5_blocks(order, blocks)
    m = order // blocks
    P = np.sqrt(np.arange(m) + 0.5)
    normal = block_diag(*[ss.legs(m).A + np.outer(P, P)] * blocks)
    np.testing.assert_allclose(normal @ V, V * poles, atol=1e-13 * m**2)
    np.testing.assert_allclose(V.conj().T @ V, np.eye(order // 2), atol=1e-14 * m)
    np.testing.assert_allclose(poles, np.tile(ss.s4d_legs(m)[0], blocks), atol=1e-13 * m**2)
    # A real system in these coordinates: y = 2 Re(C V x) of the modes V* B.
    rng = np.random.default_rng(0)
    B, C = rng.standard_normal(order), rng.standard_normal(order)
    exact = ss.frequency_response(ss.StateSpace(normal, B, C=C), np.array([0.3, 7.0]))
    modal = ss.modal(poles, V.conj().T @ B, C @ V)
    np.testing.assert_allclose(ss.frequency_response(modal, np.array([0.3, 7.0])), exact, rtol=1e-11)
    column = V[:m, : m // 2].conj().T @ ss.legs(m).B
    np.testing.assert_allclose(column, 2 * ss.s4d_legs(m)[1], atol=1e-12 * m)  # positive phases


def test_they_feed_the_diagonal_kernel():
    for make in (ss.s4d_lin, ss.s4d_inv, ss.s4d_legs):
        poles, B = make(16)
        C = np.random.default_rng(0).standard_normal(8) + 0j
        K = ss.diagonal_kernel(poles, C * B, 100, dt=0.01)
        exact = ss.kernel(ss.zoh(ss.modal(poles, B, C), 0.01), 100)
        np.testing.assert_allclose(K, exact, atol=1e-12)
    poles, B = ss.s4d_real(5)
    K = ss.diagonal_kernel(poles, B, 3, dt=1.0, method="impulse", pairs=False)
    np.testing.assert_allclose(K, [np.exp(-t * np.arange(1, 6)).sum() for t in range(3)], rtol=1e-14)


MAKERS = [ss.s4d_lin, ss.s4d_inv, ss.s4d_legs, ss.s4d_real, lambda order, **k: ss.s5_blocks(order, 2, **k)]


@pytest.mark.parametrize("make", MAKERS)
def test_backends(xp, make):
    expected = make(8)
    for dtype, narrow in (("float64", "complex128"), ("float32", "complex64")):
        kind = dtype if make is ss.s4d_real else narrow
        by_like = make(8, like=xp.empty(dtype))
        by_dtype = make(8, like=xp.empty(), dtype=getattr(xp.xp, dtype))
        for got in (by_like, by_dtype):
            for array, exact in zip(got, expected, strict=True):
                assert xp.numpy(array).dtype == kind
                np.testing.assert_allclose(xp.numpy(array), exact, rtol=np.finfo(dtype).eps)


@pytest.mark.parametrize("make", MAKERS)
def test_refusals(make):
    with pytest.raises(TypeError, match="order must be an int; got float"):
        make(4.0)
    with pytest.raises(ValueError, match="order must be at least 1; got 0"):
        make(0)
    with pytest.raises(TypeError, match="dtype must be float32 or float64; got"):
        make(4, dtype=np.complex128)
    if make is not ss.s4d_real:
        with pytest.raises(ValueError, match=r"order must be (even|a multiple of 2 blocks)"):
            make(7)
    with pytest.raises(ValueError, match="order must be a multiple of 2 blocks = 6; got 8"):
        ss.s5_blocks(8, 3)
