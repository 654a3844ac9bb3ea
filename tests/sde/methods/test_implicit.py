"""Drift-implicit methods: orders and stability from exact moments, failures, and the costs stated."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import SolveError, ode, random, sde, testing

KEY = random.key(17)
EULER, MILSTEIN = sde.implicit_euler_maruyama, sde.implicit_milstein
DRIFT = np.array([[-1.0, 0.4], [0.3, -2.0]])
SWIRLS = np.array([[[0.5, 0.2], [0.0, 0.3]], [[0.1, -0.4], [0.6, 0.0]]])  # they do not commute
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(6)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def linear(noise, calculus="ito"):
    """A linear equation in two dimensions with this class of noise, and its number of Brownian motions."""
    size = np.array([0.6, 0.9])
    diffusion, motions = {
        "additive": (lambda t, x: 0.0 * x + size, 2),
        "diagonal": (lambda t, x: size * x, 2),
        "scalar": (lambda t, x: x @ SWIRLS[0].T, 1),
        "commutative": (lambda t, x: np.stack([0.6 * x, 0.3 * x], axis=2), 2),
        "general": (lambda t, x: np.einsum("kij,bj->bik", SWIRLS, x), 2),
    }[noise]
    derivative = (lambda t, x: 0.0 * x + size) if noise == "diagonal" else None
    model = sde.SDE(
        lambda t, x: x @ DRIFT.T, diffusion, noise=noise, calculus=calculus, diffusion_derivative=derivative
    )
    return model, motions


def gap(method, model, motions, steps):
    """Root-mean-square distance at T = 1 of runs with n and 2 n steps on one path, exactly.

    Both runs are affine maps of their states with Gaussian coefficients, so that a matrix maps the second
    moments of (fine, coarse, 1); the expectations are those of polynomials of degree at most 8 in each dW.
    """
    h = 1.0 / steps
    second = np.outer(v := np.array([1.0, -0.5, 1.0, -0.5, 1.0]), v)
    chosen = np.array(list(itertools.product(range(len(NODES)), repeat=2 * motions)))
    weights = WEIGHTS[chosen].prod(axis=1)
    # Three starts for every choice of the increments: the origin and the unit vectors.
    x = np.tile(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), (len(chosen), 1))
    first, last = np.sqrt(h / 2) * np.repeat(NODES[chosen].reshape(-1, 2, motions), 3, axis=0).swapaxes(0, 1)
    coarse = method.step(model, 0.0, x, h, first + last)
    fine = method.step(model, h / 2, method.step(model, 0.0, x, h / 2, first), h / 2, last)
    maps = np.zeros((len(chosen), 5, 5))
    maps[:, 4, 4] = 1.0
    for rows, out in ((slice(0, 2), fine), (slice(2, 4), coarse)):
        origin, *units = out.reshape(-1, 3, 2).swapaxes(0, 1)
        maps[:, rows, rows] = np.stack([unit - origin for unit in units], axis=2)
        maps[:, rows, 4] = origin
    everything = np.einsum("n,nij,nkl->ikjl", weights, maps, maps, optimize=True).reshape(25, 25)
    for _ in range(steps):
        second = (everything @ second.reshape(25)).reshape(5, 5)
    D = np.array([[1.0, 0.0, -1.0, 0.0, 0.0], [0.0, 1.0, 0.0, -1.0, 0.0]])
    return np.sqrt(np.trace(D @ second @ D.T))


@pytest.mark.parametrize(
    ("method", "noise", "calculus"),
    [
        *((EULER, noise, "ito") for noise in EULER.noises),
        (EULER, "additive", "stratonovich"),
        (sde.theta_maruyama(0.5), "diagonal", "ito"),
        *((MILSTEIN, "diagonal", calculus) for calculus in ("ito", "stratonovich")),
        (MILSTEIN, "additive", "ito"),
        (sde.theta_milstein(0.5), "diagonal", "ito"),
        (sde.theta_milstein(1.5), "diagonal", "ito"),
    ],
    ids=lambda v: getattr(v, "name", v),
)
def test_strong_order_without_sampling(method, noise, calculus):
    """Successive runs on one path approach each other as fast as each the solution."""
    model, motions = linear(noise, calculus)
    errors = [gap(method, model, motions, n) for n in (64, 128, 256, 512, 1024)]
    np.testing.assert_allclose(-np.diff(np.log2(errors)), method.orders[noise].strong, atol=0.15)


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        (EULER, testing.logistic_sde()), (EULER, testing.heisenberg_sde()),
        (MILSTEIN, testing.logistic_sde()), (MILSTEIN, testing.linear_sde()),
        (MILSTEIN, testing.curved_sde(calculus="stratonovich")),
    ],
    ids=lambda v: getattr(v, "name", ""),
)  # fmt: skip
def test_strong_order_on_problems_with_known_solutions(method, problem):
    """Nonlinear drifts, time-dependent and non-commuting noise, with the fixed key of the measurement."""
    testing.assert_strong_order(method, problem, paths=100, steps=8, halvings=4)


def test_the_limit_of_the_calculus():
    """Of a Stratonovich equation, implicit Milstein approaches the Stratonovich solution, not the Ito one."""
    model = sde.SDE(
        lambda t, x: 0.0 * x, lambda t, x: 0.8 * x, calculus="stratonovich",
        diffusion_derivative=lambda t, x: 0.0 * x + 0.8,
    )  # fmt: skip
    brownian = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    W, x = (
        sde.solve(m, x0 * np.ones((50, 1)), [0.0, 1.0], method=MILSTEIN, key=KEY, substeps=512).x[-1]
        for m, x0 in ((brownian, 0.0), (model, 1.0))
    )
    np.testing.assert_allclose(x, np.exp(0.8 * W), rtol=2e-2)


@pytest.mark.parametrize(
    "method", [EULER, MILSTEIN, sde.theta_maruyama(0.5), sde.theta_milstein(1.5)], ids=lambda m: m.name
)
def test_weak_order_by_exact_second_moments(method):
    lam, mu = 1.0, 0.8
    steps = [16, 32, 64, 128, 256]
    errors = [abs(mean_square_factor(method, lam, mu, 1 / n) ** n - np.exp(mu**2 - 2 * lam)) for n in steps]
    np.testing.assert_allclose(-np.diff(np.log2(errors)), method.weak_order, atol=0.15)


def mean_square_factor(method, lam, mu, h):
    """E x_1^2 / x_0^2 of dX = -lam X dt + mu X dW, exactly, from the step itself."""
    model = sde.SDE(
        lambda t, x: -lam * x, lambda t, x: mu * x, diffusion_derivative=lambda t, x: 0.0 * x + mu
    )
    x = method.step(model, 0.0, np.ones((6, 1)), h, np.sqrt(h) * NODES[:, None])
    return (WEIGHTS * x[:, 0] ** 2).sum()


@given(
    lam=st.floats(1e-3, 1e6), share=st.floats(0.0, 0.99), h=st.floats(1e-3, 1e3),
    theta=st.sampled_from([0.5, 0.75, 1.0, 1.5, 2.0]),
)  # fmt: skip
def test_mean_square_stability(lam, share, h, theta):
    """Where the equation decays, mu^2 = 2 lam share, its numerical mean square does, at every step."""
    mu = np.sqrt(2 * lam * share)
    factor = mean_square_factor(sde.theta_maruyama(theta), lam, mu, h)
    z = lam * h
    assert factor == pytest.approx(((1 - (1 - theta) * z) ** 2 + mu**2 * h) / (1 + theta * z) ** 2, rel=1e-6)
    assert factor < 1
    factor = mean_square_factor(sde.theta_milstein(theta), lam, mu, h)
    expected = ((1 - (1 - theta) * z) ** 2 + mu**2 * h + mu**4 * h**2 / 2) / (1 + theta * z) ** 2
    assert factor == pytest.approx(expected, rel=1e-6)
    assert factor < 1 or theta < 1.5


def test_where_other_methods_blow_up():
    lam, mu, h = 100.0, 10.0, 1.0
    assert mean_square_factor(sde.euler_maruyama, lam, mu, h) > 9000
    assert mean_square_factor(EULER, lam, mu, h) < 0.02
    # Milstein's own noise term: mu^4 > 2 lam^2 at large steps, although mu^2 < 2 lam.
    assert (
        mean_square_factor(MILSTEIN, lam, 13.0, h)
        > 1
        > mean_square_factor(sde.theta_milstein(1.5), lam, 13.0, h)
    )
    model = sde.SDE(lambda t, x: -lam * x, lambda t, x: mu * x)
    options = {"key": KEY, "times": np.linspace(0, 400, 401)}
    x0 = np.ones((10, 1))
    with pytest.raises(SolveError, match="the state is not finite"):
        sde.solve(model, x0, method=sde.euler_maruyama, **options)
    assert abs(sde.solve(model, x0, method=EULER, **options).x[-1]).max() < 1e-100


@pytest.mark.parametrize("stiffness", [1.0, 1e3, 1e7])
def test_invariant_variance_of_a_stiff_linear_drift(stiffness):
    """Of dX = -lam X dt + dW with h = 0.1: theta = 1/2 keeps 1 / (2 lam); 1 has it over 1 + lam h / 2."""
    model = sde.SDE(lambda t, x: -stiffness * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    for theta, expected in ((0.5, 1.0), (1.0, 1 / (1 + stiffness * 0.05))):
        x = np.array([[1.0], [0.0]])
        decay, kick = sde.theta_maruyama(theta).step(model, 0.0, x, 0.1, 1.0 - x)[:, 0]
        variance = 0.1 * kick**2 / (1 - decay**2)
        # 1 - decay^2 is 8 / (lam h) where theta is 1/2: it magnifies what Newton leaves, 4e-11 at most.
        assert variance * 2 * stiffness == pytest.approx(expected, rel=1e-5)


def van_der_pol(mu, jacobian=False):
    def drift(t, x):
        return np.stack([x[:, 1], mu * (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]], axis=1)

    def derivative(t, x):
        calls.append(t)
        a, b = x[:, 0], x[:, 1]
        rows = [[0 * a, 0 * a + 1], [-2 * mu * a * b - 1, mu * (1 - a**2)]]
        return np.stack([np.stack(row, axis=1) for row in rows], axis=1)

    calls: list[float] = []
    model = sde.SDE(
        drift, lambda t, x: 0.0 * x + np.array([0.0, 0.1]), noise="additive",
        drift_jacobian=derivative if jacobian else None,
    )  # fmt: skip
    return model, calls


@pytest.mark.parametrize("method", [EULER, MILSTEIN], ids=lambda m: m.name)
def test_a_given_jacobian_is_used(method):
    x0 = np.array([[2.0, 0.0], [1.5, -0.1]])
    options = {"times": np.linspace(0, 1, 101), "method": method, "key": KEY}
    (given_model, calls), (plain, _) = van_der_pol(1000.0, jacobian=True), van_der_pol(1000.0)
    given_run, differences = sde.solve(given_model, x0, **options), sde.solve(plain, x0, **options)
    assert len(calls) == 100
    # Newton's tolerance, 4e-11 a step.
    np.testing.assert_allclose(given_run.x, differences.x, rtol=1e-7, atol=1e-8)
    with pytest.raises(SolveError):
        sde.solve(plain, x0, **{**options, "method": sde.euler_maruyama})
    wrong = sde.SDE(plain.drift, plain.diffusion, noise="additive", drift_jacobian=lambda t, x: x)
    with pytest.raises(ValueError, match=r"jacobian\(t, x\) must return shape \(2, 2, 2\)"):
        sde.solve(wrong, x0, **options)


@pytest.mark.parametrize(("theta", "calls"), [(1.0, 2), (0.5, 3)])
def test_evaluations_of_a_linear_drift_are_as_stated(theta, calls):
    seen = []
    model = sde.SDE(
        lambda t, x: seen.append(t) or -50.0 * x, lambda t, x: x,
        drift_jacobian=lambda t, x: np.full((x.shape[0], 1, 1), -50.0),
    )  # fmt: skip
    method = sde.theta_maruyama(theta)
    method.step(model, 0.0, np.ones((3, 1)), 0.1, np.ones((3, 1)))
    assert len(seen) == calls == method.evaluations


def jumpy(t, x):
    """A slope that jumps too steeply for any Newton iteration, in rows that come near to 0."""
    return -1e6 * np.sign(x)


@pytest.mark.parametrize("method", [EULER, MILSTEIN], ids=lambda m: m.name)
def test_a_failed_iteration_names_rows_and_remedies(method):
    model = sde.SDE(jumpy, lambda t, x: 0.0 * x + 1.0, noise="additive")
    x0 = np.array([[1e9], [0.1], [1e9], [-0.2]])
    message = (
        r"Newton's iteration failed at t=0.5 in rows 1, 3; use more substeps \(now 1\), or "
        "give the SDE its drift_jacobian"
    )
    with pytest.raises(SolveError, match=message) as caught:
        sde.solve(model, x0, [0.0, 0.5, 1.0], method=method, key=KEY)
    partial = caught.value.solution
    assert (partial.status, partial.stats["steps"]) == ("newton_failed", 0)
    np.testing.assert_array_equal(partial.x[0], x0)
    with pytest.raises(SolveError, match=r"use more steps \(now 2\), or give the SDE"):
        sde.ensemble(model, x0, t_span=(0.0, 1.0), steps=2, method=method, key=KEY)
    with pytest.raises(SolveError, match="coarse run: Newton's iteration failed"):
        sde.coupled(model, x0, t_span=(0.0, 1.0), steps=2, method=method, key=KEY)
    stopped = sde.solve(model, x0, [0.0, 0.5, 1.0], method=method, key=KEY, on_failure="return")
    assert stopped.status == "newton_failed"
    # A row that fails leaves the others as they would be alone.
    state = method.step(model, 0.0, x0, 0.5, np.ones((4, 1)))
    alone = method.step(model, 0.0, x0[:1], 0.5, np.ones((1, 1)))
    np.testing.assert_array_equal(np.isnan(state[:, 0]), [False, True, False, True])
    np.testing.assert_array_equal(state[:1], alone)


@pytest.mark.parametrize("method", [EULER, MILSTEIN], ids=lambda m: m.name)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dt", [0.1, -0.1])
def test_a_step_keeps_library_device_and_precision(xp, method, dtype, dt):
    def model():
        return sde.SDE(
            lambda t, x: 2.0 * x - x**3, lambda t, x: 0.5 * x, diffusion_derivative=lambda t, x: 0.0 * x + 0.5
        )

    host, dW = np.array([[1.0, -0.5], [0.3, 0.2]]), np.array([[0.2, 0.1], [0.3, -0.2]])
    x = xp.asarray(host, dtype)
    before = xp.numpy(x).copy()
    got = method.step(model(), 0.0, x, dt, xp.asarray(dW, dtype))
    assert got.dtype == x.dtype
    expected = method.step(model(), 0.0, host, dt, dW)
    # Newton stops at eps to the power 2/3: 2e-5 and 4e-11.
    np.testing.assert_allclose(xp.numpy(got), expected, rtol=1e-4 if dtype == "float32" else 1e-9)
    np.testing.assert_array_equal(xp.numpy(x), before)


def test_hostile_sizes_and_scales():
    model = sde.SDE(lambda t, x: -(x**3), lambda t, x: 0.0 * x, noise="additive")
    for method in (EULER, MILSTEIN):
        assert sde.solve(model, np.zeros((0, 2)), [0.0, 1.0], method=method, key=KEY).x.shape == (2, 0, 2)
        still = sde.solve(model, np.zeros((2, 2)), [0.0, 1.0], method=method, key=KEY).x[-1]
        np.testing.assert_array_equal(still, 0.0)
        # One step without noise, h f' from 3e7 at the start to 600 at the end: the root of y + 10 y^3 = 1e3.
        (root,) = [r.real for r in np.roots([10.0, 0.0, 1.0, -1e3]) if abs(r.imag) < 1e-9]
        stepped = sde.solve(model, np.array([[1e3], [1.0]]), [0.0, 10.0], method=method, key=KEY).x[-1]
        alone = sde.solve(model, np.array([[1.0]]), [0.0, 10.0], method=method, key=KEY, first_row=1).x[-1]
        assert stepped[0, 0] == pytest.approx(root, rel=1e-9)
        assert stepped[1, 0] == alone[0, 0]
        late = sde.solve(model, np.ones((1, 1)), [1e8, 1e8 + 1e-5], method=method, key=KEY).x[-1]
        assert late[0, 0] == pytest.approx(1 - 1e-5, abs=2e-8)  # times near 1e8 are 1.5e-8 apart
    broken = sde.SDE(lambda t, x: np.log(x), lambda t, x: 0.0 * x, noise="additive")
    with pytest.raises(SolveError, match="Newton's iteration failed"):
        sde.solve(broken, np.full((1, 1), -1.0), [0.0, 1.0], method=EULER, key=KEY)


def test_stiff_forces_of_langevin_dynamics():
    """k dt^2 / m = 1e4, far beyond what the splittings bear; the force's Jacobian reaches the iteration."""
    calls = []

    def force_jacobian(t, q):
        calls.append(t)
        return np.full((q.shape[0], 1, 1), -1e6)

    model = sde.Langevin(lambda t, q: -1e6 * q, friction=1.0, force_jacobian=force_jacobian)
    x = sde.solve(model, np.ones((5, 2)), np.linspace(0, 10, 101), method=EULER, key=KEY).x
    assert len(calls) == 100
    assert abs(x[-1, :, 0]).max() < 1e-3


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"theta": 0.0}, ValueError, r"theta must lie in \(0, 2\].*got 0.0"),
        ({"theta": float("nan")}, ValueError, "got nan"),
        ({"theta": "1"}, TypeError, "theta must be a number"),
        ({"theta": 1.0, "newton": 3}, TypeError, "newton must be an ode.Newton; got int"),
    ],
)
def test_wrong_arguments(options, error, match):
    for family in (sde.theta_maruyama, sde.theta_milstein):
        with pytest.raises(error, match=match):
            family(**options)


def test_models_that_would_lose_the_order_are_refused():
    strat = sde.SDE(lambda t, x: -x, lambda t, x: x, calculus="stratonovich")
    with pytest.raises(ValueError, match="got 'stratonovich'"):
        EULER.check(strat)
    with pytest.raises(TypeError, match="implicit_milstein needs diffusion_derivative"):
        MILSTEIN.check(strat)


def test_methods_are_data():
    tight = sde.theta_milstein(1.5, newton=ode.Newton(tolerance=1e-14))
    assert repr(tight) == "Method(theta_milstein(1.5), diagonal: strong 1, weak 1)"
    again = pickle.loads(pickle.dumps(tight))
    assert again == tight
    assert again.failure == "newton_failed"
