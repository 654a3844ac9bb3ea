"""Langevin methods: orders against exact oracles, exact statistics, and the limits that are other methods."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

from diffmath import SolveError, ode, random, sde

KEY = random.key(7)
METHODS = [sde.baoab, sde.ubu, sde.align, sde.should, sde.quicsort]
GAMMA, TEMPERATURE, STIFFNESS, MASS = 1.3, 0.8, 2.0, 0.5
SIGMA = np.sqrt(2 * GAMMA * TEMPERATURE / MASS)
by_name = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)


def harmonic(friction=GAMMA, stiffness=STIFFNESS, **options):
    options = {"temperature": TEMPERATURE, "mass": MASS, **options}
    return sde.Langevin(lambda t, q: -stiffness * q, friction=friction, **options)


def affine(method, model, dt):
    """Return the linear map of one step, and the matrix that meets (W, H, K)."""
    x = np.concatenate([np.eye(2), np.zeros((3, 2))])
    W, H, K = (np.eye(5)[2 + i][:, None] for i in range(3))
    noise = W if method is sde.baoab else sde.Increment(dt, W, H, K if method is not sde.align else None)
    out = method.step(model, 0.0, x, dt, noise).T
    return out[:, :2], out[:, 2:]


def law_of_noise(h):
    return np.diag([h, h / 12, h / 720])


NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)  # smooth kernels: exact to rounding
NODES, WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2


def matrices(direction):
    """Drift and noise of the harmonic oscillator in the elapsed time."""
    A = np.array([[0.0, 1.0], [-STIFFNESS / MASS, -GAMMA]])
    return direction * A, np.array([0.0, SIGMA])


def step_of_moments(h, direction=1.0):
    """Return the exact map of the mean and covariance of the noise, over h."""
    A, b = matrices(direction)
    kernel = np.stack([linalg.expm(A * h * (1 - s)) @ b for s in NODES], axis=1)
    return linalg.expm(A * h), (kernel * WEIGHTS * h) @ kernel.T


def root_mean_square_error(method, n, direction):
    """The strong error at T = 1, exactly: error and solution are a linear system driven by one path.

    The noise of the error over a step is the integral of a kernel, a polynomial less the exact one, against
    dW: its covariance is a sum of positive terms, so that nothing cancels at small steps.
    """
    h, (A, b) = 1.0 / n, matrices(direction)
    M, G = affine(method, harmonic(), direction * h)
    E = linalg.expm(A * h)
    exact = np.stack([linalg.expm(A * h * (1 - s)) @ b for s in NODES], axis=1)
    path = np.stack([np.ones_like(NODES), 0.5 - NODES, (6 * NODES**2 - 6 * NODES + 1) / 12])
    kernel = np.concatenate([G @ path - exact, exact])
    Q = (kernel * WEIGHTS * h) @ kernel.T
    step = np.block([[M, M - E], [np.zeros((2, 2)), E]])
    second = np.zeros((4, 4))
    second[2:, 2:] = [[1.0, 0.5], [0.5, 2.0]]  # second moments of the start
    for _ in range(n):
        second = step @ second @ step.T + Q
    return np.sqrt(np.trace(second[:2, :2]))


def orders(errors):
    return np.log2([coarse / fine for coarse, fine in pairwise(errors)])


@by_name
@pytest.mark.parametrize("direction", [1.0, -1.0], ids=["forward", "backward"])
def test_strong_order_on_the_harmonic_oscillator_without_sampling(method, direction):
    errors = [root_mean_square_error(method, n, direction) for n in (16, 32, 64, 128, 256)]
    np.testing.assert_allclose(orders(errors), method.strong_order, atol=0.15)


def test_the_oracle_of_strong_errors_rejects():
    """H with the wrong sign costs ubu an order and a half; W alone is what baoab takes."""

    def spoilt(model, t, x, dt, noise):
        return sde.ubu.step(model, t, x, dt, sde.Increment(dt, noise.W, -noise.H, noise.K))

    wrong = sde.Method("wrong", spoilt, {"additive": (2.0, 2.0)})
    measured = orders([root_mean_square_error(wrong, n, 1.0) for n in (16, 32, 64)])
    assert measured.max() < 1.2


def force(t, q):
    """A convex potential, neither quadratic nor symmetric, of two components that depend on time."""
    return -q - 0.7 * np.tanh(q - 0.2) - 0.3 * q**3 / (1 + q**2) + 0.5 * np.sin(3 * t)


def test_strong_order_on_a_convex_potential():
    """All methods on one path, against quicsort with steps 4 times smaller than the last (1/64 its error)."""
    model = sde.Langevin(force, friction=1.0, mass=[0.5, 1.5])
    rows, steps = 60, (8, 16, 32, 64, 128)
    x0 = model.thermal(np.random.default_rng(0).normal(size=(rows, 2)), KEY)
    path = sde.BrownianPath(KEY, (rows, 2), 0.0, 2.0, like=x0, terms="HK", steps=512, levels=10)

    def final(method, n):
        return sde.solve(model, x0, np.linspace(0, 2, n + 1), method=method, path=path).x[-1]

    reference = final(sde.quicsort, 512)
    for method in METHODS:
        errors = [np.sqrt(((final(method, n) - reference) ** 2).mean()) for n in steps]
        # Single slopes scatter with the path; their mean over four halvings does not.
        assert np.mean(orders(errors)) == pytest.approx(method.strong_order, abs=0.15), method.name


@by_name
def test_weak_order_on_the_harmonic_oscillator_without_sampling(method):
    """Mean and covariance are mapped affinely by every step: their errors at T = 1 are exact."""
    errors = []
    for n in (8, 16, 32, 64, 128):
        M, G = affine(method, harmonic(), 1 / n)
        E, exact_noise = step_of_moments(1 / n)
        mean = exact_mean = np.array([1.0, -0.5])
        cov = exact_cov = np.diag([0.1, 2.0])
        for _ in range(n):
            mean, cov = M @ mean, M @ cov @ M.T + G @ law_of_noise(1 / n) @ G.T
            exact_mean, exact_cov = E @ exact_mean, E @ exact_cov @ E.T + exact_noise
        errors.append(np.linalg.norm(mean - exact_mean) + np.linalg.norm(cov - exact_cov))
    np.testing.assert_allclose(orders(errors), method.weak_order, atol=0.15)


def stationary(method, model, dt):
    M, G = affine(method, model, dt)
    assert max(abs(np.linalg.eigvals(M))) < 1
    return linalg.solve_discrete_lyapunov(M, G @ law_of_noise(dt) @ G.T)


@given(dt=st.floats(1e-3, 0.9), friction=st.floats(0.05, 50.0), mass=st.floats(0.3, 30.0))
def test_positions_of_baoab_are_exact_on_the_harmonic_oscillator(dt, friction, mass):
    """Variance T / k at every stable step (below 2 sqrt(m / k)); that of the velocities is not."""
    model = harmonic(friction, mass=mass, stiffness=1.0)
    covariance = stationary(sde.baoab, model, dt)
    # The Lyapunov solution loses what the spectral gap, at least dt^2 / (50 * 30) / 2, multiplies.
    assert covariance[0, 0] == pytest.approx(TEMPERATURE, rel=1e-6)
    assert covariance[1, 1] == pytest.approx(TEMPERATURE / mass * (1 - dt**2 / mass / 4), rel=1e-6)


@pytest.mark.parametrize(
    ("method", "bias"),
    [(sde.baoab, 0.0), (sde.ubu, -0.027), (sde.align, 0.025), (sde.should, -3.9e-5), (sde.quicsort, -2.0e-4)],
    ids=lambda v: getattr(v, "name", ""),
)
def test_the_bias_of_stationary_positions(method, bias):
    """Relative error of var q at k = m = friction = 1, dt = 0.4, as documented; all are stable at 1.9."""
    model = harmonic(1.0, stiffness=1.0, mass=1.0)
    error = stationary(method, model, 0.4)[0, 0] / TEMPERATURE - 1
    assert error == pytest.approx(bias, rel=0.05, abs=1e-12)
    stationary(method, model, 1.9)


def free_covariance(friction, h):
    """Covariance of (q, v) after h from rest, T = m = 1, by quadrature in boundary layers."""
    edges = np.append(0.0, np.geomspace(1e-4 / friction, 40 / friction, 60))
    edges = np.append(edges[edges < h], h)
    total = np.zeros((2, 2))
    for a, b in pairwise(edges):
        r = a + (b - a) * NODES
        k = np.stack([-np.expm1(-friction * r) / friction, np.exp(-friction * r)])
        total += (k * WEIGHTS * (b - a)) @ k.T
    return 2 * friction * total


@pytest.mark.parametrize("friction", [1e-6, 1.0, 30.0, 1e4])
def test_ubu_moves_free_particles_exactly(friction):
    """Without a force the law after one step is exact at any friction: mean and covariance."""
    h, model = 0.7, sde.Langevin(lambda t, q: 0.0 * q, friction=friction)
    M, G = affine(sde.ubu, model, h)
    np.testing.assert_allclose(M, [[1, -np.expm1(-friction * h) / friction], [0, np.exp(-friction * h)]])
    np.testing.assert_allclose(G @ law_of_noise(h) @ G.T, free_covariance(friction, h), rtol=1e-12)


@pytest.mark.parametrize(
    ("method", "at_1", "at_4"),
    [
        (sde.baoab, 1.0, 1.0), (sde.ubu, 1.0, 1.0), (sde.align, 0.99877, 0.8995),
        (sde.should, 0.99999, 0.99023), (sde.quicsort, 1.0025, 1.23603),
    ],
    ids=lambda v: getattr(v, "name", ""),
)  # fmt: skip
def test_the_temperature_of_free_particles(method, at_1, at_4):
    """The stationary variance of velocities over T / m at friction * dt = 1 and 4, as documented."""
    for dt, expected in ((1.0, at_1), (4.0, at_4)):
        M, G = affine(method, sde.Langevin(lambda t, q: 0.0 * q, friction=1.0), dt)
        variance = (G @ law_of_noise(dt) @ G.T)[1, 1] / (1 - M[1, 1] ** 2)
        assert variance == pytest.approx(expected, abs=6e-6)


@pytest.mark.parametrize("method", [sde.align, sde.should], ids=lambda m: m.name)
def test_a_constant_force_is_solved_exactly_without_noise(method):
    friction, h, a = 2.0, 0.9, 3.0
    model = sde.Langevin(lambda t, q: 0.0 * q + a, friction=friction, temperature=0.0)
    noise = sde.Increment(h, *np.zeros((3, 1, 1)))
    got = method.step(model, 0.0, np.zeros((1, 2)), h, noise)
    v = a * (1 - np.exp(-friction * h)) / friction
    q = a * h / friction - v / friction
    np.testing.assert_allclose(got[0, 0], q, rtol=1e-14)
    if method is sde.align:
        np.testing.assert_allclose(got[0, 1], v, rtol=1e-14)


@pytest.mark.parametrize(
    ("method", "limit"),
    [(sde.baoab, ode.leapfrog), (sde.align, ode.leapfrog), (sde.ubu, ode.position_verlet)],
    ids=lambda m: m.name,
)
@pytest.mark.parametrize("dt", [0.1, -0.1])
def test_without_friction_they_are_verlet(method, limit, dt):
    x = np.random.default_rng(1).normal(size=(5, 4))
    model = sde.Langevin(force, friction=0.0)
    noise = np.ones((5, 2)) if method is sde.baoab else sde.Increment(dt, *np.ones((3, 5, 2)))
    verlet = limit.step(ode.Separable(lambda t, p: p, force), 0.3, x.reshape(5, 2, 2), dt)
    np.testing.assert_allclose(method.step(model, 0.3, x, dt, noise), verlet.reshape(5, 4), rtol=1e-14)


@by_name
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_keeps_library_device_and_precision(xp, method, dtype):
    rng = np.random.default_rng(2)
    host, parts = rng.normal(size=(3, 4)), rng.normal(size=(3, 3, 2))

    def step(x, dW):
        model = sde.Langevin(lambda t, q: -(q**3), friction=0.7, mass=[1.0, 2.0])
        return method.step(model, 0.0, x, 0.1, dW[0] if method is sde.baoab else sde.Increment(0.1, *dW))

    x = xp.asarray(host, dtype)
    before = xp.numpy(x).copy()
    got = step(x, [xp.asarray(part, dtype) for part in parts])
    assert got.dtype == x.dtype
    np.testing.assert_allclose(xp.numpy(got), step(host, parts), rtol=2e-6 if dtype == "float32" else 1e-13)
    np.testing.assert_array_equal(xp.numpy(x), before)


@by_name
def test_solvers_take_them(method):
    """One path for a key: solve, a pool of chunks, and the fine run of a coupled pair agree."""
    model = sde.Langevin(force, friction=0.5)
    x0 = model.thermal(np.zeros((7, 2)), KEY)
    whole = sde.solve(model, x0, np.linspace(0, 1, 9), method=method, key=KEY)
    assert whole.stats["evaluations"] == 8 * method.evaluations
    with ThreadPoolExecutor(2) as pool:
        chunks = sde.ensemble(
            model, x0, t_span=(0.0, 1.0), steps=8, method=method, key=KEY, executor=pool, chunk=3
        )
    np.testing.assert_array_equal(chunks, whole.x[-1])
    pair = sde.coupled(model, x0, t_span=(0.0, 1.0), steps=4, method=method, key=KEY)
    np.testing.assert_array_equal(pair.fine, whole.x[-1])
    assert 0 < abs(pair.fine - pair.coarse).max() < 0.3


@by_name
def test_calls_of_the_force_are_as_stated(method):
    calls = []
    model = sde.Langevin(lambda t, q: calls.append(t) or -q, friction=0.5)
    noise = np.zeros((1, 1)) if method is sde.baoab else sde.Increment(0.1, *np.zeros((3, 1, 1)))
    method.step(model, 0.0, np.ones((1, 2)), 0.1, noise)
    assert len(calls) == method.evaluations


@by_name
def test_hostile_scales_and_sizes(method):
    model = harmonic()
    empty = sde.solve(model, np.zeros((0, 2)), [0.0, 1.0], method=method, key=KEY)
    assert empty.x.shape == (2, 0, 2)
    tiny = sde.solve(model, np.ones((2, 2)), [1e6, 1e6 + 1e-6], method=method, key=KEY)
    np.testing.assert_allclose(tiny.x[-1], tiny.x[0], atol=0.05)  # a velocity moves by about 2e-3
    hot = harmonic(friction=1e8)  # overdamped: positions diffuse by 2 T dt / (m friction), about 3e-8
    damped = sde.solve(hot, np.ones((4, 2)), [0.0, 1.0], method=method, key=KEY).x[-1]
    assert np.isfinite(damped).all()
    cold = sde.solve(
        harmonic(temperature=0.0), np.ones((2, 2)), np.linspace(0, 60, 600), method=method, key=KEY
    )
    assert abs(cold.x[-1]).max() < 1e-10  # exp(-1.3 * 60 / 2) = 1e-17


@by_name
def test_an_explosion_is_reported(method):
    model = sde.Langevin(lambda t, q: q**3, friction=0.1)
    with pytest.raises(SolveError, match="not finite at t=") as caught:
        sde.solve(model, np.full((2, 2), 3.0), np.linspace(0, 100, 101), method=method, key=KEY)
    assert np.isfinite(caught.value.solution.x).all()


@by_name
def test_other_models_are_refused(method):
    plain = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    with pytest.raises(TypeError, match=r"needs model as an sde.Langevin.*sde.euler_maruyama"):
        sde.solve(plain, np.zeros((1, 2)), [0.0, 1.0], method=method, key=KEY)
    assert pickle.loads(pickle.dumps(method)) == method


@pytest.mark.parametrize("dt", [1e60, -400.0])
def test_friction_that_leaves_double_precision_is_refused(dt):
    with pytest.raises(ValueError, match="friction \\* dt must lie between"):
        sde.baoab.step(harmonic(friction=1.0), 0.0, np.zeros((1, 2)), dt, np.zeros((1, 1)))


@pytest.mark.parametrize("method", METHODS[1:], ids=lambda m: m.name)
def test_areas_that_are_missing_are_asked_for(method):
    with pytest.raises(TypeError, match=r"must be an sde.Increment with H.*sde.levy_increments\('H"):
        method.step(harmonic(), 0.0, np.zeros((1, 2)), 0.1, np.zeros((1, 1)))
    with pytest.raises(TypeError, match=r"must be an sde\.Increment"):
        method.step(harmonic(), 0.0, np.zeros((1, 2)), 0.1, sde.Increment(0.1, np.zeros((1, 1))))


@pytest.mark.parametrize("method", [sde.ubu, sde.quicsort], ids=lambda m: m.name)
def test_adaptive_steps_follow_the_path_of_fixed_ones(method):
    model = sde.Langevin(lambda t, q: -q - q**3, friction=1.0)
    x0 = model.thermal(np.zeros((10, 1)), KEY)
    exact = sde.solve(model, x0, [0.0, 1.0], method=sde.quicsort, key=KEY, substeps=1024).x[-1]
    for tolerance in (1e-2, 1e-4):
        run = sde.solve_adaptive(
            model, x0, [0.0, 1.0], method=method, key=KEY, rtol=tolerance, atol=tolerance
        )
        # A few steps, each of which may err by the tolerance.
        assert abs(run.x[-1] - exact).max() < 10 * tolerance
