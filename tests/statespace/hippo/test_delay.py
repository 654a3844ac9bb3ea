"""The delay line: Pade exactly, stable at every order, half a sample (T2)."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import sympy

from diffmath import statespace as ss
from diffmath import symbolic

s = sympy.Symbol("s")


def _pade(order):
    """[N-1/N] of exp(-s) by its closed form (Baker & Graves-Morris 1996, section 1.2), exact."""
    m, n, f = order - 1, order, math.factorial

    def part(degree, sign):
        return sum(
            sympy.Rational(f(m + n - j) * f(degree), f(m + n) * f(j) * f(degree - j)) * (sign * s) ** j
            for j in range(degree + 1)
        )

    return part(m, -1), part(n, 1)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 6])
def test_the_transfer_function_is_pade_exactly(order):
    """In exact rationals: the derived LegT, in the gauge without roots, by Cramer's rule."""
    A, B = symbolic.derive_hippo(symbolic.legt, order)
    root = [sympy.sqrt(2 * n + 1) for n in range(order)]
    A = sympy.Matrix(order, order, lambda i, j: sympy.nsimplify(A[i, j] * root[i] / root[j]))
    B = sympy.Matrix([B[i] * root[i] for i in range(order)])
    C = sympy.Matrix([[(-1) ** n for n in range(order)]])
    assert all(entry.is_Rational for entry in (*A, *B))
    # C (sI - A)^-1 B = det(sI - A + BC) / det(sI - A) - 1.
    below = A.charpoly(s).as_expr()
    above = (A - B * C).charpoly(s).as_expr() - below
    P, Q = _pade(order)
    assert sympy.expand(above * Q - below * P) == 0
    # What ships is that system, rounded.
    line = ss.delay(order)
    scale = np.sqrt(2 * np.arange(order) + 1)
    np.testing.assert_allclose(line.A * scale[:, None] / scale, np.array(A, dtype=float), rtol=1e-15)
    np.testing.assert_allclose(line.B * scale, np.array(B, dtype=float)[:, 0], rtol=1e-15)
    np.testing.assert_array_equal(line.C / scale, np.array(C, dtype=float)[0])


def test_the_pade_of_the_test_is_one():
    """Its series agrees with exp(-s) to s^(2N - 1), and not further: the error that the docstring states."""
    for order in (1, 2, 4):
        P, Q = _pade(order)
        error = sympy.series(P / Q - sympy.exp(-s), s, 0, 2 * order + 1).removeO()
        factor = sympy.Rational(
            math.factorial(order) * math.factorial(order - 1),
            math.factorial(2 * order) * math.factorial(2 * order - 1),
        )
        assert sympy.simplify(sympy.Abs(error.coeff(s, 2 * order)) - factor) == 0
        assert all(error.coeff(s, k) == 0 for k in range(2 * order))


@pytest.mark.parametrize("order", [1, 2, 8, 10, 11, 32, 64, 256])
@pytest.mark.parametrize("theta", [1.0, 0.01])
def test_every_order_meets_the_approximant(order, theta):
    """By hypergeometric functions in 400 digits; 256 states are no harder than 4."""
    omega = order / theta * np.array([0.0, 0.3, 1.0, 1.5, 2.0])
    with mpmath.workdps(400):
        exact = [
            complex(mpmath.hyp1f1(1 - order, 1 - 2 * order, -z) / mpmath.hyp1f1(-order, 1 - 2 * order, z))
            if order > 1
            else complex(1 / (1 + z))
            for z in (mpmath.mpc(0, w * theta) for w in omega)
        ]
    response = ss.frequency_response(ss.delay(order, theta), omega)
    np.testing.assert_allclose(response, exact, atol=1e-14 * max(10, order))  # n eps of a response of 1


@pytest.mark.parametrize(
    ("r", "order", "ratio", "error"),
    [(1, 4, 1.5, 0.28), (1, 16, 1.5, 0.013), (1, 64, 1.5, 3.6e-8), (1, 4, 1, 0.026), (1, 16, 1, 5.4e-7),
     (0.5, 16, 1, 1.4e-4), (0, 16, 1, 9.7e-4)],
)  # fmt: skip
def test_the_stated_errors(r, order, ratio, error):
    omega = np.array([1.0 * ratio * order])
    response = ss.frequency_response(ss.delay(order, r=r), omega)
    assert abs(response[0] - np.exp(-1j * omega[0] * r)) == pytest.approx(error, rel=0.03)


