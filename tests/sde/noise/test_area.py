"""Levy areas: the law of a leaf, by exact characteristic functions; Chen's relation; wrong variances."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from diffmath import random
from diffmath.sde import Increment, chen, levy_increments
from diffmath.sde._noise.area import area_normals, leaf_area, resolved_area, wedge
from diffmath.sde._noise.bridge import VARIANCES

HOST = np.empty(0)
TAIL = (252, 36)  # variances h^2 / 252 of zeta_3 squared, h^2 / 36


def log_characteristic(u, tail=TAIL):
    """log E exp(i u A) of a leaf, h = 1: a form in 8 normals, and a normal whose variance is one.

    Given (zeta_0, ..., zeta_3) of both motions, the rest gives exp(-u^2 variance / 2), the exponential
    of a quadratic form, so that the whole is a Gaussian integral: a determinant.
    """
    matrix = mpmath.eye(8)
    for n in (1, 2, 3):
        c = 1 / mpmath.sqrt(4 * n * n - 1) / 4
        for i, j, sign in ((n - 1, 4 + n, 1), (n, 4 + n - 1, -1)):
            matrix[i, j] -= 2j * u * sign * c
            matrix[j, i] -= 2j * u * sign * c
    for last in (3, 7):
        matrix[last, last] += u * u / mpmath.mpf(tail[0])
    return -mpmath.log(mpmath.det(matrix).real) / 2 - u * u / mpmath.mpf(2 * tail[1])


def cumulants(tail=TAIL):
    with mpmath.workdps(40):
        series = mpmath.taylor(lambda u: log_characteristic(u, tail), 0, 4)
    return float(-2 * series[2]), float(24 * series[4])


def test_the_variance_is_exact_and_the_fourth_moment_nearly():
    """The area has the characteristic function 1 / cosh(u / 2): variance 1/4, fourth moment 5/16."""
    with mpmath.workdps(30):
        series = mpmath.taylor(lambda u: -mpmath.log(mpmath.cosh(u / 2)), 0, 4)
    assert math.isclose(-2 * series[2], 1 / 4)
    assert math.isclose(3 / 16 + 24 * series[4], 5 / 16)
    variance, fourth = cumulants()
    assert math.isclose(variance, 1 / 4, rel_tol=1e-12)
    assert math.isclose(3 * variance**2 + fourth, 5 / 16 - 1 / 1512, rel_tol=1e-9)  # 0.2 % below


def test_the_law_of_a_leaf_is_near_that_of_the_area():
    for u in np.linspace(0, 30, 31):
        gap = abs(mpmath.exp(log_characteristic(mpmath.mpf(u))) - mpmath.sech(u / 2))
        assert gap < 0.0031  # the largest is 0.00300 at u = 7


def davie_variance(noise_variance):
    """torchsde 0.2.6, 'davie': A = H W - W H + sqrt(h^2 / 12) a, where a = (n - n^T) has variance 2."""
    return 1 / 6 + noise_variance / 12


def foster_variance(inner):
    """torchsde 0.2.6, 'foster': sqrt(h/10 (inner h + H_i^2 + H_j^2)) a, of variance 2 again."""
    return 1 / 6 + 2 / 10 * (inner + 2 / 12)


def test_the_wrong_variances_of_a_peer_are_rejected():
    assert math.isclose(davie_variance(1), 1 / 4)  # as Davie has it
    assert math.isclose(davie_variance(2), 0.3333, abs_tol=1e-4)
    assert math.isclose(foster_variance(1 / 4), 1 / 4)  # as Foster has it
    assert math.isclose(foster_variance(1 / 10), 0.22, abs_tol=1e-4)
    for wrong in (davie_variance(2), foster_variance(1 / 10)):
        assert abs(wrong - cumulants()[0]) > 0.02


def leaf(rows, dim, h, seed=0):
    z = random.normal(random.key(seed), (rows, 3 * dim + area_normals(dim)), like=HOST)
    state = tuple(math.sqrt(v * h) * z[:, i * dim : (i + 1) * dim] for i, v in enumerate(VARIANCES))
    return state, leaf_area(state, h, z[:, 3 * dim :])


def conditional_covariances(K, h):
    """Of (A_01, A_02, A_12) given W, H and K: the term zeta_2 ^ zeta_3, and h^2 / 28 for all that follow."""
    scale = 36 / 7 * h
    K0, K1, K2 = K
    return h * h / 28 * np.eye(3) + scale * np.array(
        [[K0 * K0 + K1 * K1, K1 * K2, -K0 * K2], [K1 * K2, K0 * K0 + K2 * K2, K0 * K1],
         [-K0 * K2, K0 * K1, K1 * K1 + K2 * K2]]
    )  # fmt: skip


def test_mean_and_covariances_given_w_h_k():
    h, rows = 0.3, 200_000
    W, H, K = (np.array(v) for v in ([0.5, -0.2, 0.1], [0.1, 0.2, -0.15], [0.02, -0.03, 0.01]))
    state = tuple(np.tile(v, (rows, 1)) for v in (W, H, K))
    A = leaf_area(state, h, random.normal(random.key(4), (rows, 6), like=HOST))
    pairs = A[:, [0, 0, 1], [1, 2, 2]]
    mean = (wedge(H[None], W[None]) + 12 * wedge(K[None], H[None]))[0][[0, 0, 1], [1, 2, 2]]
    exact = conditional_covariances(K, h)
    root = np.sqrt(np.diag(exact))
    # 7 standard errors each (products of variables of kurtosis below 4: sqrt(3) of their scale); 9 numbers:
    # false-positive rate below 1e-10 in all.
    assert (abs(pairs.mean(axis=0) - mean) < 7 * root / np.sqrt(rows)).all()
    gap = abs(np.cov(pairs.T) - exact)
    assert (gap < 7 * np.sqrt(3 / rows) * np.outer(root, root)).all()
    # Independent pairs, as in the usual moment matching, would be seen.
    assert abs(exact[0, 1]) > 7 * np.sqrt(3 / rows) * root[0] * root[1]


@pytest.mark.parametrize("dim", [1, 2, 4])
def test_areas_are_antisymmetric(dim):
    _, A = leaf(50, dim, 0.7)
    assert A.shape == (50, dim, dim)
    np.testing.assert_array_equal(A, -np.swapaxes(A, 1, 2))


def test_moments_of_drawn_areas():
    rows, h = 400_000, 0.25
    _, A = leaf(rows, 2, h, seed=3)
    a = A[:, 0, 1] / h
    # E a^8 = 1385/256, so E a^4 has the variance 5.41 - 0.098; 7 sigma each: false-positive rate 1e-11.
    assert abs((a**2).mean() - 1 / 4) < 7 * np.sqrt(5 / 16 / rows)
    assert abs((a**4).mean() - 5 / 16) < 7 * np.sqrt(5.41 / rows) + 1 / 1512


def test_chen_of_leaves_follows_the_error_law():
    """n leaves: E A^4 is off by n (h/n)^4 / 1512, since all that Chen adds has exact conditional moments."""
    gaps = [5 / 16 - fourth_moment_of_joined(n) for n in (1, 2, 4, 8)]
    np.testing.assert_allclose(gaps, [1 / 1512 / n**3 for n in (1, 2, 4, 8)], rtol=1e-6)


def fourth_moment_of_joined(n):
    """E A^4 of n leaves of length 1/n, from the determinant of their joint quadratic form."""
    h, size = 1 / mpmath.mpf(n), 4 * n
    wedges = mpmath.zeros(size, size)  # A = sum of wedges[a, b] (x_a y_b - x_b y_a) / 2 + rests
    with mpmath.workdps(50):
        h = 1 / mpmath.mpf(n)
        for k in range(n):
            for m in (1, 2, 3):
                wedges[4 * k + m - 1, 4 * k + m] += h / mpmath.sqrt(4 * m * m - 1) / 2
            for later in range(k + 1, n):
                wedges[4 * k, 4 * later] += h / 2
        antisymmetric = wedges - wedges.T

        def log_phi(u):
            big = mpmath.eye(2 * size)
            for i in range(size):
                for j in range(size):
                    big[i, size + j] -= 1j * u * antisymmetric[i, j]
                    big[size + j, i] -= 1j * u * antisymmetric[i, j]
            for i in range(3, 2 * size, 4):
                big[i, i] += u * u * h * h / 252
            return -mpmath.log(mpmath.det(big).real) / 2 - n * (u * h) ** 2 / 72

        # An even function: two values far inside the disc of convergence give the coefficients of u^2, u^4.
        u = mpmath.mpf(10) ** -8
        first, second = log_phi(u) / u**2, log_phi(2 * u) / (4 * u**2)
        c4 = (second - first) / (3 * u**2)
        c2 = first - c4 * u**2
    return float(3 * (2 * c2) ** 2 + 24 * c4)


def test_sign_and_rate_against_the_area_of_a_finer_path():
    """The mean square gap to a fine area is h^2 / 20 per leaf: rate 1/2 with its constant; -A is rejected."""
    clock, rows = np.array([0.0, 1.0]), 4000
    levels = range(2, 7)
    fine = next(levy_increments("A", levels=9)(random.key(0), clock, (rows, 2), like=HOST)).A[:, 0, 1]
    gaps = []
    for level in levels:
        A = next(levy_increments("A", levels=level)(random.key(0), clock, (rows, 2), like=HOST)).A[:, 0, 1]
        gaps.append(((A - fine) ** 2).mean())
        assert ((A + fine) ** 2).mean() > 0.5
    # Given (W, H, K) of a coarse leaf, its area and that of the fine path have the variance h^2 / 20 each,
    # independently. A mean of 4000 squares is known to 3 %: 20 % is beyond 6 sigma, false-positive rate 1e-8.
    expected = [2 / 20 / 2**level for level in levels]
    np.testing.assert_allclose(gaps, expected, rtol=0.2)


def test_resolved_area_of_a_smooth_path():
    """Chen's relation itself: the area of (t, t^2) over [0, 1] is 1/6 at every depth."""

    def halve(state, h, node):
        first = node * h
        return tuple((np.array([[b - a, b * b - a * a]]),) for a, b in _halves(first, h))

    def _halves(node_start, h):
        start = node_start - 1.0  # node * h = 1 + start for heap numbers over [0, 1]
        return (start, start + h / 2), (start + h / 2, start + h)

    def leaf_of_parabola(state, h, node):
        exact = h**3 / 6
        return np.array([[[0.0, exact], [-exact, 0.0]]])

    for depth in (0, 1, 5):
        A = resolved_area((np.array([[1.0, 1.0]]),), 1.0, 1, depth, halve, leaf_of_parabola)
        assert math.isclose(A[0, 0, 1], 1 / 6)


