"""LegS, JacS, LegT, LagT: the closed form is the derived one, and the known identities hold."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from diffmath import statespace as ss
from diffmath import symbolic


def _floats(matrix):
    return np.array([[float(entry.evalf(40)) for entry in matrix.row(i)] for i in range(matrix.rows)])


@pytest.mark.parametrize("order", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("name", ["legs", "legt"])
def test_equals_the_symbolic_derivation(name, order):
    """Two derivations, one truth; every entry is the correctly rounded exact number."""
    A, B = symbolic.derive_hippo(getattr(symbolic, name), order)
    system = getattr(ss, name)(order)
    np.testing.assert_array_equal(system.A, _floats(A))
    np.testing.assert_array_equal(system.B, _floats(B)[:, 0])


@pytest.mark.parametrize("order", [5, pytest.param(8, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "numeric", "exact"),
    [
        ("jacs", {"beta": 0.5}, {}),
        ("jacs", {"beta": -0.3}, {}),
        ("lagt", {}, {}),
        ("lagt", {"alpha": 0.0, "beta": 0.0, "timescale": 3.0}, {"alpha": 0, "beta": 0, "timescale": 3}),
        ("lagt", {"alpha": 0.5, "beta": 0.25}, {}),
        ("lagt", {"alpha": -0.4, "beta": 2.0}, {"beta": 2}),
    ],
)
def test_families_equal_the_symbolic_derivation(name, numeric, exact, order):
    system = getattr(ss, name)(order, **numeric)
    A, B = symbolic.derive_hippo(getattr(symbolic, name)(**numeric | exact), order)
    # Two or three roundings of each entry, one more for the unit of time.
    np.testing.assert_allclose(system.A, _floats(A), rtol=1e-15)
    np.testing.assert_allclose(system.B, _floats(B)[:, 0], rtol=1e-15)


def _orthonormal_jacobi(order, beta, s):
    """The values and the derivatives in s of sqrt(2n+beta+1) P_n^(0,beta)(2s-1)."""
    n = np.arange(order)[:, None]
    scale, x = np.sqrt(2 * n + beta + 1), 2 * s - 1
    # (P_n^(0,beta))' = (n+beta+1)/2 P_(n-1)^(1,beta+1), and dx/ds = 2.
    slope = (n + beta + 1) * scipy.special.eval_jacobi(np.maximum(n - 1, 0), 1, beta + 1, x) * (n > 0)
    return scale * scipy.special.eval_jacobi(n, 0, beta, x), scale * slope


@pytest.mark.parametrize("beta", [0.0, 1.0, 0.5, -0.5])
def test_jacs_moves_its_kernels(beta):
    """-(s K)' = A K at order 256: the theorem that the derivation rests on, at random ages."""
    s = np.random.default_rng(0).uniform(0.01, 1.0, 20)
    g, slope = _orthonormal_jacobi(256, beta, s)
    moved = -((1 + beta) * g + s * slope)  # over the weight s^beta
    system = ss.jacs(256, beta)
    # The sums hold 256 terms up to |A||g|; SciPy's polynomials are good to about n eps.
    scale = np.max(np.abs(system.A) @ np.abs(g))
    np.testing.assert_allclose(system.A @ g, moved, atol=256 * np.finfo(float).eps * scale)
    present, _ = _orthonormal_jacobi(256, beta, np.ones(1))
    np.testing.assert_allclose(system.B, present[:, 0], rtol=1e-12)


@pytest.mark.parametrize("theta", [1.0, 2.5])
def test_legt_moves_its_kernels(theta):
    """K' = A K + K(theta) g(theta).K at order 256, once the end is put back."""
    s = np.random.default_rng(0).uniform(0.0, theta, 20)
    g, slope = _orthonormal_jacobi(256, 0.0, 1 - s / theta)
    end, _ = _orthonormal_jacobi(256, 0.0, np.zeros(1))
    system = ss.legt(256, theta)
    free = system.A + end * end.T / theta
    scale = np.max(np.abs(system.A) @ np.abs(g))
    np.testing.assert_allclose(free @ g, -slope / theta, atol=256 * np.finfo(float).eps * scale)
    np.testing.assert_allclose(system.B * theta, _orthonormal_jacobi(256, 0.0, np.ones(1))[0][:, 0])


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (0.0, 1.0), (0.5, 0.25), (-0.5, 1.0)])
def test_lagt_moves_its_kernels(alpha, beta):
    """K' = A K at order 256, with d/ds L_n^(alpha) = -L_(n-1)^(alpha+1); K(0) = B."""
    n, s, p = np.arange(256)[:, None], np.random.default_rng(0).uniform(0.0, 100.0, 20), 2.0
    norm = np.exp(0.5 * (scipy.special.gammaln(n + 1) - scipy.special.gammaln(n + alpha + 1)))
    if beta:
        norm = norm / np.sqrt(scipy.special.gamma(1 - alpha) * beta ** (alpha - 1))
    fade = norm * np.exp(-(1 + beta) * s / 2)
    K = fade * scipy.special.eval_genlaguerre(n, alpha, s)
    slope = -fade * scipy.special.eval_genlaguerre(np.maximum(n - 1, 0), alpha + 1, s) * (n > 0)
    system = ss.lagt(256, alpha, beta, timescale=p)
    scale = np.max(np.abs(system.A) @ np.abs(K))
    # Sums of 256 terms; SciPy's recurrences lose some n eps where the functions oscillate.
    np.testing.assert_allclose(system.A @ K * p, slope - (1 + beta) / 2 * K, atol=1e-12 * p * scale)
    start = norm[:, 0] * scipy.special.binom(n[:, 0] + alpha, n[:, 0])
    np.testing.assert_allclose(system.B * p, start, rtol=1e-11)


