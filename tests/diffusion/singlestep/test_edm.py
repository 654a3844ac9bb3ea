"""Heun's method with churn: its order, its last step, the noise it adds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, random


def test_order_of_heun(exact: Any, measured: Any) -> None:
    assert abs(measured(exact.errors(diffusion.heun, (48, 96, 192))) - 2) < 0.15


def test_the_step_is_that_of_the_paper() -> None:
    """In the noise level of EDM: Euler, the slope at its end, and their mean."""
    process, x = diffusion.edm(), np.array([[1.7]])

    def denoiser(x: Any, t: float) -> Any:
        return np.tanh(x) / (1 + t)

    found = diffusion.sample(
        process, diffusion.from_denoiser(denoiser, process), x, [3.0, 2.0], method="heun"
    )
    slope = (x - denoiser(x, 3.0)) / 3.0
    guess = x - slope
    np.testing.assert_allclose(found, x - 0.5 * (slope + (guess - denoiser(guess, 2.0)) / 2.0), rtol=1e-14)


def test_the_last_step_to_zero_is_eulers(exact: Any) -> None:
    model = exact.target.denoiser(exact.process)
    run = diffusion.trajectory(exact.process, model, exact.start, [4.0, 1.0, 0.0], method=diffusion.heun)
    assert run.stats["evaluations"] == 3
    with pytest.raises(ValueError, match="made of the noise, so times must start where alpha > 0"):
        diffusion.sample(diffusion.flow(), lambda x, t: x, exact.start, [1.0, 0.5], method=diffusion.heun)


def test_churn_adds_the_noise_of_the_paper() -> None:
    process, steps = diffusion.edm(), 10
    times = [float(t) for t in np.linspace(40.0, 1.0, steps + 1)]
    method = diffusion.heun(churn=2.0, sigma_low=2.0, sigma_high=35.0, noise=1.1)
    for n, s in enumerate(times[:-1]):
        step = method.step(process, times, n)
        if not 2.0 <= s <= 35.0:
            assert step == diffusion.heun.step(process, times, n)
            continue
        assert (step.decay, step.evaluates, step.noises) == (1.0, False, 1)
        assert math.isclose(step.noise, 1.1 * s * math.sqrt(1.2**2 - 1), rel_tol=1e-12)
        assert math.isclose(step.stages[0].t, 1.2 * s, rel_tol=1e-15)
    assert diffusion.heun(churn=1e9).step(process, times, 5).stages[0].t == pytest.approx(times[5] * 2**0.5)


def test_the_first_step_from_the_highest_level_adds_none() -> None:
    process = diffusion.edm()
    step = diffusion.heun(churn=5.0).step(process, [80.0, 40.0], 0)
    assert step.evaluates
    assert step.noises == 0


@pytest.mark.parametrize("churn", [5.0, 20.0])
def test_weak_order_from_the_marginal_law(churn: float, exact: Any, measured: Any) -> None:
    errors = []
    for steps in (40, 80, 160):
        times = [float(t) for t in diffusion.log_snr_times(exact.process, steps)]
        mean, variance = exact.moments(diffusion.heun(churn=churn), times, 0.7, 0.3 + times[0] ** 2)
        errors.append(max(abs(mean - 0.7), abs(variance - 0.31)))
    assert abs(measured(errors) - 2) < 0.15, errors


def test_a_key_is_needed_and_used(exact: Any) -> None:
    method, model = diffusion.heun(churn=3.0), exact.target.denoiser(exact.process)
    times = diffusion.log_snr_times(exact.process, 6)
    with pytest.raises(TypeError, match=r"heun\(churn=3\) is stochastic; pass key="):
        diffusion.sample(exact.process, model, exact.start, times, method=method)
    key = random.key(1)
    whole = diffusion.sample(exact.process, model, exact.start, times, method=method, key=key)
    first = diffusion.sample(exact.process, model, exact.start[:1], times, method=method, key=key)
    np.testing.assert_array_equal(whole[:1], first)


@pytest.mark.parametrize("parameters", [{"churn": -1.0}, {"noise": math.inf}])
def test_refused_parameters(parameters: dict[str, float]) -> None:
    (name,) = parameters
    with pytest.raises(ValueError, match=f"{name} must be finite and not negative"):
        diffusion.heun(**parameters)
