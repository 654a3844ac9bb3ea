"""What Su Jianlin's articles on HiPPO state (kexue.fm: 10114, 10137, 10162, 10180), one short test each.

The letters are those of the project's notes. Every number is computed here from a definition: quadrature,
polynomials of NumPy, dense linear algebra; none is copied.
"""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
import scipy.linalg
from numpy.polynomial import Polynomial
from numpy.polynomial import legendre as series
from scipy import integrate

from diffmath import statespace as ss

x, w = np.polynomial.legendre.leggauss(80)
s, w = (x + 1.0) / 2.0, w / 2.0  # quadrature on [0, 1], exact to degree 159


def basis(order, at, derivative=0):
    """sqrt(2n+1) P_n(2s-1) and its derivatives by s, (order, points)."""
    rows = [series.Legendre.basis(n, domain=[0, 1]) for n in range(order)]
    rows = [row.deriv(derivative) if derivative else row for row in rows]
    return np.stack([np.sqrt(2 * n + 1) * row(at) for n, row in enumerate(rows)])


@pytest.fixture
def rng():
    return np.random.default_rng(10114)


# 10114: the derivation


@pytest.mark.parametrize("kappa", [1, 2])
def test_a_the_sliding_window_in_complex_waves(kappa):
    """Coefficients on e^{2 pi i n s}: A = 2 pi i n delta - kappa, B = kappa; Su's closure is kappa = 1."""
    waves = 3
    system = ss.fout(2 * waves + 1, as_published=kappa == 1)
    n = np.array([0, *(k for p in range(1, waves + 1) for k in (p, -p))])
    # The real basis (1, sqrt2 cos, sqrt2 sin, ...) on the conjugate waves e^{-2 pi i n s}, by projection.
    ages = np.arange(64) / 64
    g = [np.ones(64)] + [
        np.sqrt(2) * f(2 * np.pi * p * ages) for p in range(1, waves + 1) for f in (np.cos, np.sin)
    ]
    U = np.exp(2j * np.pi * np.outer(n, ages)) @ np.stack(g).T / 64
    A, B = U @ system.A @ np.linalg.inv(U), U @ system.B
    np.testing.assert_allclose(A, np.diag(2j * np.pi * n) - kappa, atol=1e-12)  # entries to 19, eps each
    np.testing.assert_allclose(B, kappa, atol=1e-14)


@pytest.mark.parametrize("T", [0.3, 2.0])
def test_b_the_coefficients_move_by_the_slope_of_the_input(T):
    """dc/dT = int u'(t(s)) dt/dT g(s) ds with t(s) = T s: the ODE of LegS says the same."""
    system = ss.legs(9)
    g = basis(9, s)
    slope = (g * w) @ (3 * np.cos(3 * T * s) * s)
    c = (g * w) @ np.sin(3 * T * s)
    np.testing.assert_allclose(T * slope, system.A @ c + system.B * np.sin(3 * T), atol=1e-13)


@pytest.mark.parametrize("n", [0, 1, 4, 7])
def test_c_derivatives_of_legendre_polynomials_are_sums_of_them(n):
    """p_{n+1}' = sum of (2k+1) p_k over n - k even; (t+1) p_n' = -(n+1) p_n + sum_{k<=n} (2k+1) p_k."""
    t = np.linspace(-1, 1, 50)
    p = series.legvander(t, n + 1).T
    slopes = [series.Legendre.basis(k).deriv()(t) for k in (n, n + 1)]
    k = np.arange(n + 1)
    np.testing.assert_allclose(slopes[1], (2 * k + 1) * ((n - k) % 2 == 0) @ p[:-1], atol=1e-12)
    np.testing.assert_allclose((t + 1) * slopes[0], (2 * k + 1) @ p[:-1] - (n + 1) * p[n], atol=1e-12)
    # The second identity, integrated against u, is row n of LegS with the value 1 at the present.
    plain = ss.change_gauge(ss.legs(n + 1), 1 / np.sqrt(2 * k + 1))
    np.testing.assert_allclose(plain.A[n, :], np.where(k < n, -(2 * k + 1), -(n + 1)), atol=1e-12)
    np.testing.assert_allclose((p[n, -1], p[n, 0]), (1, (-1) ** n), atol=1e-13)


