"""Gauges: the published matrices of each convention, and the same system in every one of them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial.chebyshev import chebval
from numpy.polynomial.legendre import legval

from diffmath import statespace as ss
from diffmath import symbolic


@pytest.mark.parametrize("order", [1, 4, 8, 256])
def test_lmu_is_the_published_memory_unit(order):
    """A_ij = (2i+1) {-1 (i < j); (-1)^(i-j+1) (i >= j)}, B_i = (2i+1) (-1)^i, over theta (Voelker 2019)."""
    theta, i = 2.0, np.arange(order)
    lmu = ss.change_gauge(ss.legt(order, theta), "lmu")
    sign = np.where(i[:, None] < i, -1.0, (-1.0) ** (i[:, None] - i + 1))
    # Three or four roundings of each entry.
    np.testing.assert_allclose(lmu.A, (2 * i[:, None] + 1) * sign / theta, rtol=2e-15)
    np.testing.assert_allclose(lmu.B, (2 * i + 1) * (-1.0) ** i / theta, rtol=2e-15)


@pytest.mark.parametrize("order", [1, 5, 8])
def test_plain_is_the_second_form_of_su(order):
    """LegS: -(2n+1) below the diagonal, -(n+1) on it, B = 2n+1."""
    n = np.arange(order)
    plain = ss.change_gauge(ss.legs(order), "plain")
    expected = -np.tril(np.repeat(2.0 * n[:, None] + 1, order, axis=1), -1) - np.diag(n + 1.0)
    np.testing.assert_allclose(plain.A, expected, rtol=2e-15)
    np.testing.assert_allclose(plain.B, 2 * n + 1, rtol=2e-15)


def test_su_scales_the_state_alone():
    legs = ss.legs(4)
    su = ss.change_gauge(legs, "su")
    np.testing.assert_allclose(su.A, legs.A, rtol=4e-16)
    np.testing.assert_allclose(su.B, np.sqrt(2) * legs.B, rtol=4e-16)
    assert su.structure.name == "lower-cumulative"


def test_the_codes_differ_in_sign_and_time_alone():
    """The matrices as the paper, its code and S4's write them, from the formulas they print."""
    n = np.arange(6.0)
    root = np.sqrt(2 * n + 1)
    legs = np.where(n[:, None] > n, np.outer(root, root), 0.0) + np.diag(n + 1)
    sign = np.where(n[:, None] >= n, 1.0, (-1.0) ** (n[:, None] - n))
    legt = np.outer(root, root) * sign
    for gauge in ("hippo", "hippo-code", "s4"):
        np.testing.assert_allclose(ss.change_gauge(ss.legs(6), gauge).A, -legs, rtol=4e-16)
        np.testing.assert_allclose(ss.change_gauge(ss.legt(6), gauge).A, -legt, rtol=4e-16)
        assert ss.change_gauge(ss.legt(6), gauge).measure.name == "legt"
    np.testing.assert_allclose(ss.change_gauge(ss.legt(6, theta=2.0), "s4").A, -legt / 2, rtol=4e-16)


def test_the_derived_gauge_is_accepted():
    """`hippo_closure` states its gauge; its inverse leads to the polynomials that are 1 at the present."""
    found = symbolic.hippo_closure(symbolic.legt, 8)
    inverse = np.array([1.0 / float(found.gauge[n, n]) for n in range(8)])
    exact = (found.gauge.inv() * found.A * found.gauge).applyfunc(lambda entry: entry.evalf(40))
    there = ss.change_gauge(ss.legt(8), inverse)
    np.testing.assert_allclose(there.A, np.array(exact.tolist(), dtype=float), rtol=2e-15)
    np.testing.assert_allclose(there.B, 1.0, rtol=4e-16)


@given(order=st.integers(1, 8), seed=st.integers(0, 2**32 - 1), outputs=st.sampled_from([None, 1, 3]))
def test_no_gauge_changes_the_response(order, seed, outputs):
    """C e^{tA} B is the same for a vector, for its diagonal matrix and for any invertible matrix."""
    rng = np.random.default_rng(seed)
    system = ss.legt(order).with_output(rng.standard_normal(order if outputs is None else (outputs, order)))
    scale = rng.choice([-1.0, 1.0], order) * rng.uniform(0.5, 2.0, order)
    rotation = np.linalg.qr(rng.standard_normal((order, order)))[0]
    response = system.C @ scipy.linalg.expm(0.3 * system.A) @ system.B
    for gauge in (scale, np.diag(scale), rotation * scale):
        other = ss.change_gauge(system, gauge)
        found = other.C @ scipy.linalg.expm(0.3 * other.A) @ other.B
        # The gauges have condition 4; the entries of A reach 64, so that expm loses some 100 eps.
        np.testing.assert_allclose(found, response, atol=1e-10)
        assert other.C.shape == system.C.shape


def test_a_discrete_system_keeps_its_step_and_its_direct_term():
    system = ss.bilinear(ss.legs(4).with_output(np.ones(4), 0.5), 0.1)
    lmu = ss.change_gauge(system, "lmu")
    assert lmu.dt == 0.1
    np.testing.assert_allclose(ss.kernel(lmu, 20), ss.kernel(system, 20), rtol=1e-12)


@pytest.mark.parametrize("order", [1, 7, 256])
def test_the_chebyshev_gauge_is_the_same_polynomial(order):
    rng = np.random.default_rng(0)
    c, x = rng.standard_normal(order), rng.uniform(-1, 1, 20)
    d = ss.jacobi_gauge(order, -0.5, -0.5) @ c
    d[1:] *= np.sqrt(2)  # the orthonormal T_n have the norm 1 / sqrt(2)
    exact = legval(x, c * np.sqrt(2 * np.arange(order) + 1))
    np.testing.assert_allclose(chebval(x, d), exact, atol=1e-12 * order)


