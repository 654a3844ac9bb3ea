"""Kernel, convolution and recurrence are three ways to one sequence of numbers."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

import diffmath as dm
from diffmath import statespace as ss


@given(
    order=st.integers(1, 40),
    samples=st.integers(1, 200),
    dt=st.floats(1e-3, 1.0),
    D=st.floats(-2, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_convolution_is_recurrence_is_dlsim(discrete, order, samples, dt, D, seed):
    rng = np.random.default_rng(seed)
    system, u = discrete(order, dt, rng, D), rng.standard_normal(samples)
    K = ss.kernel(system, samples)
    y = ss.simulate(system, u)
    # Rounding is relative to |u| |K|, over which each output sums; 1e-13 is some hundred eps.
    tolerance = 1e-13 * order * (1 + np.linalg.norm(u) * np.linalg.norm(K))
    np.testing.assert_allclose(ss.convolve(u, K), y, atol=tolerance)
    np.testing.assert_allclose(ss.kernel(system, samples, method="powers"), K, atol=tolerance)
    np.testing.assert_allclose(ss.kernel(system, samples, method="doubling"), K, atol=tolerance)
    np.testing.assert_allclose(ss.simulate(system, np.eye(1, samples)[0]), K, atol=tolerance)
    lagged = (system.A, system.B[:, None], (system.C @ system.A)[None], system.C @ system.B + system.D, dt)
    if samples > 1:  # dlsim interpolates, and wants two samples
        np.testing.assert_allclose(scipy.signal.dlsim(lagged, u)[1][:, 0], y, atol=tolerance)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 31, 64, 65, 1000])
@pytest.mark.parametrize("outputs", [None, 1, 3])
def test_doubling_is_powers_at_every_length(discrete, length, outputs):
    system = discrete(9, 0.05, np.random.default_rng(0), D=0.3, outputs=outputs)
    doubled = ss.kernel(system, length, method="doubling")
    assert doubled.shape == ((length,) if outputs is None else (outputs, length))
    # A few eps of a kernel of norm about 10, with n = 9 terms to a sum.
    np.testing.assert_allclose(doubled, ss.kernel(system, length, method="powers"), atol=1e-13)


@pytest.mark.parametrize("length", [1, 2, 3, 8, 101, 1000, 4096])
@pytest.mark.parametrize("alpha", [0.5, 0.7, 1.0])
def test_spectral_kernels_are_the_powers(length, alpha):
    """All ways to one kernel, odd and even lengths, the Nyquist node included (T10)."""
    C = np.random.default_rng(length).standard_normal((3, 33))
    system = ss.gbt(ss.legs(33).with_output(C, D=0.25), 0.01, alpha=alpha)
    expected = ss.kernel(system, length, method="powers")
    for method in ("doubling", "cauchy", "product"):
        K = ss.kernel(system, length, method=method)
        assert K.shape == (3, length)
        # Some n eps of the largest lag: the spectrum sums all of them.
        np.testing.assert_allclose(K, expected, atol=2e-14 * 33 * np.abs(expected).max())


@pytest.mark.parametrize("order", [9, 32, 65])
def test_cauchy_kernel_where_the_normal_part_does_not_decay(order):
    """The Legendre window, rank 2: its normal part has all eigenvalues on the axis, at odd orders also 0."""
    window = ss.legt(order).with_output(np.cos(np.arange(order)))
    for length in (200, 4097):
        system = ss.bilinear(window, 2.0 / length)
        expected = ss.kernel(system, length, method="powers")
        error = np.abs(ss.kernel(system, length, method="cauchy") - expected).max()
        # One digit more than n eps: the circle of radius 16^(-1 / length).
        assert error <= 3e-13 * order * np.abs(expected).max()


def test_spectral_kernels_in_single_precision(xp):
    """Evaluated in float64: the error is that of the float32 step alone, 2e-5 of the largest lag (T10)."""
    C = np.random.default_rng(0).standard_normal(64)
    exact = ss.kernel(ss.bilinear(ss.legs(64).with_output(C), 1 / 512), 512)
    for dtype, tolerance in (("float64", 1e-13), ("float32", 2e-5)):
        system = ss.bilinear(ss.legs(64, like=xp.empty(dtype)).with_output(xp.asarray(C, dtype)), 1 / 512)
        for method in ("cauchy", "product"):
            K = xp.numpy(ss.kernel(system, 512, method=method))
            assert K.dtype == dtype
            assert np.abs(K - exact).max() <= tolerance * np.abs(exact).max()


STRUCTURED = {
    "jacs": lambda n: ss.jacs(n, 0.7),
    "legt": lambda n: ss.legt(n, theta=2.5),
    "lagt": lambda n: ss.lagt(n, timescale=0.3),
    "lagt-alpha": lambda n: ss.lagt(n, 0.4, 0.3, timescale=0.2),
    "fout": lambda n: ss.fout(2 * (n // 2) + 1, theta=0.5),
    "foud": lambda n: ss.foud(2 * (n // 2) + 1, 0.9, theta=2.0),
    "legs-lmu": lambda n: ss.change_gauge(ss.legs(n), "lmu"),
    "legt-lmu": lambda n: ss.change_gauge(ss.legt(n), "lmu"),
    "legt-tilted": lambda n: ss.tilt(ss.legt(n), 0.8),
    "legt-tilted-back": lambda n: ss.tilt(ss.legt(n), -0.8),
}


@pytest.mark.parametrize("build", STRUCTURED.values(), ids=list(STRUCTURED))
@pytest.mark.parametrize("length", [1, 2, 3, 101, 1024])
def test_every_structure_multiplies_its_spectrum(build, length):
    """T10 for other systems than LegS: odd and even orders and lengths, the Nyquist node, several outputs."""
    for order in (1, 2, 9, 32):
        C = np.random.default_rng(order).standard_normal((3, build(order).order))
        for alpha in (0.5, 0.7, 1.0):
            system = ss.gbt(build(order).with_output(C, D=np.ones(3)), 2.5 / max(length, 10), alpha=alpha)
            expected = ss.kernel(system, length, method="powers")
            for method in ("product", "cauchy"):
                error = np.abs(ss.kernel(system, length, method=method) - expected).max()
                # Some n eps of the largest lag, a digit more on the smaller circle.
                assert error <= 1e-14 * system.order * np.abs(expected).max()


def test_the_choice_is_said():
    system = ss.bilinear(ss.legs(40).with_output(np.ones(40)), 0.01)
    assert [ss.kernel_method(system, n) for n in (1, 40, 41)] == ["powers", "powers", "doubling"]
    small = ss.bilinear(ss.legs(2).with_output(np.ones(2)), 0.01)
    assert [ss.kernel_method(small, n) for n in (16, 17)] == ["powers", "doubling"]
    for length in (40, 41):  # bitwise: it is what it says
        chosen = ss.kernel(system, length, method=ss.kernel_method(system, length))
        np.testing.assert_array_equal(ss.kernel(system, length), chosen)
    with pytest.raises(ValueError, match="kernel_method takes a discrete system"):
        ss.kernel_method(ss.legs(2), 4)
    with pytest.raises(ValueError, match="length must be at least 1"):
        ss.kernel_method(system, 0)


_NO_X64 = """
import jax.numpy as jnp
import numpy as np
from diffmath import statespace as ss