@pytest.mark.parametrize("theta", [1.0, 2.5])
def test_d_the_window_with_any_length_and_any_gauge(theta, rng):
    """A = int K' g^T - K(theta) g(theta)^T and B = K(0), by quadrature, for kernels scaled by lambda."""
    scale = rng.uniform(0.5, 2.0, 7)
    system = ss.change_gauge(ss.legt(7, theta), scale)
    # Age a in [0, theta] is 1 - s = a / theta.
    slopes = -(basis(7, s, 1) * w) @ basis(7, s).T / theta
    end, now = basis(7, 0.0), basis(7, 1.0)
    A = slopes - np.outer(end, end) / theta
    np.testing.assert_allclose(system.A, scale[:, None] * A / scale, atol=1e-12)
    np.testing.assert_allclose(system.B, scale * now / theta, atol=1e-14)


def test_e_legs_for_series_in_plain_legendre_polynomials(rng):
    """t c' = A c + B u with A = -(2n+1) below and -(n+1) on the diagonal, for c_n = (2n+1) int u P_n."""
    system = ss.change_gauge(ss.legs(6), "plain")
    n = np.arange(6)
    np.testing.assert_allclose(
        system.A, np.tril(np.repeat(-(2.0 * n + 1)[:, None], 6, axis=1), -1) - np.diag(n + 1.0), atol=1e-12
    )
    u = Polynomial(rng.standard_normal(6))

    def coefficients(t):
        return series.Legendre.cast(Polynomial(u.coef * t**n), domain=[0, 1]).coef

    t, h = 1.3, 1e-3
    # Central differences of polynomials of degree 5 in t, extrapolated to fourth order.
    d1, d2 = ((coefficients(t + e) - coefficients(t - e)) / (2 * e) for e in (h, 2 * h))
    np.testing.assert_allclose(t * (4 * d1 - d2) / 3, system.A @ coefficients(t) + system.B * u(t), atol=1e-9)


# 10137: discretization, speed, and the whole past in waves


def test_f_four_steps_of_the_window():
    A, B, dt, eye = ss.legt(8).A, ss.legt(8).B, 0.01, np.eye(8)
    inverse = np.linalg.inv
    expected = {
        ss.forward_euler: (eye + dt * A, dt * B),
        ss.backward_euler: (inverse(eye - dt * A), inverse(eye - dt * A) @ (dt * B)),
        ss.bilinear: (inverse(eye - dt / 2 * A) @ (eye + dt / 2 * A), inverse(eye - dt / 2 * A) @ (dt * B)),
        ss.zoh: (scipy.linalg.expm(dt * A), inverse(A) @ (scipy.linalg.expm(dt * A) - eye) @ B),
    }
    for rule, (step, enter) in expected.items():
        found = rule(ss.legt(8), dt)
        np.testing.assert_allclose(found.A, step, atol=1e-13, err_msg=rule.__name__)
        np.testing.assert_allclose(found.B, enter, atol=1e-14, err_msg=rule.__name__)


def trapezoidal(u, order, eps):
    """Su's and the HiPPO paper's bilinear rule of LegS: A/t on the right, A/(t + eps) on the left."""
    A, B, eye = ss.legs(order).A, ss.legs(order).B, np.eye(order)
    c = u[0] * eye[0]
    for k in range(1, len(u)):
        t = k * eps
        right = c + eps / 2 * (A @ c / t + B * u[k] * (1 / t + 1 / (t + eps)))
        c = np.linalg.solve(eye - eps / 2 * A / (t + eps), right)
    return c


def test_g_the_step_cancels_from_the_bilinear_rule_of_legs():
    u = np.cos(np.arange(300) / 40)
    states = [trapezoidal(u, 8, eps) for eps in (1e-3, 1.0, 42.0)]
    np.testing.assert_allclose(states[1:], [states[0]] * 2, atol=1e-13)
    # It approximates what `memorize`, without a step to choose, and `project` do.
    exact = ss.project(ss.legs(8), u)
    assert np.abs(states[0] - exact).max() < 5e-3
    assert np.abs(ss.memorize(ss.legs(8), u)[-1] - exact).max() < np.abs(states[0] - exact).max()


