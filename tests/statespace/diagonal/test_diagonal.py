"""Diagonal kernels against the definition in extended precision, against `kernel`, and their refusals."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diffmath as dm
from diffmath import statespace as ss


def _modes(rng, channels, n):
    poles = -rng.uniform(0.1, 2.0, (channels, n)) + 1j * rng.uniform(0, 40, (channels, n))
    return poles, rng.standard_normal((channels, n)) + 1j * rng.standard_normal((channels, n))


def _definition(poles, weights, length, dt, method):
    """Recurrence coefficients and powers, one mode at a time, in 40 digits."""
    with mpmath.workdps(40):
        total = [mpmath.mpf(0)] * length
        for pole, weight in zip(poles, weights, strict=True):
            z = mpmath.mpc(complex(pole)) * mpmath.mpf(dt)
            if method == "bilinear":
                a, b = (1 + z / 2) / (1 - z / 2), dt / (1 - z / 2)
            else:
                a, b = mpmath.exp(z), dt * (mpmath.expm1(z) / z if method == "zoh" and z else 1)
            for j in range(length):
                total[j] += 2 * (mpmath.mpc(complex(weight)) * b * a**j).real
        return np.array([float(value) for value in total])


@pytest.mark.parametrize("method", ["zoh", "bilinear", "impulse"])
@pytest.mark.parametrize("length", [1, 2, 3, 16, 17, 100])
def test_the_definition(method, length):
    poles, weights = _modes(np.random.default_rng(length), 1, 5)
    poles[0, 0] = 0.0  # the constant mode, which division by a pole would lose
    K = ss.diagonal_kernel(poles[0], weights[0], length, dt=0.05, method=method)
    expected = _definition(poles[0], weights[0], length, 0.05, method)
    # eps times the phase, 40 * 0.05 * 100 = 200 at most, and 2 n products.
    np.testing.assert_allclose(K, expected, atol=1e-13 * np.abs(expected).max())


def test_long_kernels_lose_no_digits_to_their_length():
    """Relative error 1e-12 at length 16384 (one mode per channel, S4D-Lin frequencies)."""
    poles, weights = -0.5 + 1j * np.pi * np.arange(32), np.ones(32) + 0j
    K = ss.diagonal_kernel(poles, weights, 16384, dt=1e-3)
    lags = np.array([0, 1, 127, 128, 5000, 16383])
    with mpmath.workdps(40):
        for j in lags:
            exact = 2 * mpmath.fsum(
                (mpmath.expm1(mpmath.mpc(p) * mpmath.mpf(1e-3)) / mpmath.mpc(p)
                 * mpmath.exp(mpmath.mpc(p) * mpmath.mpf(1e-3) * int(j))).real
                for p in poles
            )  # fmt: skip
            assert abs(K[j] - float(exact)) <= 1e-12 * np.abs(K).max()


@pytest.mark.parametrize("method", ["zoh", "bilinear", "impulse"])
def test_against_the_kernel_of_the_full_system(method):
    """A real block-diagonal system, stepped and doubled, is the same kernel."""
    rng = np.random.default_rng(0)
    poles, weights = _modes(rng, 1, 4)
    A = np.zeros((8, 8))
    for k, pole in enumerate(poles[0]):
        A[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[pole.real, -pole.imag], [pole.imag, pole.real]]
    C = np.stack([2 * weights[0].real, -2 * weights[0].imag], axis=1).ravel()
    system = ss.StateSpace(A, np.tile([1.0, 0.0], 4), C=C)
    expected = ss.kernel(getattr(ss, method)(system, 0.01), 300)
    K = ss.diagonal_kernel(poles[0], weights[0], 300, dt=0.01, method=method)
    np.testing.assert_allclose(K, expected, atol=1e-13)
    again = ss.diagonal_kernel(*ss.diagonalize(system), 300, dt=0.01, method=method, pairs=False)
    np.testing.assert_allclose(again, expected, atol=1e-12)


@given(
    channels=st.integers(1, 5), n=st.integers(1, 6), length=st.integers(1, 70), seed=st.integers(0, 2**32 - 1)
)
def test_channels_are_independent(channels, n, length, seed):
    """A batch is its rows, each with its own poles, weights and step."""
    rng = np.random.default_rng(seed)
    poles, weights = _modes(rng, channels, n)
    dt = rng.uniform(1e-3, 1e-1, channels)
    K = ss.diagonal_kernel(poles, weights, length, dt=dt, method="bilinear")
    for row in range(channels):
        single = ss.diagonal_kernel(poles[row], weights[row], length, dt=dt[row], method="bilinear")
        np.testing.assert_allclose(K[row], single, atol=1e-14 * np.abs(weights).sum())


def test_shapes():
    poles, weights = _modes(np.random.default_rng(0), 3, 2)
    for p, w, dt, shape in (
        (poles[0], weights[0], 0.1, (4,)),
        (poles, weights[0], 0.1, (3, 4)),
        (poles[0], weights, 0.1, (3, 4)),
        (poles[:1], weights[:1], 0.1, (1, 4)),
        (poles[0], weights[0], np.full(3, 0.1), (3, 4)),
        (poles[:0], weights[:0], 0.1, (0, 4)),
    ):
        assert ss.diagonal_kernel(p, w, 4, dt=dt).shape == shape


def test_a_mode_that_is_gone_after_one_step():
    K = ss.diagonal_kernel(np.array([-2.0]), np.array([0.5]), 5, dt=1.0, method="bilinear")
    np.testing.assert_array_equal(K, [0.5, 0, 0, 0, 0])


def test_backends(xp):
    poles, weights = _modes(np.random.default_rng(1), 3, 4)
    for method in ("zoh", "bilinear", "impulse"):
        expected = ss.diagonal_kernel(poles, weights, 50, dt=0.01, method=method)
        for dtype, real, tolerance in (("complex128", "float64", 1e-14), ("complex64", "float32", 1e-5)):
            K = ss.diagonal_kernel(
                xp.asarray(poles, dtype), xp.asarray(weights, dtype), 50, dt=0.01, method=method
            )
            assert xp.numpy(K).dtype == real
            np.testing.assert_allclose(xp.numpy(K), expected, atol=tolerance)
    each = ss.diagonal_kernel(xp.asarray(poles, "complex128"), xp.asarray(weights, "complex128"), 9,
                              dt=xp.asarray([0.1, 0.2, 0.3]))  # fmt: skip
    assert xp.numpy(each).shape == (3, 9)
    real = ss.diagonal_kernel(xp.asarray([-1.0]), xp.asarray([1.0]), 3, dt=1.0, method="impulse", pairs=False)
    np.testing.assert_allclose(xp.numpy(real), np.exp([0.0, -1.0, -2.0]), atol=1e-15)


def test_ill_conditioned_eigenvectors_are_announced():
    """LegS: condition 8e4 at 8 states, 8e10 at 16, none left at 32."""
    ss.diagonalize(ss.legs(6).with_output(np.ones(6)))
    with pytest.warns(RuntimeWarning, match=r"have condition number .*e\+1[01], a loss of accuracy"):
        ss.diagonalize(ss.legs(16).with_output(np.ones(16)))
    with pytest.raises(ValueError, match="linearly dependent eigenvectors"):
        ss.diagonalize(ss.StateSpace(np.array([[0.0, 1.0], [0.0, 0.0]]), np.ones(2), C=np.ones(2)))


def test_refusals(xp):
    one = xp.asarray([1.0])
    with pytest.raises(TypeError, match="poles must be an array"):
        ss.diagonal_kernel([1.0], one, 3, dt=1.0)
    with pytest.raises(ValueError, match="length must be at least 1"):
        ss.diagonal_kernel(one, one, 0, dt=1.0)
    with pytest.raises(ValueError, match=r"method must be one of .*; got 'foh'"):
        ss.diagonal_kernel(one, one, 3, dt=1.0, method="foh")
    with pytest.raises(ValueError, match="do not fit"):
        ss.diagonal_kernel(one, xp.asarray([1.0, 2.0]), 3, dt=1.0)
    with pytest.raises(ValueError, match="dt must be positive"):
        ss.diagonal_kernel(one, one, 3, dt=xp.asarray([-1.0]))
    with pytest.raises(ValueError, match="dt must be positive and finite"):
        ss.diagonal_kernel(one, one, 3, dt=0.0)
    with pytest.raises(ValueError, match="2/dt is a pole"):
        ss.diagonal_kernel(one, one, 3, dt=2.0, method="bilinear")
    with pytest.raises(ValueError, match=r"poles must be finite"):
        ss.diagonal_kernel(xp.asarray([float("inf")]), one, 3, dt=1.0)
    with pytest.raises(dm.SolveError, match=r"not finite from sample .*: a pole grows"):
        ss.diagonal_kernel(one, one, 2000, dt=1.0)
    with pytest.raises(ValueError, match="diagonalize needs an output"):
        ss.diagonalize(ss.legs(2, like=one))