def test_the_error_at_low_frequencies():
    for order in (2, 4, 6):
        z = 0.5 * order
        factor = math.factorial(order) * math.factorial(order - 1)
        factor /= math.factorial(2 * order) * math.factorial(2 * order - 1)
        error = abs(ss.frequency_response(ss.delay(order), np.array([z]))[0] - np.exp(-1j * z))
        assert error == pytest.approx(factor * z ** (2 * order), rel=0.3)


@pytest.mark.parametrize("order", [16, 256])
@pytest.mark.parametrize("rule", [ss.bilinear, ss.zoh])
def test_no_order_is_unstable(order, rule):
    """A step is a contraction of the Euclidean norm (the energy identity); eigenvalues would not tell."""
    for dt in (1e-3, 0.1, 10.0):
        A = rule(ss.delay(order), dt).A
        assert np.linalg.norm(A, 2) <= 1 + 1e-11  # eps of entries of n dt / dt, squared some ten times


def test_a_long_run_stays_a_delay():
    dt = 1e-3
    t = dt * np.arange(20_000)
    u = np.sin(40 * t) + 0.5 * np.cos(170 * t + 1)
    y = ss.simulate(ss.bilinear(ss.delay(256, theta=1 + dt / 2), dt), u)
    # The bilinear rule warps: omega^3 dt^2 / 12 of phase a second, 0.41 rad at 170, 0.005 at 40.
    phase = [2 / dt * math.tan(w * dt / 2) * (1 + dt / 2) - w * dt / 2 for w in (40, 170)]
    expected = np.sin(40 * t - phase[0]) / math.cos(0.02) + 0.5 * np.cos(170 * t + 1 - phase[1]) / math.cos(
        0.085
    )
    assert np.abs(y - expected)[3000:].max() < 1e-9


@pytest.mark.parametrize("r", [0.0, 0.25, 0.9, 1.0])
def test_an_age_inside_of_the_window(r):
    dt = 1e-3
    t = dt * np.arange(4000)
    y = ss.simulate(ss.foh(ss.delay(32, theta=0.5, r=r), dt), np.sin(10 * t))
    assert np.abs(y - np.sin(10 * (t - 0.5 * r)))[1000:].max() < 2e-5  # (omega dt)^2 / 12 of the ramps


@pytest.mark.parametrize(
    ("rule", "policy", "half"),
    [(ss.bilinear, "s4", 0.5), (ss.zoh, "s4", 0.5), (ss.zoh, "scipy", -0.5), (ss.bilinear, "scipy", 0.0)],
)
def test_half_a_sample(rule, policy, half):
    """The shift that is due, and that others are 10 times worse for (nengolib's issue 169)."""
    dt, m = 1e-3, 100
    u = np.sin(20 * dt * np.arange(2000))

    def error(shift):
        line = rule(ss.delay(16, theta=(m + shift) * dt), dt, policy=policy)
        return np.abs(ss.simulate(line, u)[1000:] - u[1000 - m : -m]).max()

    assert error(half) < 3e-4
    for other in {-0.5, 0.0, 0.5} - {half}:
        assert error(other) > 9e-3  # omega dt / 2


def test_backends(xp):
    for dtype in ("float64", "float32"):
        line = ss.delay(5, 2.0, r=0.75, like=xp.empty(dtype))
        assert xp.numpy(line.C).dtype == dtype
        np.testing.assert_allclose(xp.numpy(line.C), ss.delay(5, 2.0, r=0.75).C, rtol=2 * np.finfo(dtype).eps)
        y = ss.simulate(ss.bilinear(line, 0.1), xp.asarray(np.ones(100), dtype))
        assert xp.numpy(y)[-1] == pytest.approx(1.0, abs=1e-3)


def test_refusals():
    with pytest.raises(TypeError, match="order must be an int; got float"):
        ss.delay(4.0)
    with pytest.raises(ValueError, match="theta must be greater than 0; got 0"):
        ss.delay(4, 0.0)
    for r in (-0.1, 1.1):
        with pytest.raises(ValueError, match=rf"r must be in \[0, 1\], a fraction of the window; got {r}"):
            ss.delay(4, r=r)
    with pytest.raises(ValueError, match="r must be finite; got nan"):
        ss.delay(4, r=float("nan"))
    with pytest.raises(TypeError, match="r must be a number; got str"):
        ss.delay(4, r="half")