def test_g_a_slower_signal_leaves_the_same_coefficients():
    c = [ss.project(ss.legs(8), np.cos(5 * (np.arange(L) + 0.5) / L)) for L in (2000, 4000)]
    # The projection of the samples is off by O(1/L^2) from that of the function.
    np.testing.assert_allclose(*c, atol=1e-5)


def test_h_the_exact_step_of_legs_takes_the_logarithm_of_the_times(rng):
    u = rng.standard_normal(30)
    for k in (1, 7, 29):
        step = ss.zoh(ss.legs(6), np.log((k + 1) / k))
        exact = step.A @ ss.project(ss.legs(6), u[:k]) + step.B * u[k]
        np.testing.assert_allclose(exact, ss.project(ss.legs(6), u[: k + 1]), atol=1e-13)


def test_i_the_product_of_steps_telescopes_to_a_polynomial():
    """e^{A ln(n/m)} has polynomials in m/n as entries, without a constant: old input decays by a power."""
    order, m = 5, 3
    product = np.eye(order)
    for k in range(m, 12):
        product = ss.zoh(ss.legs(order), np.log((k + 1) / k)).A @ product
    np.testing.assert_allclose(product, ss.zoh(ss.legs(order), np.log(12 / m)).A, atol=1e-12)
    ratios = np.linspace(0.2, 0.95, order)
    values = [ss.zoh(ss.legs(order), -np.log(r)).A.ravel() for r in ratios]
    polynomial = np.linalg.solve(ratios[:, None] ** np.arange(1, order + 1), values)
    predicted = 0.5 ** np.arange(1, order + 1) @ polynomial
    np.testing.assert_allclose(predicted, ss.zoh(ss.legs(order), np.log(2)).A.ravel(), atol=1e-9)


def test_j_a_product_with_legs_is_a_cumulative_sum(rng):
    v, n = rng.standard_normal(40), np.arange(40)
    r = np.sqrt(2 * n + 1)
    expected = n * v - r * np.cumsum(r * v)
    np.testing.assert_allclose(ss.legs(40).A @ v, expected, atol=1e-11)
    np.testing.assert_allclose(ss.legs(40).structure.multiply(v), expected, atol=1e-11)


@pytest.mark.parametrize("lam", [1e-3, 0.3, 50.0])
def test_k_an_implicit_step_of_legs_is_one_sweep(lam, rng):
    v, S, y = rng.standard_normal(40), 0.0, []
    for n in range(40):
        before = S
        S = ((1 - lam * n) * S + np.sqrt(2 * n + 1) * v[n]) / (1 + lam * n + lam)
        y.append((S - before) / np.sqrt(2 * n + 1))
    np.testing.assert_allclose(np.linalg.solve(np.eye(40) - lam * ss.legs(40).A, v), y, atol=1e-12)
    np.testing.assert_allclose(ss.legs(40).structure.solve(1.0, lam, v), y, atol=1e-12)


def test_l_the_whole_past_in_complex_waves():
    """A_nk = -n/(n-k), and i pi n - 1 on the diagonal, B = 1, by quadrature of -(s g)' on the waves."""
    n = np.array([0, 1, -1, 2, -2])
    g, back = np.exp(2j * np.pi * np.outer(n, s)), np.exp(-2j * np.pi * np.outer(n, s))
    moved = -(back + s * (-2j * np.pi * n[:, None]) * back)
    A = (moved * w) @ g.T
    gap = np.where(n[:, None] == n, 1, n[:, None] - n)
    np.testing.assert_allclose(
        A, np.where(n[:, None] == n, 1j * np.pi * n - 1, -n[:, None] / gap), atol=1e-12
    )
    real = np.stack(
        [np.ones_like(s)] + [np.sqrt(2) * f(2 * np.pi * p * s) for p in (1, 2) for f in (np.cos, np.sin)]
    )
    U = (back * w) @ real.T
    np.testing.assert_allclose(U @ ss.fous(5).A @ np.linalg.inv(U), A, atol=1e-12)
    np.testing.assert_allclose(U @ ss.fous(5).B, 1.0, atol=1e-13)


