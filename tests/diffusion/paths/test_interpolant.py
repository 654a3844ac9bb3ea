"""Interpolants: samples, targets, fields, the SDE of every strength, refusals."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, ode, random, sde

LINEAR = diffusion.interpolant()
START = diffusion.GaussianMixture([1.0], [[1.0]], [0.5])
END = diffusion.GaussianMixture([1.0], [[-2.0]], [0.2])


def test_interpolate_and_targets(xp: Any) -> None:
    x0, x1 = xp.asarray([[1.0, 2.0], [0.0, -1.0]]), xp.asarray([[3.0, 3.0], [3.0, 3.0]])
    z, t = xp.asarray([[1.0, -1.0], [2.0, 0.5]]), xp.asarray([0.25, 1.0])
    got = xp.numpy(LINEAR.interpolate(x0, x1, t, noise=z))
    np.testing.assert_allclose(got[0], 0.75 * np.array([1, 2]) + 0.75 + np.sqrt(3 / 16) * np.array([1, -1]))
    np.testing.assert_array_equal(got[1], [3.0, 3.0])
    np.testing.assert_array_equal(xp.numpy(LINEAR.training_target(x0, x1, t)), xp.numpy(x1) - xp.numpy(x0))
    key = random.key(2)
    drawn = LINEAR.interpolate(x0, x1, 0.5, key=key)
    assert np.ptp(xp.numpy(drawn) - (xp.numpy(x0) + xp.numpy(x1)) / 2) > 0
    again = LINEAR.interpolate(x0[:1, :], x1[:1, :], 0.5, key=key)
    np.testing.assert_array_equal(xp.numpy(drawn)[:1], xp.numpy(again))


def test_the_score_of_the_noise() -> None:
    """E[z | x] = -gamma s, with the exact score of a mixture."""
    exact = diffusion.MixtureInterpolant(LINEAR, START, END)
    x = np.array([[0.3], [-1.0]])

    def noise(x: Any, t: Any) -> Any:
        return -LINEAR.gamma(t) * exact.score(x, t)

    np.testing.assert_allclose(LINEAR.score_of_noise(noise)(x, 0.4), exact.score(x, 0.4), rtol=1e-14)


def test_the_sde_keeps_the_laws_for_every_strength() -> None:
    """Between Gaussians the SDE is linear: its exact moments are those of the interpolant, both ways."""
    exact = diffusion.MixtureInterpolant(LINEAR, START, END)
    for reverse in (False, True):
        for epsilon in (0.0, 2.0, lambda t: t * (1 - t)):
            model = LINEAR.sde(exact.flow, exact.score, epsilon, reverse=reverse)
            one = np.array([[0.0], [1.0]])

            def moments(tau: float, y: Any, model: Any = model, one: Any = one) -> Any:
                """d(mean, variance)/dt of dx = (k x + c) dt + g dW."""
                c, kc = model.drift(tau, one)[:, 0]
                k, g = kc - c, model.diffusion(tau, one)
                return np.stack([k * y[:, 0] + c, 2 * k * y[:, 1] + g**2], axis=1)

            y0 = np.array([[-2.0, 0.2]]) if reverse else np.array([[1.0, 0.5]])
            taus = np.array([0.0, 0.37, 1.0])
            found = ode.solve(moments, y0, taus, method=ode.dop853, rtol=1e-8, atol=1e-9, batch="shared")
            for tau, (mean, variance) in zip(taus, found.x[:, 0]):
                t = 1 - tau if reverse else tau
                assert mean == pytest.approx(1 - 3 * t, abs=1e-7)
                assert variance == pytest.approx(0.5 * (1 - t) ** 2 + 0.2 * t**2 + t * (1 - t), abs=1e-7)


def test_the_sde_can_be_solved_and_sent_to_workers() -> None:
    exact = diffusion.MixtureInterpolant(diffusion.interpolant("trigonometric"), START, END)
    model = pickle.loads(pickle.dumps(exact.interpolant.sde(exact.flow, exact.score, 0.5)))
    x0 = START.sample(random.key(0), 4000, like=np.empty(0))
    times = np.linspace(0.0, 1.0, 41)
    final = sde.solve(model, x0, times, method=sde.heun, key=random.key(1)).x[-1]
    # Five standard errors of 4000 samples and a weak error of order 1 (two-sided rate below 1e-6).
    assert abs(final.mean() + 2.0) < 5 * np.sqrt(0.2 / 4000) + 0.01
    assert abs(final.var() - 0.2) < 5 * 0.2 * np.sqrt(2 / 4000) + 0.01


X = np.ones((2, 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "circle"}, r"kind must be one of 'linear', .*; got 'circle'"),
        ({"gamma": "white"}, r"gamma must be one of 'zero', .*; got 'white'"),
        ({"scale": 0.0}, r"scale must be positive and finite; got 0"),
        ({"kind": "encoding_decoding", "gamma": "zero"}, r"needs noise: without it the law at t=0.5"),
    ],
)
def test_refused_names(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        diffusion.interpolant(**options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LINEAR.interpolate(X, X[:, :1], 0.5, noise=X), r"x1 must have the shape of x0"),
        (lambda: LINEAR.interpolate(X, X, 0.5, noise=X[:1]), r"noise must have the shape of x0"),
        (lambda: LINEAR.interpolate(X, X, 1.5, noise=X), r"t must lie in \[0, 1\]; got 1.5"),
        (lambda: LINEAR.training_target(X, X, np.array([0.5, 2.0])), r"t must lie in \[0, 1\] in every row"),
        (
            lambda: LINEAR.sde(lambda x, t: x, lambda x, t: x, -1.0),
            r"epsilon must be finite and not negative; got -1",
        ),
    ],
)
def test_refused_values(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_refused_kinds() -> None:
    with pytest.raises(TypeError, match=r"exactly one of key=dm.random.key\(0\) and noise="):
        LINEAR.interpolate(X, X, 0.5)
    with pytest.raises(TypeError, match=r"velocity\(x, t\)"):
        LINEAR.flow(lambda t, x: x, lambda x, t: x)


def test_a_users_own_interpolant_is_checked() -> None:
    parts: dict[str, Any] = {
        "a": lambda t: (1 - t) ** 2,
        "b": lambda t: t**2,
        "d_a": lambda t: -2 * (1 - t),
        "d_b": lambda t: 2 * t,
        "gamma": lambda t: t * (1 - t),
        "gamma_rate": lambda t: t * (1 - t) * (1 - 2 * t),
    }
    assert repr(diffusion.Interpolant(**parts, name="mine")) == "Interpolant('mine')"
    for change, error, message in (
        ({"a": 1.0}, TypeError, r"a must be a callable a\(t\); got float"),
        ({"b": lambda t: 1 - t}, ValueError, r"\(a, b, gamma\) must be \(1.0, 0.0, 0.0\) at t=0; got"),
        (
            {"d_a": lambda t: -1.0},
            ValueError,
            r"d_a must be the derivative of a; at t=0.21 it is -1 instead of",
        ),
        ({"gamma_rate": lambda t: 1 - 2 * t}, ValueError, r"gamma_rate must be gamma times its derivative"),
    ):
        with pytest.raises(error, match=message):
            diffusion.Interpolant(**{**parts, **change})