@given(order=st.integers(1, 200), theta=st.floats(0.01, 100), seed=st.integers(0, 2**32 - 1))
def test_energy_identity_of_the_window(order, theta, seed):
    """theta d|c|^2/dt = u^2 - (u - b.c)^2 - (b~.c)^2: the newest residual and the oldest value go (T7)."""
    rng = np.random.default_rng(seed)
    c, u = rng.standard_normal(order), rng.standard_normal()
    legt, b = ss.legt(order, theta), np.sqrt(2 * np.arange(order) + 1)
    change = 2.0 * theta * c @ (legt.A @ c + legt.B * u)
    expected = u**2 - (u - b @ c) ** 2 - ((-1.0) ** np.arange(order) * b @ c) ** 2
    scale = theta * (np.abs(c) @ np.abs(legt.A) @ np.abs(c) + np.abs(legt.B) @ np.abs(c) * abs(u)) + u**2
    assert abs(change - expected) <= 4 * np.finfo(float).eps * order * scale


@pytest.mark.parametrize("theta", [1.0, 3.0])
def test_legt_answers_a_wave_by_spherical_bessel_functions(theta):
    """The steady state for e^{iwt} is sqrt(2n+1) i^n j_n(w theta/2) e^{-iw theta/2}, read backwards (T5)."""
    wave, n = 2 * np.pi / theta, np.arange(24)
    legt = ss.legt(24, theta)
    steady = np.linalg.solve(1j * wave * np.eye(24) - legt.A, legt.B)
    half = wave * theta / 2
    exact = np.sqrt(2 * n + 1) * 1j**n * scipy.special.spherical_jn(n, half) * np.exp(-1j * half)
    # The end is closed by 24 coefficients: for one wave per window, far below rounding.
    np.testing.assert_allclose(steady, exact, atol=1e-13)


@pytest.mark.parametrize(("order", "expected"), [(16, 1e-2), (64, 1e-6)])
def test_lagt_reads_the_past_back_in_its_own_direction(order, expected):
    """A sweep is remembered, and reversing time (a defect of a known code) is seen at once (T14)."""
    span, p = 30.0, 30.0 / (2 * order)
    lagt = ss.lagt(order, beta=0.0, timescale=p)
    age = (np.arange(3000) + 0.5) * span / 3000
    n = np.arange(order)[:, None]

    def functions(s):
        return np.exp(-s / 2) * scipy.special.eval_laguerre(n, s)

    def signal(s):
        return np.exp(-(((s - 8.0) / 5.0) ** 2)) * np.cos(0.5 * s)

    # c = int u(t - s) e^{sA} B ds by Gauss quadrature over a past that has faded at its start.
    nodes, weights = np.polynomial.legendre.leggauss(400)
    past = 40.0 * (nodes + 1) / 2
    kernels = np.stack([scipy.linalg.expm(s * lagt.A) @ lagt.B for s in past[::50]], axis=1)
    np.testing.assert_allclose(kernels, functions(past[::50] / p) / p, atol=1e-12)
    c = functions(past / p) / p @ (20.0 * weights * signal(past))
    back = c @ functions(age / p)
    error = np.sqrt(np.mean((back - signal(age)) ** 2))
    reversed_error = np.sqrt(np.mean((back[::-1] - signal(age)) ** 2))
    assert error < expected < 0.1 < reversed_error


@pytest.mark.parametrize("order", [4, 16, 64])
def test_lagt_reaches_back_four_timescales_per_order(order):
    """The kernels of beta = 0 oscillate up to the turning point 4 n + 2, and vanish beyond."""
    s = np.linspace(4.0 * order, 8.0 * order + 100.0, 20001)
    last = np.exp(-s / 2) * scipy.special.eval_laguerre(order - 1, s)
    assert scipy.integrate.trapezoid(last**2, s) < 0.03  # of an energy of 1
    inside = np.linspace(0.0, 4.0 * order, 200001)
    values = np.exp(-inside / 2) * scipy.special.eval_laguerre(order - 1, inside)
    assert np.count_nonzero(np.diff(np.sign(values))) == order - 1