# 10162: S4


def test_m_similar_systems_have_the_same_kernel(rng):
    system = ss.bilinear(ss.legs(6).with_output(rng.standard_normal(6)), 0.1)
    turned = ss.change_gauge(system, rng.standard_normal((6, 6)) + 4 * np.eye(6))
    np.testing.assert_allclose(ss.kernel(turned, 50), ss.kernel(system, 50), atol=1e-12)


@pytest.mark.parametrize("omega", [0.0, 1.7])
def test_n_the_fixed_system_of_s4_remembers_by_the_exponential_of_the_age(omega):
    """x = int u(t - a) e^{-a} g(e^{-a}) da: the answer to a wave, by quadrature in s = e^{-a}."""
    response = ss.frequency_response(ss.legs(6).with_output(np.eye(6)), np.array([omega]))[:, 0]
    for n in range(6):
        parts = [
            integrate.quad(
                lambda a, n=n, f=f: f(omega * a) * np.exp(-a) * basis(n + 1, np.exp(-a))[n], 0, 60, limit=200
            )[0]
            for f in (np.cos, np.sin)
        ]
        assert abs(response[n] - (parts[0] - 1j * parts[1])) < 1e-7  # the tolerance of quad


def test_o_eigenvectors_of_legs_are_binomial_coefficients():
    """v_n = (-1)^n C(n+j, n-j) belongs to -(j+1), exactly; partial sums obey Su's recursion."""
    order, n = 8, np.arange(8)
    plain = ss.change_gauge(ss.legs(order), 1 / np.sqrt(2.0 * n + 1))
    for j in range(order):
        v = np.array([(-1) ** k * comb(k + j, k - j) if k >= j else 0 for k in range(order)], dtype=float)
        np.testing.assert_allclose(plain.A @ v, -(j + 1) * v, rtol=0, atol=1e-12 * np.abs(v).max())
        S = np.cumsum((2 * n + 1) * v)
        lam = j + 1.0  # of Su's A, which is minus ours
        np.testing.assert_allclose(S[:-1], (lam - n[1:] - 1) / (lam + n[1:]) * S[1:], atol=1e-9)


@pytest.mark.parametrize("order", [2, 33])
def test_p_legs_is_skew_but_for_half_the_identity_and_rank_one(order):
    system = ss.legs(order)
    rest = system.A + np.outer(system.B, system.B) / 2 + np.eye(order) / 2
    np.testing.assert_allclose(rest, -rest.T, atol=1e-13)
    assert ss.nplr(system).rank == 1


def test_q_the_generating_function_of_the_kernel(rng):
    """sum K_j z^j = 2/(1+z) C [2/eps (1-z)/(1+z) - A]^-1 B for the bilinear step eps."""
    system, eps = ss.legs(6).with_output(rng.standard_normal(6)), 0.2
    for z in (0.6 + 0.0j, 0.5 * np.exp(2.0j)):
        K = ss.kernel(ss.bilinear(system, eps), 200)  # 0.6^200 is below 1e-44
        expected = np.linalg.solve(2 / eps * (1 - z) / (1 + z) * np.eye(6) - system.A, system.B)
        assert abs(K @ z ** np.arange(200) - 2 / (1 + z) * system.C @ expected) < 1e-13


@pytest.mark.parametrize("L", [7, 16])
def test_r_the_truncated_generating_function_at_roots_of_unity(L, rng):
    """The DFT of L lags is C (I - A^L) (I - w A)^-1 B, w the roots of unity."""
    d = ss.bilinear(ss.legs(6).with_output(rng.standard_normal(6)), 0.1)
    C = d.C @ (np.eye(6) - np.linalg.matrix_power(d.A, L))
    roots = np.exp(-2j * np.pi * np.arange(L) / L)
    expected = [C @ np.linalg.solve(np.eye(6) - z * d.A, d.B) for z in roots]
    np.testing.assert_allclose(np.fft.fft(ss.kernel(d, L)), expected, atol=1e-12)


