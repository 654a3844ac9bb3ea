"""Projection: integrals against quadrature, systems that close exactly, end closures of the others."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.special
from numpy.polynomial.legendre import Legendre

from diffmath import statespace as ss
from diffmath.statespace._measures import ScaledMeasure


def clock(system, dt):
    """The option of a sample's length, for measures that have a unit of time."""
    return {} if system.measure.clock == "scaled" else {"dt": dt}


def test_projection_against_quadrature(xp):
    """c_n = sqrt(2n+1) sum_k u_k int_cell P_n(2s - 1) ds, each cell by Gauss quadrature."""
    u = np.random.default_rng(0).standard_normal((9, 2))
    exact = np.zeros((2, 6))
    for n in range(6):
        basis = Legendre.basis(n)
        for k in range(9):
            cell = scipy.integrate.fixed_quad(lambda s, P=basis: P(2 * s - 1), k / 9, (k + 1) / 9, n=5)[0]
            exact[:, n] += math.sqrt(2 * n + 1) * u[k] * cell
    np.testing.assert_allclose(xp.numpy(ss.project(ss.legs(6), xp.asarray(u))), exact, atol=1e-14)


@pytest.mark.parametrize("frequency", [3.0, 20.0])
def test_projection_tends_to_the_spherical_bessel_functions(frequency):
    """e^{iwx} on [0, 1] has coefficients sqrt(2n+1) i^n j_n(w/2) e^{iw/2}; cells are second order."""
    n = np.arange(16)
    exact = (
        np.sqrt(2 * n + 1) * 1j**n * scipy.special.spherical_jn(n, frequency / 2) * np.exp(0.5j * frequency)
    )
    errors = []
    for samples in 2 ** np.arange(7, 12):
        x = frequency * (np.arange(samples) + 0.5) / samples
        parts = ss.project(ss.legs(16), np.stack([np.cos(x), np.sin(x)], axis=1))
        errors.append(np.linalg.norm(parts[0] + 1j * parts[1] - exact))
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.15)


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 7, 8, 2 * 2**13 + 1, 2 * 2**13 + 2, 2 * 2**13 + 3, 40_001])
def test_folded_blocks_meet_every_edge(samples):
    """Even and odd numbers of samples, blocks full, one knot over and none: against the integrals."""
    u = np.random.default_rng(samples).standard_normal((samples, 2))
    edges = 2.0 * np.arange(samples + 1) / samples - 1.0
    P = np.stack([scipy.special.eval_legendre(n, edges) for n in range(8)])
    cells = np.concatenate([np.diff(edges)[None] / 2, np.diff((P[2:] - P[:-2]), axis=1)])
    cells[1:] *= 0.5 / np.sqrt(2 * np.arange(1, 7) + 1)[:, None]
    # Sums of `samples` terms, each rounded: eps sqrt(samples) |u| at most.
    np.testing.assert_allclose(ss.project(ss.legs(7), u), (cells @ u).T, atol=1e-13)


@pytest.mark.parametrize("samples", [1, 2, 7, 8, 1000])
def test_half_of_the_knots_are_enough_for_legs(samples):
    """The folded sum against the one over all knots, as of every other scaled measure."""
    u, measure = np.random.default_rng(samples).standard_normal((samples, 2)), ss.legs(7).measure
    whole = ScaledMeasure.project(measure, u, 7, 1.0)
    # Sums of `samples` terms, each rounded: eps sqrt(samples) |u| at most.
    np.testing.assert_allclose(measure.project(u, 7, 1.0), whole, atol=1e-13)


def kernels_of(system):
    """The age beyond which all is forgotten, and the kernels (ages, order), in units of the measure."""
    name, parameters = system.measure.name, system.measure.parameters
    if name == "lagt":
        alpha, beta = parameters
        scale = beta ** (0.5 - 0.5 * alpha) / math.sqrt(math.gamma(1.0 - alpha)) if beta else 1.0
        n = np.arange(system.order)
        norm = scale * np.exp(0.5 * (scipy.special.gammaln(n + 1) - scipy.special.gammaln(n + alpha + 1)))
        return lambda s: (
            norm
            * scipy.special.eval_genlaguerre(n, alpha, s[:, None])
            * np.exp(-0.5 * (1 + beta) * s)[:, None]
        )
    if name == "legt":
        return lambda s: np.where(s < 1, 1.0, 0.0)[:, None] * ss.basis(system, np.clip(1.0 - s, 0.0, 1.0))
    kept = (2.0 - parameters[0]) / (2.0 + parameters[0])
    weight = lambda s: (1.0 - kept) * kept ** np.floor(s)  # noqa: E731
    return lambda s: weight(s)[:, None] * ss.basis(system, 1.0 - s + np.floor(s))


WITH_A_CLOCK = [
    ss.legt(7, theta=5.3),
    ss.legt(6, theta=50.0),
    ss.lagt(6, timescale=4.0),
    ss.lagt(6, 0.5, 0.3, timescale=2.0),
    ss.lagt(6, -0.4, 0.0, timescale=3.0),
    ss.fout(7, theta=5.3),
    ss.fout(7, theta=50.0),
    ss.fout(5, theta=5.3, as_published=True),
    ss.foud(5, 0.6, theta=2.3),
]


