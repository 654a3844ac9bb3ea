"""Critically damped Langevin diffusion: exact moments, training pairs, and reversal of Gaussian data."""

from __future__ import annotations

import math
import pickle
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.linalg import expm, solve_continuous_lyapunov

from diffmath import diffusion, ode, random, sde

CLD = diffusion.cld()
OTHER = diffusion.cld(1.0, 9.0, mass=0.6, velocity_variance=0.3)


def matrices(process: diffusion.DampedLangevin, t: float) -> tuple[Any, Any]:
    """Drift matrix and squared diffusion at a time, written from the definition."""
    beta, friction = process.beta(t), 2 * math.sqrt(process.mass)
    drift = np.array([[0.0, beta / process.mass], [-beta, -friction * beta / process.mass]])
    return drift, np.diag([0.0, 2 * friction * beta])


@pytest.mark.parametrize("process", [CLD, OTHER], ids=["paper", "other"])
def test_the_transition_solves_the_moment_equations(process: diffusion.DampedLangevin) -> None:
    """E is the exponential of the drift, and Q = S - E S E^T with the S of Lyapunov's equation."""
    for start, end in ((0.0, 1e-3), (0.1, 0.5), (0.0, 1.0)):
        E, Q = process.transition(start, end)
        drift, noise = (part / process.beta(0.3) for part in matrices(process, 0.3))
        exact = expm(drift * (process.total(end) - process.total(start)))
        S = solve_continuous_lyapunov(drift, -noise)
        np.testing.assert_allclose(E, exact, rtol=1e-11)  # double eigenvalue, norm 16: digits of expm
        np.testing.assert_allclose(Q, S - exact @ S @ exact.T, atol=1e-14)


def test_small_times_to_the_last_digits() -> None:
    """Q_xx grows like t^3: 1 - e^-z (1 + z + z^2/2) in 50 digits."""
    with mpmath.workdps(50):
        for t in (1e-8, 1e-3, 0.12, 0.13, 1.0):
            z = 2 * mpmath.mpf(4 * t) / mpmath.sqrt(mpmath.mpf(0.25))
            wanted = float(1 - mpmath.exp(-z) * (1 + z + z**2 / 2))
            assert math.isclose(CLD.transition(0.0, t)[1][0, 0], wanted, rel_tol=1e-13)


def test_transitions_compose() -> None:
    (E1, Q1), (E2, Q2), (E, Q) = (OTHER.transition(*span) for span in ((0.1, 0.4), (0.4, 0.9), (0.1, 0.9)))
    np.testing.assert_allclose(E2 @ E1, E, rtol=1e-13)
    np.testing.assert_allclose(E2 @ Q1 @ E2.T + Q2, Q, rtol=1e-13)
    start = np.diag([0.7, OTHER.velocity_variance])
    E, Q = OTHER.transition(0.0, 0.4)
    np.testing.assert_allclose(OTHER.covariance(0.4, data_variance=0.7), E @ start @ E.T + Q, rtol=1e-13)


def test_perturb_has_the_moments(xp: Any) -> None:
    """(x, v) is linear in the data and the noise: its coefficients give mean and covariance exactly."""
    t = np.array([0.0, 0.02, 0.7])
    for column, kind in enumerate(("data", "z_x", "z_v")):
        x0 = xp.asarray(np.full((3, 1), float(kind == "data")))
        noise = xp.asarray(np.tile([[[float(kind == "z_x")], [float(kind == "z_v")]]], (3, 1, 1)))
        u = xp.numpy(OTHER.perturb(x0, xp.asarray(t), noise=noise))[:, :, 0]
        for i, s in enumerate(t):
            E, _ = OTHER.transition(0.0, float(s))
            if column == 0:
                np.testing.assert_allclose(u[i], E[:, 0], rtol=1e-12, atol=1e-15)
            root = (
                np.linalg.cholesky(OTHER.covariance(float(s)) + 1e-300 * np.eye(2))
                if s
                else np.diag([0, 0.3**0.5])
            )
            if column > 0:
                np.testing.assert_allclose(u[i], root[:, column - 1], rtol=1e-10, atol=1e-15)
        one = OTHER.perturb(x0[:1, :], 0.7, noise=noise[:1, ...])
        np.testing.assert_allclose(xp.numpy(one)[0, :, 0], u[2], rtol=1e-12, atol=1e-15)


