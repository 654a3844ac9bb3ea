"""The exact measure of weak orders: against closed forms, and on methods that it must reject."""

from dataclasses import replace

import numpy as np
import pytest

from diffmath import sde
from diffmath.testing import AffineSDE, affine_sde, assert_weak_order, measure_weak_order

NOISES = ["additive", "diagonal", "scalar", "commutative", "general"]
ALL = {name: getattr(sde, name) for name in sde.__all__ if isinstance(getattr(sde, name), sde.Method)}
# Langevin methods are for a model of their own; reversible_heun has a state of its own: see tests/sde.
APART = {"align", "baoab", "quicsort", "reversible_heun", "should", "ubu"}


def test_moments_of_geometric_brownian_motion():
    mu, sigma, t = 0.3, 0.5, 0.7
    problem = AffineSDE(np.array([[[mu]], [[sigma]]]), np.zeros((2, 1)), np.array([2.0]), "scalar")
    m = problem.moments(t, 3)
    assert m[0] == pytest.approx(1.0)
    assert m[1] == pytest.approx(2 * np.exp(mu * t))
    assert m[3] == pytest.approx(4 * np.exp((2 * mu + sigma**2) * t))
    assert m[7] == pytest.approx(8 * np.exp((3 * mu + 3 * sigma**2) * t))
    bent = replace(problem, calculus="stratonovich").moments(t, 1)
    assert bent[1] == pytest.approx(2 * np.exp((mu + sigma**2 / 2) * t))


def test_moments_of_an_ornstein_uhlenbeck_process():
    problem = AffineSDE(np.array([[[-2.0]], [[0.0]]]), np.array([[1.0], [0.6]]), np.array([0.0]), "additive")
    m = problem.moments(1.0, 2)
    mean = 0.5 * (1 - np.exp(-2.0))
    assert m[1] == pytest.approx(mean)
    assert m[3] - mean**2 == pytest.approx(0.36 / 4 * (1 - np.exp(-4.0)))


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("calculus", ["ito", "stratonovich"])
def test_every_method_has_its_weak_order(noise, calculus):
    """The claims of all methods of the library for this noise, measured without sampling."""
    problem, seen = affine_sde(noise, calculus=calculus), 0
    for name, method in ALL.items():
        claimed = method.orders.get(noise, (None, None))[1]
        accepts = noise == "additive" or calculus in method.calculi
        if name in APART or claimed is None or not accepts:
            continue
        assert_weak_order(method, problem)
        seen += 1
    assert seen >= 3


def test_models_agree_with_their_matrices(xp):
    for noise in NOISES:
        problem = affine_sde(noise)
        model = problem.model()
        x = xp.asarray([[0.3, -0.7], [1.1, 0.4]])
        g = xp.numpy(model.diffusion(0.0, x))
        columns = [
            xp.numpy(x) @ A.T + a for A, a in zip(problem.matrices[1:], problem.vectors[1:], strict=True)
        ]
        expected = sum(columns) if noise in ("diagonal", "scalar") else np.stack(columns, axis=2)
        np.testing.assert_allclose(g, expected, atol=1e-15)
        derivative = xp.numpy(model.diffusion_derivative(0.0, x))
        step = 1e-6
        for k in range(2):
            e = xp.asarray(step * np.eye(2)[k])
            difference = (xp.numpy(model.diffusion(0.0, x + e)) - g) / step
            if noise == "diagonal":
                np.testing.assert_allclose(derivative[:, k], difference[:, k], atol=1e-8)
            else:
                np.testing.assert_allclose(derivative[..., k], difference, atol=1e-8)


def test_wrong_methods_are_rejected():
    def flipped(model, t, x, dt, dW):
        return x + dt * model.drift(t, x) - 0.5 * dt * x + model.diffusion(t, x) * dW

    wrong = replace(sde.euler_maruyama, step=flipped)
    with pytest.raises(AssertionError, match="below the claimed 1"):
        assert_weak_order(wrong, affine_sde("diagonal"))
    with pytest.raises(AssertionError, match="below the claimed 2"):
        assert_weak_order(sde.milstein_levy, affine_sde("general"), order=2)
    overflow = replace(sde.euler_maruyama, step=lambda m, t, x, dt, dW: x * np.inf)
    with pytest.raises(AssertionError, match="-inf"):
        assert_weak_order(overflow, affine_sde("diagonal"))


def test_an_exact_step_has_infinite_order():
    def exact(model, t, x, dt, dW):  # Brownian motion itself
        return x + 0.6 * dW

    problem = AffineSDE(np.zeros((2, 1, 1)), np.array([[0.0], [0.6]]), np.array([0.3]), "additive")
    assert measure_weak_order(replace(sde.euler_maruyama, step=exact), problem).order == np.inf


def test_refusals():
    with pytest.raises(TypeError, match="method must be a method object"):
        measure_weak_order("dri1", affine_sde("diagonal"))
    with pytest.raises(TypeError, match="problem must be an AffineSDE or a PeriodicSDE"):
        measure_weak_order(sde.dri1, 3)
    with pytest.raises(ValueError, match="halvings must be at least 4"):
        measure_weak_order(sde.dri1, affine_sde("diagonal"), halvings=2)
    with pytest.raises(ValueError, match="reversible_heun has a state of its own"):
        measure_weak_order(sde.reversible_heun, affine_sde("diagonal", calculus="stratonovich"))
    with pytest.raises(ValueError, match="noise must be one of"):
        affine_sde("white")
    with pytest.raises(ValueError, match="milstein needs noise in"):
        measure_weak_order(sde.milstein, affine_sde("general"))