@pytest.mark.parametrize("system", WITH_A_CLOCK, ids=str)
def test_the_last_cell_of_a_window_is_partial_and_nothing_came_before(system, xp):
    """Windows shorter and longer than the signal, cells cut where a window ends: Gauss quadrature."""
    u, dt = np.random.default_rng(2).standard_normal((37, 2)), 0.4
    kernels, step = kernels_of(system), dt / system.measure.length
    x, w = np.polynomial.legendre.leggauss(30)
    exact = np.zeros((2, system.order))
    for j in range(37):
        ends = [j * step, *(m for m in range(1, 9) if j * step < m < (j + 1) * step), (j + 1) * step]
        for low, high in itertools.pairwise(ends):
            pieces = kernels(0.5 * (low + high) + 0.5 * (high - low) * x)
            exact += u[36 - j][:, None] * (0.5 * (high - low) * (w @ pieces))
    # Some eps of each of 37 pieces.
    np.testing.assert_allclose(
        xp.numpy(ss.project(system, xp.asarray(u), **clock(system, dt))), exact, atol=2e-14
    )


@pytest.mark.parametrize("beta", [-0.5, 1.0, 2.5])
def test_jacs_against_quadrature(beta, xp):
    u = np.random.default_rng(3).standard_normal((9, 2))
    x, w = scipy.special.roots_jacobi(12, 0.0, beta)  # on [0, 1] with the weight s^beta
    jacs, exact = ss.jacs(5, beta), np.zeros((2, 5))
    for k in range(9):  # a cell is what lies before its end, less what lies before its beginning
        for end, sign in ((k + 1) / 9, 1.0), (k / 9, -1.0):
            weights = sign * w * (0.5 * end) ** (beta + 1.0)
            exact += u[k][:, None] * (weights @ ss.basis(jacs, 0.5 * end * (x + 1.0)))
    np.testing.assert_allclose(xp.numpy(ss.project(jacs, xp.asarray(u))), exact, atol=1e-14)


def test_fous_against_quadrature(xp):
    u = np.random.default_rng(4).standard_normal((9, 2))
    x, w = np.polynomial.legendre.leggauss(30)
    cells = [w @ ss.basis(ss.fous(7), (k + 0.5 + 0.5 * x) / 9) / 18 for k in range(9)]
    exact = u.T @ np.stack(cells)
    np.testing.assert_allclose(xp.numpy(ss.project(ss.fous(7), xp.asarray(u))), exact, atol=1e-14)


@pytest.mark.parametrize(
    "system",
    [ss.legs(24), ss.jacs(24, 1.5), ss.jacs(24, -0.5), ss.lagt(24, timescale=5.0), ss.lagt(24, 0.4, 0.6)],
    ids=str,
)
def test_zoh_steps_of_what_closes_exactly_give_the_projection(system):
    """Measured: 1e-14, some eps of each step."""
    u = np.random.default_rng(5).standard_normal((60, 2))
    c = ss.memorize(system, u, ss.zoh, **clock(system, 0.7))
    for k in (0, 1, 17, 59):
        np.testing.assert_allclose(c[k], ss.project(system, u[: k + 1], **clock(system, 0.7)), atol=1e-12)


def test_the_closure_of_legt_falls_faster_than_any_power():
    """Three periods in the window, omega theta / 2 = 9.4: nothing at n = 6, 1e-3 at 16, and then 1e-9."""
    u = np.sin(2 * np.pi * 3 / 500 * np.arange(3000.0))
    errors = []
    for order in (6, 16, 26):
        window = ss.legt(order, theta=500)
        c, exact = ss.memorize(window, u, ss.zoh, every=3000)[-1], ss.project(window, u)
        errors.append(np.linalg.norm(c - exact) / np.linalg.norm(exact))
    # Half-sample steps of the signal excite the high orders: what is left at 26, 500^-2.
    assert errors[0] > 0.1
    assert 2e-4 < errors[1] < 3e-3
    assert errors[2] < 5e-4


def test_the_closures_of_fourier_are_first_order():
    def excess(system, u):
        return np.linalg.norm(ss.memorize(system, u, ss.zoh, every=u.size)[-1] - ss.project(system, u))

    u = np.cos(2 * np.pi * 1.3 / 1000 * np.arange(6000.0))
    for maker in (lambda n: ss.fout(n, theta=1000), lambda n: ss.foud(n, 0.5, theta=1000)):
        errors = [excess(maker(n), u) for n in (9, 17, 33, 65)]
        np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 1.0, atol=0.15)


def test_fous_comes_closer_slowly_and_its_mean_is_exact():
    u = np.cos(9 * (np.arange(2000) + 0.5) / 2000)
    errors = [
        ss.memorize(ss.fous(n), u, every=2000)[-1] - ss.project(ss.fous(n), u) for n in (17, 33, 65, 129)
    ]
    sizes = [np.linalg.norm(error) for error in errors]
    ratios = np.array(sizes[1:]) / sizes[:-1]
    assert 0.78 < ratios.min() < ratios.max() < 0.88
    assert max(abs(error[0]) for error in errors) < 1e-6  # the steps', second order