def test_the_condition_of_the_chebyshev_gauge_grows_like_the_square_root():
    conditions = [np.linalg.cond(ss.jacobi_gauge(2**k, -0.5, -0.5)) for k in range(4, 9)]
    np.testing.assert_allclose(np.diff(np.log2(conditions)), 0.5, atol=0.05)


def test_the_moments_of_chebyshev_close_as_computed_by_hand():
    """Row 0 of ChebT with the end taken from the polynomial, and the first coefficients of its input."""
    moments = np.linalg.inv(ss.jacobi_gauge(4, -0.5, -0.5)).T
    window = ss.change_gauge(ss.legt(4), moments)
    root = np.sqrt(2)
    np.testing.assert_allclose(
        window.A[0], [-9 / 4, 45 * root / 16, -15 * root / 8, 35 * root / 16], rtol=1e-13
    )
    np.testing.assert_allclose(window.B, [1, root, root, root], rtol=1e-13)  # p_n at the present
    # The paper drops the end: then A is strictly lower, 2 sqrt(2), 8, 6 sqrt(2) and 12 in its even gaps.
    dropped = window.A + np.outer(
        [1, -root, root, -root], np.linalg.solve(moments.T, [1, -(3**0.5), 5**0.5, -(7**0.5)])
    )
    expected = -np.array([[0, 0, 0, 0], [2 * root, 0, 0, 0], [0, 8, 0, 0], [6 * root, 0, 12, 0]])
    np.testing.assert_allclose(dropped, expected, atol=1e-12)


@pytest.mark.parametrize(("a", "b"), [(0.0, 0.0), (1.5, -0.3), (0.5, 0.5)])
def test_jacobi_gauges_are_orthonormal_expansions(a, b):
    """Legendre to itself is the identity; the norm under the weight equals the norm of the coefficients."""
    gauge = ss.jacobi_gauge(12, a, b)
    if a == b == 0.0:
        np.testing.assert_allclose(gauge, np.eye(12), atol=1e-13)
    c = np.random.default_rng(1).standard_normal(12)
    x, weights = scipy.special.roots_jacobi(40, a, b)
    values = legval(x, c * np.sqrt(2 * np.arange(12) + 1))
    np.testing.assert_allclose(values**2 @ weights / weights.sum(), np.sum((gauge @ c) ** 2), rtol=1e-12)


@given(rate=st.floats(-3, 3), t=st.floats(0, 1))
def test_tilt_fades_the_kernel(rate, t):
    plain, tilted = ss.legt(6), ss.tilt(ss.legt(6), rate)
    expected = np.exp(-rate * t) * (scipy.linalg.expm(t * plain.A) @ plain.B)
    # The exponential's scaling and squaring loses eps |tA|, and the kernels are of size 10.
    np.testing.assert_allclose(scipy.linalg.expm(t * tilted.A) @ tilted.B, expected, atol=1e-11)


def test_backends_and_precision(xp):
    system = ss.legt(5, like=xp.empty("float32")).with_output(xp.asarray(np.ones(5), "float32"))
    for gauge in ("lmu", xp.asarray(np.arange(1.0, 6.0)), np.diag(np.arange(1.0, 6.0))):
        lmu = ss.change_gauge(system, gauge)
        assert xp.numpy(lmu.A).dtype == xp.numpy(lmu.B).dtype == xp.numpy(lmu.C).dtype == np.float32
    expected = ss.change_gauge(ss.legt(5), np.arange(1.0, 6.0)).A
    np.testing.assert_allclose(xp.numpy(lmu.A), expected, rtol=1e-5, atol=1e-5)
    assert xp.numpy(ss.tilt(system, 1.0).A).dtype == np.float32


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ss.change_gauge(ss.legt(3), "s5"), ValueError, "gauge must be one of .*; got 's5'"),
        (lambda: ss.change_gauge(ss.legt(2), np.array([1e300, 1e-300])), ValueError, "A must be finite"),
        (
            lambda: ss.change_gauge(ss.legt(3), np.ones(2)),
            ValueError,
            r"shape \(3,\) or \(3, 3\) .* got \(2,\)",
        ),
        (lambda: ss.change_gauge(ss.legt(3), np.zeros(3)), ValueError, "gauge must be invertible"),
        (lambda: ss.change_gauge(ss.legt(2), np.ones((2, 2))), ValueError, "gauge must be invertible"),
        (lambda: ss.change_gauge(ss.legt(2), np.array([1.0, np.nan])), ValueError, "gauge must be finite"),
        (lambda: ss.change_gauge("legt", "lmu"), TypeError, "change_gauge takes a StateSpace; got str"),
        (lambda: ss.jacobi_gauge(3, -1.0, 0.0), ValueError, "a must be greater than -1; got -1.0"),
        (
            lambda: ss.jacobi_gauge(4, 1e4, 0.5),
            ValueError,
            "a=10000 and b=0.5 leave the range of float64 at order 4",
        ),
        (
            lambda: ss.jacobi_gauge(4, 0.5, 1e308),
            ValueError,
            r"a=0.5 and b=1e\+308 leave the range of float64 at order 4",
        ),
        (lambda: ss.tilt(ss.bilinear(ss.legs(2), 0.1), 1.0), ValueError, "tilt takes a continuous system"),
        (lambda: ss.tilt(ss.legs(2), np.inf), ValueError, "rate must be finite; got inf"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