C = np.cos(np.arange(16.0))
for build in (ss.legs, ss.legt, ss.fout):
    n = 15
    host = ss.bilinear(build(n).with_output(C[:n]), 0.02)
    system = ss.bilinear(build(n, like=jnp.zeros(0)).with_output(jnp.asarray(C[:n])), 0.02)
    exact = ss.kernel(host, 200)
    for method in ("doubling", "product", "cauchy"):
        K = ss.kernel(system, 200, method=method)
        assert K.dtype == "float32"
        assert np.abs(np.asarray(K) - exact).max() <= 2e-5 * np.abs(exact).max(), (build, method)
    H = ss.frequency_response(system, jnp.asarray([0.0, 1.0, 30.0]))
    assert H.dtype == "complex64"
    wanted = ss.frequency_response(host, np.asarray([0.0, 1.0, 30.0]))
    assert np.abs(np.asarray(H) - wanted).max() <= 2e-5 * np.abs(wanted).max()
assert ss.dplr(ss.legs(15, like=jnp.zeros(0))).rank == 1
steps = jnp.asarray([0.01, 0.02])
legs = ss.legs(15, like=steps)
assert ss.kernel_bank(legs, 50, dt=steps, C=jnp.ones((2, 15)), method="product").dtype == "float32"
"""


@pytest.mark.skipif(not os.environ.get("DIFFMATH_INTEROP"), reason="frameworks are tested in interop")
def test_jax_without_double_precision_computes_in_single_and_does_not_warn():
    """The fixture switches x64 on for the whole process; most users of JAX do not."""
    pytest.importorskip("jax")
    environment = {**os.environ, "JAX_ENABLE_X64": "0"}
    subprocess.run([sys.executable, "-W", "error", "-c", _NO_X64], check=True, env=environment)


def test_spectral_refusals():
    legs = ss.legs(3).with_output(np.ones(3))
    for method in ("cauchy", "product"):
        with pytest.raises(ValueError, match=f"method='{method}' needs a system stepped by gbt"):
            ss.kernel(ss.zoh(legs, 0.1), 8, method=method)
        with pytest.raises(ValueError, match=r"spectral kernels are for stable systems; over 500 lags"):
            ss.kernel(ss.forward_euler(legs, 0.9), 500, method=method)
    dense = ss.StateSpace(legs.A, legs.B, C=legs.C)
    with pytest.raises(ValueError, match="needs a system stepped from one with a structure"):
        ss.kernel(ss.bilinear(dense, 0.1), 8, method="product")


def test_kernel_tends_to_the_continuous_one_at_first_order():
    """K_j / dt -> C e^{tA} B, first order because the held input is half a step late."""
    C = np.array([1.0, -0.5, 0.25])
    legs = ss.legs(3).with_output(C)
    exact = C @ scipy.linalg.expm(legs.A) @ legs.B
    steps = 2 ** np.arange(6, 12)
    errors = [abs(ss.kernel(ss.bilinear(legs, 1 / n), n + 1)[-1] * n - exact) for n in steps]
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 1.0, atol=0.15)


def test_program_b(xp):
    """The design's program, on every backend."""
    grid = np.linspace(0, 1, 1000)
    u = xp.asarray(np.sin(8 * grid) + 0.5 * np.cos(21 * grid))
    C = xp.asarray(np.random.default_rng(0).standard_normal(64))
    system = ss.bilinear(ss.legs(64).with_output(C), 1 / 1024)
    K = ss.kernel(system, 1024)
    y, y_rec = xp.numpy(ss.convolve(u, K)), xp.numpy(ss.simulate(system, u))
    assert (y.shape, y_rec.shape, K.shape) == ((1000,), (1000,), (1024,))
    np.testing.assert_allclose(y, y_rec, atol=1e-13)  # some hundred eps of values below 1