@pytest.mark.parametrize("frequency", [2 * np.pi, 20.0])
def test_legt_tends_to_the_spherical_bessel_functions(frequency):
    """T5: e^{iwx} in a window has sqrt(2n+1) i^n j_n(w/2) e^{-iw/2} at time 0; cells are second order."""
    n, errors = np.arange(16), []
    exact = np.sqrt(2 * n + 1) * 1j**n * scipy.special.spherical_jn(n, frequency / 2)
    exact = exact * np.exp(-0.5j * frequency)
    for samples in 2 ** np.arange(7, 12):
        x = -frequency * (np.arange(samples + 9)[::-1] + 0.5) / samples
        parts = ss.project(ss.legt(16, theta=samples), np.stack([np.cos(x), np.sin(x)], axis=1))
        errors.append(np.linalg.norm(parts[0] + 1j * parts[1] - exact))
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.15)


def test_old_samples_do_not_matter_and_cost_nothing():
    u = np.random.default_rng(6).standard_normal(5000)
    for system, reach in (
        (ss.legt(5, 100.0), 100),
        (ss.fout(5, 100.0), 100),
        (ss.lagt(5, timescale=2.0), 500),
    ):
        np.testing.assert_array_equal(ss.project(system, u), ss.project(system, u[-reach:]))


@pytest.mark.parametrize("alpha", [-0.9, 0.0, 0.9])
@pytest.mark.parametrize("order", [1, 2, 5, 24, 200])
def test_the_reach_of_laguerre_functions_is_where_they_are_gone(order, alpha):
    """All are below 1e-20 of their largest value beyond the reach, and not yet at 0.85 of it."""
    reach, n = ss.lagt(order, alpha, 0.0).measure.reach(order), order - 1

    def size(x):
        return float(mpmath.log(abs(mpmath.laguerre(n, alpha, x)) + mpmath.mpf(10) ** -400) - x / 2)

    largest = max(size(x) for x in np.linspace(1e-3, reach, 400))
    assert max(size(x) for x in np.linspace(reach, 1.3 * reach, 20)) < largest + math.log(1e-20)
    assert max(size(x) for x in np.linspace(0.85 * reach, 0.9 * reach, 20)) > largest + math.log(1e-20)


@pytest.mark.parametrize("retention", [1e-6, 0.1, 0.5, 0.99])
def test_the_reach_of_fading_windows_is_the_first_that_is_gone(retention):
    reach = ss.foud(5, retention).measure.reach(5)
    gone = math.exp(-46.0) * (1.0 + 1e-9)
    assert retention ** (reach - 1) <= gone < retention ** (reach - 2)
    assert ss.foud(5, 0.0).measure.reach(5) == ss.legt(5).measure.reach(5) == 1.0


def test_gauges_turn_the_coefficients(xp):
    rng = np.random.default_rng(7)
    u, full = rng.standard_normal((30, 2)), np.eye(5) + 0.3 * rng.standard_normal((5, 5))
    for system in (ss.legs(5), ss.legt(5, 9.0), ss.fout(5, 9.0)):
        plain = ss.project(system, u)
        diagonal = ss.change_gauge(system, np.arange(1.0, 6.0))
        turned = ss.project(diagonal, xp.asarray(u))
        np.testing.assert_allclose(xp.numpy(turned), plain * np.arange(1.0, 6.0), atol=1e-14)
        turned = ss.project(ss.change_gauge(diagonal, full), xp.asarray(u))
        np.testing.assert_allclose(xp.numpy(turned), plain * np.arange(1.0, 6.0) @ full.T, atol=1e-13)


def test_float32_keeps_its_precision(xp):
    u = np.random.default_rng(8).standard_normal((200, 2))
    # s^51 underflows in float32 where P^(1, 51) overflows
    for system in (ss.legs(20), ss.jacs(20, 1.0), ss.jacs(60, 50.0), ss.fous(21), *WITH_A_CLOCK):
        c = xp.numpy(ss.project(system, xp.asarray(u, "float32"), **clock(system, 0.3)))
        assert c.dtype == np.float32
        # Sums of 200 values of size 1, each to an eps of 1e-7; polynomials to some.
        np.testing.assert_allclose(c, ss.project(system, u, **clock(system, 0.3)), atol=2e-5)


def test_refusals():
    for dt, error, message in (
        (0.0, ValueError, "dt must be positive"),
        (-1.0, ValueError, "dt must be positive"),
        (math.nan, ValueError, "dt must be positive"),
        ("1", TypeError, "dt must be a number"),
    ):
        with pytest.raises(error, match=message):
            ss.project(ss.legt(3), np.ones(4), dt=dt)
    with pytest.raises(ValueError, match="needs a system with a measure"):
        ss.project(ss.tilt(ss.legt(3), 1.0), np.ones(4))