def test_chen_is_associative_with_areas():
    draw = levy_increments("HKA")
    a, b, c = draw(random.key(1), [0.0, 0.2, 0.7, 1.0], (6, 3), like=HOST)
    left, right = chen(chen(a, b), c), chen(a, chen(b, c))
    for name in "WHKA":
        np.testing.assert_allclose(getattr(left, name), getattr(right, name), atol=1e-15)


def test_a_path_and_its_return_enclose_nothing():
    """Reversal takes (W, H, K, A) to (-W, H, -K, -A); going there and nearly back leaves nearly nothing."""
    a, b = levy_increments("HKA")(random.key(1), [0.0, 0.4, 1.0], (6, 2), like=HOST)
    back = Increment(-b.dt, -b.W, b.H, -b.K, -b.A)
    there = chen(chen(a, b), back)
    for name in "WHKA":
        np.testing.assert_allclose(getattr(there, name), getattr(a, name), atol=1e-14)
    with pytest.raises(ValueError, match="dt must not cancel"):
        chen(b, back)
    with pytest.raises(ValueError, match="one shape"):
        chen(a, Increment(0.1, np.zeros((5, 2))))


def test_areas_on_every_backend(xp):
    expected = next(levy_increments("A", levels=2)(random.key(2), [0.0, 1.0], (4, 3), like=HOST)).A
    got = next(levy_increments("A", levels=2)(random.key(2), [0.0, 1.0], (4, 3), like=xp.empty())).A
    np.testing.assert_allclose(xp.numpy(got), expected, rtol=1e-12, atol=1e-14)
    single = next(levy_increments("A")(random.key(2), [0.0, 1.0], (4, 3), like=xp.empty("float32")))
    assert single.A.dtype == single.H.dtype == xp.xp.float32