def test_backends_and_precision(xp):
    system = ss.legs(5, like=xp.empty("float32"))
    A = xp.numpy(system.A)
    assert A.dtype == np.float32
    np.testing.assert_array_equal(A, ss.legs(5).A.astype(np.float32))
    assert xp.numpy(ss.legs(2, like=xp.empty("float32"), dtype=xp.xp.float64).B).dtype == np.float64


@given(order=st.integers(1, 200), seed=st.integers(0, 2**32 - 1))
def test_energy_identity(order, seed):
    """t d|c|^2/dt = -|c|^2 + u^2 - (u - B.c)^2: the newest residual and age are forgotten."""
    rng = np.random.default_rng(seed)
    c, u = rng.standard_normal(order), rng.standard_normal()
    legs = ss.legs(order)
    change = 2.0 * c @ (legs.A @ c + legs.B * u)
    expected = -(c @ c) + u**2 - (u - legs.B @ c) ** 2
    # The terms of the sums are bounded by |c||A||c|; n of them round once or twice each.
    scale = np.abs(c) @ np.abs(legs.A) @ np.abs(c) + np.abs(legs.B) @ np.abs(c) * abs(u) + u**2
    assert abs(change - expected) <= 4 * np.finfo(float).eps * order * scale


@pytest.mark.parametrize("t", [0.01, 0.3, 2.0])
@pytest.mark.parametrize("beta", [0.0, 1.5, -0.5])
def test_impulse_response_is_a_warped_polynomial(t, beta):
    """e^{tA} B = e^{-(beta+1)t} sqrt(2n+beta+1) P_n^(0,beta)(2 e^{-t} - 1); beta = 0 is LegS (T3)."""
    system = ss.jacs(12, beta) if beta else ss.legs(12)
    g, _ = _orthonormal_jacobi(12, beta, np.array([np.exp(-t)]))
    # The exponential's scaling and squaring loses eps |tA|, about 300 eps here.
    exact = np.exp(-(beta + 1) * t) * g[:, 0]
    np.testing.assert_allclose(scipy.linalg.expm(t * system.A) @ system.B, exact, atol=1e-12)


def test_legt_resolves_a_wave_by_half_its_phase():
    """The delay is wrong below order w theta / 2, and converges faster than geometrically above."""
    half = 20.0  # w theta / 2
    errors = []
    for order in (16, 24, 32, 40):
        legt = ss.legt(order)
        steady = np.linalg.solve(2j * half * np.eye(order) - legt.A, legt.B)
        oldest = (-1.0) ** np.arange(order) * np.sqrt(2 * np.arange(order) + 1) @ steady
        errors.append(abs(oldest - np.exp(-2j * half)))
    assert errors[0] > 0.5
    ratios = np.array(errors[1:-1]) / errors[2:]
    assert ratios[1] > ratios[0] > 100


@pytest.mark.parametrize(
    ("order", "error", "message"),
    [
        (0, ValueError, "order must be at least 1; got 0"),
        (2.0, TypeError, "float"),
        (True, TypeError, "bool"),
    ],
)
def test_refuses_a_bad_order(order, error, message):
    with pytest.raises(error, match=message):
        ss.legs(order)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ss.jacs(2, -1.0), ValueError, "beta must be greater than -1; got -1.0"),
        (lambda: ss.jacs(2, np.nan), ValueError, "beta must be greater than -1; got nan"),
        (lambda: ss.jacs(2, "1"), TypeError, "beta must be a number; got str"),
        (lambda: ss.legt(2, 0), ValueError, "theta must be greater than 0; got 0"),
        (lambda: ss.legt(2, True), TypeError, "theta must be a number; got bool"),
        (lambda: ss.legt(2, np.inf), ValueError, "theta must be greater than 0"),
        (lambda: ss.lagt(2, 1.0), ValueError, "alpha must be greater than -1 and less than 1; got 1.0"),
        (lambda: ss.lagt(2, beta=-0.1), ValueError, "beta must be at least 0; got -0.1"),
        (lambda: ss.lagt(2, timescale=0.0), ValueError, "timescale must be greater than 0; got 0.0"),
    ],
)
def test_refuses_parameters_out_of_range(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_refuses_a_bad_dtype():
    with pytest.raises(TypeError, match="dtype must be float32 or float64"):
        ss.legs(2, dtype=np.int64)
    with pytest.raises(TypeError, match="like must be an array"):
        ss.legs(2, like=[1.0])


@pytest.mark.parametrize("order", [2.0, True, "4"])
def test_an_order_that_is_no_integer_is_refused_by_name(order):
    with pytest.raises(TypeError, match="order must be an int; got"):
        ss.legs(order)


@pytest.mark.parametrize(
    "build",
    [
        lambda: ss.legt(4, 1e-320),
        lambda: ss.jacs(4, 1e300),
        lambda: ss.lagt(1, -0.5, 1e-300),
        lambda: ss.fout(3, 1e-310),
    ],
)
def test_parameters_beyond_float64_are_refused(build):
    with pytest.raises(ValueError, match="leave the range of float64"):
        build()
