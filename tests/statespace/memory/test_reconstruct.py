"""Reading a memory back: series against SciPy, gauges, what a number of coefficients resolves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial.legendre import Legendre

import diffmath as dm
from diffmath import statespace as ss


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


T = np.linspace(0.0, 1.0, 13)


def waves_at(order, s):
    angle = 2 * np.pi * np.outer(s, np.arange(1, order // 2 + 1))
    rows = np.ones((len(s), order))
    rows[:, 1::2], rows[:, 2::2] = math.sqrt(2) * np.cos(angle), math.sqrt(2) * np.sin(angle)
    return rows


def test_basis_against_scipy(xp):
    n = np.arange(9)
    legendre = np.sqrt(2 * n + 1) * scipy.special.eval_legendre(n, 2 * T[:, None] - 1)
    cases = [
        (ss.legs(9), legendre),
        (ss.legt(9, theta=7.0), legendre),
        (ss.fout(9, 2.0), waves_at(9, 1 - T)),
        (ss.foud(9, 0.3), waves_at(9, 1 - T)),
        (ss.fous(9), waves_at(9, T)),
    ]
    for beta in (-0.5, 0.0, 1.0, 3.5):
        jacobi = scipy.special.eval_jacobi(n, 0.0, beta, 2 * T[:, None] - 1)
        cases.append((ss.jacs(9, beta), np.sqrt(2 * n + beta + 1) * jacobi))
    for system, exact in cases:
        for t in (T, xp.asarray(T)):
            system_here = ss.StateSpace(
                xp.asarray(system.A), xp.asarray(system.B), structure=system.structure, measure=system.measure
            )
            # Some eps per degree of values up to sqrt(2n+beta+1) (1 + beta)^n.
            np.testing.assert_allclose(xp.numpy(ss.basis(system_here, t)), exact, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 1.0), (0.0, 0.0), (0.5, 0.4), (-0.5, 1.7)])
def test_laguerre_basis_against_scipy(alpha, beta):
    n, s = np.arange(12), np.array([0.01, 0.5, 2.0, 9.0, 30.0])
    zeta = math.gamma(1 - alpha) * beta ** (alpha - 1) if beta else 1.0
    norm = np.sqrt(zeta * scipy.special.gamma(n + 1) / scipy.special.gamma(n + alpha + 1))
    tail = s**alpha * np.exp(-0.5 * (1 - beta) * s)
    exact = norm * scipy.special.eval_genlaguerre(n, alpha, s[:, None]) * tail[:, None]
    rows = ss.basis(ss.lagt(12, alpha, beta, timescale=5.0), 1.0 - s)
    np.testing.assert_allclose(rows, exact, rtol=1e-11, atol=1e-12 * np.abs(exact).max())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_laguerre_functions_of_high_order_neither_overflow_nor_vanish(dtype):
    """L_n e^{-s/2} is of size (s n)^{-1/4} up to s = 4n = 2400, where e^{-s/2} is 1e-521.

    Orthonormal: the integral of each squared is 1, by the trapezoid rule in the root of s, in which they are
    smooth.
    """
    x = np.linspace(0.0, 55.0, 40_001)
    like = np.empty(0, dtype=dtype)
    rows = ss.basis(ss.lagt(600, beta=0.0, like=like), 1.0 - x**2)
    assert rows.dtype == dtype
    some = rows[:, [1, 100, 599]].astype(np.float64)
    np.testing.assert_allclose((2.0 * x) @ some**2 * (x[1] - x[0]), 1.0, rtol=1e-6)
    assert abs(rows[x**2 > 2600, 599]).max() < 1e-6


def test_basis_is_the_output_that_reads_a_memory(xp):
    """The mean of the window and a delay by half of it, as outputs of one system."""
    u = np.random.default_rng(0).standard_normal(40)
    window = ss.legt(6, theta=20.0)
    step = ss.zoh(window.with_output(ss.basis(window, [0.1, 0.5])), 1.0)
    y = xp.numpy(ss.simulate(step, xp.asarray(u)))
    c = ss.memorize(window, xp.asarray(u), ss.zoh)
    np.testing.assert_allclose(y, xp.numpy(ss.reconstruct(window, c, [0.1, 0.5])), atol=1e-13)


@pytest.mark.parametrize(
    "system", [ss.legs(5), ss.jacs(5, 1.0), ss.legt(5), ss.lagt(5), ss.fout(5), ss.fous(5)]
)
def test_every_gauge_reads_the_same(system, xp):
    rng = np.random.default_rng(1)
    c, full = rng.standard_normal((2, 3, 5)), np.eye(5) + 0.3 * rng.standard_normal((5, 5))
    plain = ss.reconstruct(system, c, T)
    scaled = ss.change_gauge(system, np.arange(1.0, 6.0))
    turned = ss.change_gauge(scaled, full)
    for other, gauge in (
        (scaled, np.diag(np.arange(1.0, 6.0))),
        (turned, full @ np.diag(np.arange(1.0, 6.0))),
    ):
        for t in (T, xp.asarray(T)):
            read = xp.numpy(ss.reconstruct(other, xp.asarray(c @ gauge.T), t))
            np.testing.assert_allclose(read, plain, atol=1e-12)


def test_float32_reads_in_its_precision(xp):
    c = np.random.default_rng(2).standard_normal((4, 31))
    for system in (ss.legs(31), ss.jacs(31, 1.0), ss.fout(31), ss.lagt(31, beta=0.0)):
        read = xp.numpy(ss.reconstruct(system, xp.asarray(c, "float32"), T))
        assert read.dtype == np.float32
        np.testing.assert_allclose(
            read, ss.reconstruct(system, c, T), atol=1e-4
        )  # 31 terms of size 8, eps 1e-7


def steady(system, omega):
    """The state of a window whose input has been e^{i omega t} for ever, at t = 0."""
    return np.linalg.solve(1j * omega * np.eye(system.order) - system.A, system.B)


@pytest.mark.parametrize("waves", [1, 10, 50])
def test_what_legt_resolves(waves):
    """n = pi W is the edge; n = 4W + 10 leaves 1e-6, and some ten times as much at the ends."""
    t = (np.arange(2000) + 0.5) / 2000
    exact = np.exp(2j * np.pi * waves * (t - 1))

    def error(order):
        window = ss.legt(order)
        return np.abs(ss.basis(window, t) @ steady(window, 2 * np.pi * waves) - exact)

    assert np.sqrt(np.mean(error(int(math.pi * waves)) ** 2)) > 0.3
    enough = error(4 * waves + 10)
    assert np.sqrt(np.mean(enough**2)) < 1e-6
    assert enough.max() < 1e-5


def test_what_legs_resolves():
    t = (np.arange(20_000) + 0.5) / 20_000
    for waves in (1, 3):
        u = np.cos(2 * np.pi * waves * t)
        for order, low, high in ((int(math.pi * waves) - 1, 0.2, 1.0), (4 * waves + 10, 0.0, 1e-6)):
            legs = ss.legs(order)
            error = np.sqrt(np.mean((ss.reconstruct(legs, ss.project(legs, u), t) - u) ** 2))
            assert low <= error < high


def test_what_jacs_resolves():
    """As LegS now, but the larger beta, the worse in the beginning."""
    t, beginning, present = (np.arange(20_000) + 0.5) / 20_000, [], []
    u = np.cos(6 * np.pi * t)
    for beta in (0.0, 1.0, 4.0):
        jacs = ss.jacs(20, beta)
        error = np.abs(ss.reconstruct(jacs, ss.project(jacs, u), t) - u)
        beginning.append(error[:2000].max())
        present.append(error[10_000:].max())
    assert beginning[0] < 0.1 * beginning[1] < 0.01 * beginning[2]
    assert max(present) < 1e-4


def test_what_fout_resolves():
    """Periodic waves exactly; others like n^{-1/2}, and 1/n away from the joint."""
    t = (np.arange(4000) + 0.5) / 4000
    window = ss.fout(7)
    periodic = ss.basis(window, t) @ steady(window, 6 * np.pi)
    np.testing.assert_allclose(periodic, np.exp(6j * np.pi * (t - 1)), atol=1e-13)
    everywhere, inside = [], []
    for order in (65, 129, 257, 513):
        window = ss.fout(order)
        error = np.abs(ss.basis(window, t) @ steady(window, 2.6 * np.pi) - np.exp(2.6j * np.pi * (t - 1)))
        everywhere.append(np.sqrt(np.mean(error**2)))
        inside.append(error[400:-400].max())
    np.testing.assert_allclose(np.log2(np.array(everywhere[:-1]) / everywhere[1:]), 0.5, atol=0.15)
    np.testing.assert_allclose(np.log2(np.array(inside[:-1]) / inside[1:]), 1.0, atol=0.15)


def test_what_lagt_resolves():
    """A wave up to the age a, tapered there: n = 1.5 omega a is enough at p = 1 / (2 omega)."""
    omega, a = 4.0, 20.0
    dt = 0.01 / omega
    ages = (np.arange(int(a / dt)) + 0.5) * dt
    taper = np.where(ages > 0.8 * a, 0.5 * (1 + np.cos(np.pi * (ages - 0.8 * a) / (0.2 * a))), 1.0)
    f = np.cos(omega * ages + 0.3) * taper

    def error(order, timescale):
        lagt = ss.lagt(order, beta=0.0, timescale=timescale)
        read = ss.reconstruct(lagt, ss.project(lagt, f[::-1].copy(), dt=dt), 1 - ages / timescale)
        return np.sqrt(np.mean((read - f) ** 2) / np.mean(f**2))

    assert error(120, 0.5 / omega) < 1e-2
    assert error(64, 0.5 / omega) > 0.2
    assert error(120, 4.0 / omega) > 0.5


def test_lagt_needs_its_timescale_and_runs_forward():
    """T14: 64 functions need a timescale that fits, and read backwards they are wrong."""
    p, samples = 40 / 3, 800
    ages = np.arange(samples) + 0.5
    f = (np.cos(0.04 * ages) + 0.5 * np.sin(0.03 * ages)) * np.cos(np.pi * ages / 1600) ** 2

    def error(timescale, order=1):
        lagt = ss.lagt(64, beta=0.0, timescale=timescale)
        c = ss.memorize(lagt, f[::-1].copy(), ss.zoh, every=samples)[-1]
        return np.mean((ss.reconstruct(lagt, c, 1 - ages / timescale)[::order] - f) ** 2)

    assert error(p) < 2e-4
    assert error(1.0) > 0.05
    assert error(p, order=-1) > 0.1


def test_the_end_of_a_fourier_window_is_the_mean_of_both():
    window = ss.fout(513)
    c = ss.project(window, np.array([1.0, 3.0]), dt=0.5)
    np.testing.assert_allclose(ss.reconstruct(window, c, [0.0, 1.0]), 2.0, atol=1e-2)


def test_refusals():
    legs = ss.legs(3)
    with pytest.raises(ValueError, match=r"c must have shape \(\.\.\., 3\)"):
        ss.reconstruct(legs, np.ones(4), [0.5])
    for t, message in (([-0.1], r"t\[0\] is -0.1"), ([0.5, 1.5], r"t\[1\] is 1.5"), ([[0.5]], "1 dimension")):
        with pytest.raises(ValueError, match=message):
            ss.reconstruct(legs, np.ones(3), t)
    with pytest.raises(ValueError, match="t must be finite"):
        ss.reconstruct(legs, np.ones(3), [np.nan])
    for t in ([2.0], [-0.1]):
        with pytest.raises(
            ValueError, match=r"t must lie in \[0, 1\], fractions of the window: 1 - age/1; t\[0\] is"
        ):
            ss.basis(ss.foud(3, 0.5), t)
    with pytest.raises(ValueError, match=r"t must be at most 1, the present; t\[1\] is 1.5"):
        ss.basis(ss.lagt(3), [-4.0, 1.5])
    with pytest.raises(ValueError, match=r"t must be less than 1, where alpha < 0 has a pole; t\[0\] is 1.0"):
        ss.basis(ss.lagt(3, -0.5), [1.0])
    with pytest.raises(ValueError, match="needs a system with a measure"):
        ss.basis(ss.StateSpace(legs.A, legs.B), [0.5])
    with pytest.raises(dm.SolveError, match="the basis is not finite from sample 1 on: read smaller ages"):
        ss.basis(ss.lagt(3, 0.0, 4.0), [0.0, -1000.0])
    with pytest.raises(dm.SolveError, match="the reconstruction is not finite"):
        ss.reconstruct(ss.lagt(3, 0.0, 4.0), np.ones(3), [-1000.0])


def test_a_device_does_not_mix_with_the_host(xp):
    if xp.name.startswith("numpy"):
        return
    with pytest.raises(TypeError, match="c and t must"):
        ss.reconstruct(ss.legs(3), np.ones(3), xp.asarray([0.5]))