@pytest.mark.parametrize("h", [1.0, 0.3])
def test_every_constant_of_a_leaf_is_that_of_the_legendre_series(h):
    """By single normals: terms n = 3 and 4 of h/2 (zeta_{n-1} ^ zeta_n) / sqrt(4 n^2 - 1), and all beyond."""
    none, unit = np.zeros((1, 2)), np.array([[1.0, 0.0]])

    def leaf(K, third, rest):
        return leaf_area((none, none, K), h, np.array([[*third, rest]]))[0, 0, 1]

    # zeta_2 is K sqrt(720 / h).
    third_term = h / 2 * math.sqrt(720 / h) / math.sqrt(4 * 9 - 1)
    assert leaf(unit, (0.0, 1.0), 0.0) == pytest.approx(third_term, rel=1e-14)
    # Of n > 4, each of variance h^2 / 2 / (4 n^2 - 1): the sum telescopes to 1 / (2 (2 * 5 - 1)).
    beyond = h * h / 2 / 18
    for third in ((0.0, 0.0), (1.0, 0.0), (0.7, -2.0)):
        variance = beyond + h * h / 4 / (4 * 16 - 1) * (third[0] ** 2 + third[1] ** 2)
        assert leaf(none, third, 1.0) == pytest.approx(math.sqrt(variance), rel=1e-14)