def test_the_training_target_is_the_score_of_a_point() -> None:
    noise = random.normal(random.key(0), (4, 2, 3), like=np.empty(0))
    x0 = np.full((4, 3), 0.7)
    for t in (1e-3, 0.3, 1.0):
        u = OTHER.perturb(x0, t, noise=noise)
        exact = OTHER.gaussian_score(mean=0.7, variance=0.0)(u, t)
        np.testing.assert_allclose(OTHER.training_target(noise, t), exact, rtol=1e-8)
    at = OTHER.training_target(noise, np.array([0.1, 0.2, 0.3, 0.4]))
    np.testing.assert_allclose(at[1], OTHER.training_target(noise, 0.2)[1], rtol=1e-13)


def linear(f: Any, t: float) -> tuple[Any, Any]:
    """Matrix and constant of an affine field of states (batch, 2, 1)."""
    points = np.array([[[0.0], [0.0]], [[1.0], [0.0]], [[0.0], [1.0]]])
    values = f(t, points)[:, :, 0]
    return (values[1:] - values[0]).T, values[0]


@pytest.mark.parametrize("process", [CLD, OTHER], ids=["paper", "other"])
@pytest.mark.parametrize("kind", ["forward", "reverse", "flow"])
def test_gaussian_data_keep_their_law(process: diffusion.DampedLangevin, kind: str) -> None:
    """Mean and covariance of the three dynamics, by their own equations, are those of the marginals."""
    score = process.gaussian_score(mean=1.5, variance=0.3)
    model = {"forward": process.forward, "reverse": lambda: process.reverse(score)}.get(kind, lambda: None)()
    field = process.flow(score) if model is None else model.drift
    early, late = 0.02, 1.0
    span = {"forward": (early, late), "reverse": (1 - late, 1 - early), "flow": (late, early)}[kind]

    def moments(t: float, y: Any) -> Any:
        (A, c), C = linear(field, t), y[0, 2:].reshape(2, 2)
        g = np.zeros(2) if model is None else model.diffusion(t, np.zeros((1, 2, 1)))[0, :, 0]
        return np.concatenate([A @ y[0, :2] + c, (A @ C + C @ A.T + np.diag(g**2)).ravel()])[None]

    def state(t: float) -> Any:
        mean = process.transition(0.0, t)[0] @ [1.5, 0.0]
        return np.concatenate([mean, process.covariance(t, data_variance=0.3).ravel()])[None]

    first, last = (early, late) if kind == "forward" else (late, early)
    found = ode.solve(moments, state(first), span, method=ode.dop853, rtol=1e-9, atol=1e-11, batch="shared")
    np.testing.assert_allclose(found.x[-1], state(last), rtol=1e-6, atol=1e-8)


def test_the_sdes_can_be_solved(xp: Any) -> None:
    score = CLD.gaussian_score(mean=1.0, variance=0.2)
    u = CLD.sample_prior(random.key(0), (1000, 1), like=xp.empty())
    assert u.shape == (1000, 2, 1)
    model = pickle.loads(pickle.dumps(CLD.reverse(score)))
    times = np.linspace(0.0, 1 - CLD.t_min, 61)
    final = xp.numpy(sde.solve(model, u, times, method=sde.euler_maruyama, key=random.key(1)).x[-1, ...])
    x = final[:, 0, 0]
    # Five standard errors of 1000 samples, and a weak error of order 1 below 0.05.
    assert abs(x.mean() - 1.0) < 5 * math.sqrt(0.2 / 1000) + 0.05
    assert abs(x.var() - 0.2) < 5 * 0.2 * math.sqrt(2 / 1000) + 0.05


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: diffusion.cld(5.0, 4.0), r"need 0 < beta_min <= beta_max, finite; got beta_min=5.0"),
        (lambda: diffusion.cld(mass=0.0), r"mass must be positive and finite; got 0"),
        (lambda: diffusion.cld(velocity_variance=-1.0), r"velocity_variance must be positive"),
        (lambda: diffusion.cld(t_min=2.0), r"need 0 < t_min < t_max, finite; got t_min=2.0"),
        (lambda: CLD.transition(0.5, 0.4), r"need 0 <= start <= end, finite; got start=0.5, end=0.4"),
        (lambda: CLD.training_target(np.ones((1, 2, 1)), 0.0), r"infinite at t=0; train on t >= t_min"),
        (lambda: CLD.gaussian_score(variance=-1.0), r"variance must be finite and not negative; got -1"),
        (
            lambda: CLD.gaussian_score(variance=0.0)(np.ones((1, 2, 1)), 0.0),
            r"score of a point mass is infinite",
        ),
        (
            lambda: CLD.perturb(np.ones((1, 1)), 0.5, noise=np.ones((1, 1))),
            r"noise must have the shape of x0",
        ),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_swapped_score_is_refused() -> None:
    with pytest.raises(TypeError, match=r"score\(x, t\)"):
        CLD.flow(lambda t, x: x)