def test_s_a_convolution_is_padded_with_zeros(rng):
    u, K = rng.standard_normal((2, 32))
    padded = np.fft.irfft(np.fft.rfft(u, 64) * np.fft.rfft(K, 64), 64)[:32]
    wrapped = np.fft.irfft(np.fft.rfft(u) * np.fft.rfft(K), 32)
    y = ss.convolve(u, K)
    np.testing.assert_allclose(y, padded, atol=1e-13)
    assert np.abs(y - wrapped).max() > 1.0
    np.testing.assert_allclose(y, np.convolve(u, K)[:32], atol=1e-13)


def test_s_woodbury_takes_the_low_rank_part_away():
    """(s - A)^-1 B from diagonal resolvents alone, A = V (diag - P Q*) V*."""
    system, z = ss.legs(8), 0.4 + 2.1j
    parts = ss.dplr(system)
    R = np.diag(1 / (z - parts.eigenvalues))
    Q = parts.Q.conj().T
    inner = R - R @ parts.P @ np.linalg.inv(np.eye(parts.rank) + Q @ R @ parts.P) @ Q @ R
    expected = np.linalg.solve(z * np.eye(8) - system.A, system.B)
    np.testing.assert_allclose(parts.V @ inner @ parts.B, expected, atol=1e-12)


# 10180: rational transfer functions


def rational(system, L):
    """Su's numerator b and denominator a, highest power first, of the first L lags."""
    C = system.C @ (np.eye(system.order) - np.linalg.matrix_power(system.A, L))
    a = np.poly(system.A)
    return np.poly(system.A - np.outer(system.B, C)) - a, a, C


def small(rng):
    return ss.bilinear(ss.legs(4).with_output(rng.standard_normal(4)), 0.5)


def test_t_the_truncated_response_is_rational(rng):
    d = small(rng)
    b, a, C = rational(d, 20)
    for z in (1.3 + 0.2j, -2.0 + 0.0j):
        expected = C @ np.linalg.solve(z * np.eye(4) - d.A, d.B)
        assert abs(np.polyval(b, z) / np.polyval(a, z) - expected) < 1e-12


@pytest.mark.parametrize("L", [16, 33])
def test_u_the_kernel_is_a_quotient_of_two_transforms(L, rng):
    """DFT(K) = DFT(b) / DFT(a), coefficients in ascending powers of 1/z and padded to L."""
    d = small(rng)
    b, a, _ = rational(d, L)
    found = np.fft.irfft(np.fft.rfft(b[1:], L) / np.fft.rfft(a, L), L)
    np.testing.assert_allclose(found, ss.kernel(d, L), atol=1e-12)


def test_v_the_companion_form_has_the_same_kernel(rng):
    d, L = small(rng), 24
    b, a, _ = rational(d, L)
    A = np.vstack([-a[1:], np.eye(4)[:-1]])
    companion = ss.StateSpace(A, np.eye(4)[0], C=b[1:], dt=d.dt)
    np.testing.assert_allclose(
        ss.kernel(companion, L), ss.kernel(d.with_output(rational(d, L)[2]), L), atol=1e-12
    )


def test_w_small_denominators_are_stable(rng):
    """Where the sum of |a_i| is below 1 all roots are inside the unit disc, and it need not hold at 1."""
    for n in (2, 5, 30):
        a = rng.standard_normal(n)
        a *= 0.99 / np.abs(a).sum()
        companion = ss.StateSpace(np.vstack([-a, np.eye(n)[:-1]]), np.eye(n)[0], C=np.ones(n), dt=1.0)
        assert np.abs(np.linalg.eigvals(companion.A)).max() < 1.0
        assert np.abs(ss.kernel(companion, 200 * n)[-n:]).max() < 0.9**10
    assert np.abs(np.roots([1, 0, 0, -1])).max() == pytest.approx(1.0)