@pytest.mark.parametrize("method", ["powers", "doubling"])
def test_an_unstable_system_is_reported_with_its_valid_part(method):
    """A geometric series of ratio 2 leaves float64 at lag 1024, whichever way it is computed."""
    system = ss.StateSpace(np.array([[2.0]]), np.ones(1), C=np.ones(1), dt=1.0)
    np.testing.assert_array_equal(ss.kernel(system, 1000, method=method), 2.0 ** np.arange(1000))
    with pytest.raises(
        dm.SolveError, match="not finite from sample 1024 on: the system is unstable"
    ) as caught:
        ss.kernel(system, 1100, method=method)
    assert caught.value.solution.x.shape[0] == 1024
    with pytest.raises(dm.SolveError, match="the output is not finite from sample 1024") as caught:
        ss.simulate(system, np.eye(1, 1100)[0])
    np.testing.assert_array_equal(caught.value.solution.x[:, 0, 0], 2.0 ** np.arange(1024))


def test_refusals(discrete):
    legs = ss.legs(3)
    system = discrete(3, 0.1, np.random.default_rng(0))
    u = np.ones(4)
    for call in (lambda s: ss.kernel(s, 4), lambda s: ss.simulate(s, u)):
        with pytest.raises(ValueError, match="continuous: discretise it first"):
            call(legs.with_output(np.ones(3)))
        with pytest.raises(ValueError, match=r"no C: use system\.with_output"):
            call(ss.bilinear(legs, 0.1))
        with pytest.raises(TypeError, match="takes a StateSpace; got int"):
            call(3)
    with pytest.raises(ValueError, match="length must be at least 1; got 0"):
        ss.kernel(system, 0)
    with pytest.raises(TypeError, match="float"):
        ss.kernel(system, 4.0)
    with pytest.raises(ValueError, match=r"method must be one of .* got 'fft'"):
        ss.kernel(system, 4, method="fft")
