"""The response against SciPy, against the Fourier series of the kernel, and against poles."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from diffmath import statespace as ss


@given(order=st.integers(1, 16), seed=st.integers(0, 2**32 - 1))
def test_against_scipy(order, seed):
    """LegS by its closed form, and the same matrices as a dense system."""
    rng = np.random.default_rng(seed)
    C, omega = rng.standard_normal(order), rng.uniform(-50, 50, 9)
    legs = ss.legs(order).with_output(C, D=0.5)
    identity = np.eye(order)
    expected = [C @ np.linalg.solve(1j * s * identity - legs.A, legs.B) + 0.5 for s in omega]
    dense = ss.StateSpace(legs.A, legs.B, C=C, D=0.5)
    for system in (legs, dense):
        # The solve loses the condition of the triangle, below 1e3 here.
        np.testing.assert_allclose(ss.frequency_response(system, omega), expected, atol=1e-12 * order)
    if order <= 6:  # SciPy goes through polynomials, whose roots drown beyond
        _, theirs = scipy.signal.freqresp((legs.A, legs.B[:, None], C[None], [[0.5]]), np.abs(omega))
        np.testing.assert_allclose(ss.frequency_response(legs, np.abs(omega)), theirs, atol=1e-9)


@pytest.mark.parametrize("rule", [ss.bilinear, ss.backward_euler, ss.zoh, ss.foh, ss.impulse])
def test_a_discrete_response_is_the_series_of_the_kernel(rule):
    dt, omega = 0.1, np.linspace(0, np.pi / 0.1, 33)  # to the Nyquist frequency
    system = rule(ss.legs(12).with_output(np.random.default_rng(0).standard_normal((2, 12))), dt)
    K = ss.kernel(system, 1024)  # e^{-100} of the kernel is beyond
    series = K @ np.exp(-1j * dt * np.outer(np.arange(1024), omega))
    np.testing.assert_allclose(ss.frequency_response(system, omega), series, atol=1e-12)


def test_bilinear_warps_the_frequency_axis():
    """S4's transfer function is Tustin's times 2 / (1 + w), Tustin's the continuous one's at tan (T12)."""
    dt, omega = 0.2, np.linspace(0.1, 10, 7)
    legs = ss.legs(9).with_output(np.ones(9))
    continuous = ss.frequency_response(legs, 2 / dt * np.tan(omega * dt / 2))
    w = np.exp(-1j * omega * dt)
    ours = ss.frequency_response(ss.bilinear(legs, dt), omega)
    np.testing.assert_allclose(ours * (1 + w) / 2, continuous, atol=1e-13)
    tustin = ss.frequency_response(ss.bilinear(legs, dt, policy="scipy"), omega)
    np.testing.assert_allclose(tustin, continuous, atol=1e-13)


@given(order=st.integers(1, 12), theta=st.floats(0.1, 10), seed=st.integers(0, 2**32 - 1))
def test_the_end_of_the_legendre_window_is_the_pade_delay(order, theta, seed):
    """sum_n (-1)^n sqrt(2n+1) c_n follows u by the Pade approximant [N-1/N] of e^{-i omega theta} (T2)."""
    n = np.arange(order)
    window = ss.legt(order, theta).with_output((-1.0) ** n * np.sqrt(2 * n + 1))
    phase = np.random.default_rng(seed).uniform(-order, order, 5)
    numerator, denominator = (
        sum(
            math.comb(degree, k) * math.factorial(2 * order - 1 - k) / math.factorial(2 * order - 1) * z**k
            for k in range(degree + 1)
        )
        for degree, z in ((order - 1, -1j * phase), (order, 1j * phase))
    )
    # The condition of the solve, which grows like order^2.
    H = ss.frequency_response(window, phase / theta)
    np.testing.assert_allclose(H, numerator / denominator, atol=1e-13 * order**2)


def test_legs_at_many_states():
    """At 512 states the closed form still has the exact zero-frequency gain, -C A^{-1} B = C_0."""
    C = np.random.default_rng(0).standard_normal(512)
    H = ss.frequency_response(ss.legs(512).with_output(C), np.zeros(1))
    assert H[0] == pytest.approx(C[0], abs=1e-12)  # A e_0 = -B


def test_backends(xp):
    for dtype, tolerance in (("float64", 1e-14), ("float32", 1e-6)):  # a few eps of values near 1
        legs = ss.legs(6, like=xp.empty(dtype)).with_output(xp.asarray(np.ones((2, 6)), dtype))
        host = ss.legs(6).with_output(np.ones((2, 6)))
        for rule in (lambda system: system, lambda s: ss.bilinear(s, 0.1), lambda s: ss.zoh(s, 0.1)):
            omega = xp.asarray([0.0, 1.0, 5.0], dtype)
            H = xp.numpy(ss.frequency_response(rule(legs), omega))
            assert H.dtype == (np.complex128 if dtype == "float64" else np.complex64)
            expected = ss.frequency_response(rule(host), np.array([0.0, 1.0, 5.0]))
            np.testing.assert_allclose(H, expected, atol=50 * tolerance)
        assert ss.frequency_response(legs, xp.asarray(np.empty(0))).shape == (2, 0)


def test_refusals(xp):
    one = xp.asarray([1.0])
    with pytest.raises(TypeError, match="frequency_response takes a StateSpace; got int"):
        ss.frequency_response(3, one)
    with pytest.raises(ValueError, match="needs an output"):
        ss.frequency_response(ss.legs(2, like=one), one)
    system = ss.legs(2, like=one).with_output(xp.asarray([1.0, 1.0]))
    with pytest.raises(TypeError, match="omega must be an array"):
        ss.frequency_response(system, [1.0])
    with pytest.raises(ValueError, match="omega must have 1 dimension"):
        ss.frequency_response(system, one[None, :])
    with pytest.raises(ValueError, match="omega must be finite"):
        ss.frequency_response(system, xp.asarray([float("nan")]))
    integrator = ss.StateSpace(xp.asarray([[0.0]]), one, C=one)
    with pytest.raises(ValueError, match="is a pole of the system"):
        ss.frequency_response(integrator, xp.asarray([1.0, 0.0]))


@pytest.mark.parametrize("pairs", [True, False])
def test_structures_refuse_their_poles(pairs):
    """By the same words as a dense system, and without a warning."""
    wave = ss.BlockDiagonal(np.zeros(2), np.array([-2.0, 2.0]), np.array([1, 0]))
    sums = ss.LowerCumulative(np.zeros(2), np.ones(2), np.ones(2))
    for structure, pole in ((wave, 2.0), (sums, 0.0)):
        B = np.array([1.0, 1.0 if pairs else 2.0])
        system = ss.StateSpace(structure.entries(), B, C=np.ones(2), structure=structure)
        with pytest.raises(ValueError, match=f"omega={pole:g} is a pole of the system"):
            ss.frequency_response(system, np.array([1.0, pole]))


def test_huge_frequencies_are_no_poles():
    """H tends to C B / (i omega), whose square underflows long before it does."""
    omega = np.array([1e100, 1e160, 1e300])
    for build in (ss.legs, ss.legt, ss.fout):
        system = build(5).with_output(np.ones(5))
        found = ss.frequency_response(system, omega)
        np.testing.assert_allclose(found.imag, -np.sum(system.B) / omega, rtol=1e-14)
