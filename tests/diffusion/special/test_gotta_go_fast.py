"""The adaptive reverse SDE: its step by exact moments, its law, its rows, its path."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from diffmath import SolveError, diffusion, random
from diffmath.diffusion._special.gotta_go_fast import _HEUN
from diffmath.sde import SDE

PROCESS = diffusion.vp()
TARGET = diffusion.Gaussian([0.7], [[0.3]])
KEY = random.key(3)


def test_weak_order_of_the_step_by_exact_moments() -> None:
    """For Gaussian data a step is affine in x and the noise: mean and variance are propagated exactly."""
    score = TARGET.score(PROCESS)
    model = SDE(
        lambda t, x: PROCESS.coefficients(t)[0] * x - PROCESS.coefficients(t)[1] * score(x, t),
        lambda t, x: PROCESS.coefficients(t)[1] ** 0.5,
        noise="additive",
    )
    first, last, start = 0.6, 0.1, (2.0, 1.7)
    law = TARGET.transition(PROCESS, np.array([[0.0], [1.0]]), first, last)
    offset, gain = law.mean[0, 0], law.mean[1, 0] - law.mean[0, 0]
    exact = offset + gain * start[0], gain**2 * start[1] + law.covariance[0, 0]
    errors = []
    for steps in (20, 40, 80, 160):
        times, (mean, variance) = np.linspace(first, last, steps + 1), start
        for s, t in itertools.pairwise(times):
            x, dW = np.array([[0.0], [1.0], [0.0]]), np.array([[0.0], [0.0], [abs(t - s) ** 0.5]])
            out = _HEUN.attempt(model, None, float(s), x, float(t - s), dW).x[:, 0]
            mean = out[0] + (out[1] - out[0]) * mean
            variance = (out[1] - out[0]) ** 2 * variance + (out[2] - out[0]) ** 2
        errors.append(np.abs(np.array([mean, variance]) - exact).max())
    assert abs(np.log2(errors[-2] / errors[-1]) - 2) < 0.15, errors


def run(x: Any, **options: Any) -> Any:
    times = [1.0, 0.1, 0.001]
    return diffusion.gotta_go_fast(PROCESS, TARGET.score(PROCESS), x, times, key=KEY, **options)


def test_the_law_of_the_samples_and_the_rows() -> None:
    x = PROCESS.sample_prior(KEY, (400, 1), like=np.empty(0))
    found = run(x, rtol=5e-2, atol=5e-2)
    alpha, sigma = PROCESS.marginal(0.001)
    mean, deviation = 0.7 * alpha, (0.3 * alpha**2 + sigma**2) ** 0.5
    # Five standard errors of 400 samples (6e-7 of false alarms each), and 0.03 for the tolerance.
    assert abs(found.x[-1].mean() - mean) < 5 * deviation / 20 + 0.03
    assert abs(found.x[-1].std() - deviation) < 5 * deviation / 28 + 0.03
    assert found.stats["rejected"].sum() > 0
    np.testing.assert_array_equal(run(x[:3], rtol=5e-2, atol=5e-2).x, found.x[:, :3])


def test_one_path_for_all_tolerances(xp: Any) -> None:
    """The error with respect to a finer solution of the same key falls with the tolerance."""
    x, times = xp.asarray(np.array([[0.3], [-1.0]])), [0.5, 0.1]
    fine, near, far = (
        xp.numpy(
            diffusion.gotta_go_fast(PROCESS, TARGET.score(PROCESS), x, times, key=KEY, rtol=tol, atol=tol).x
        )[-1]
        for tol in (5e-3, 2e-2, 0.5)
    )
    assert np.abs(near - fine).max() < 0.03
    assert np.abs(near - fine).max() < np.abs(far - fine).max()


def test_what_is_refused() -> None:
    x, score = np.zeros((2, 1)), TARGET.score(PROCESS)
    with pytest.raises(TypeError, match="gotta_go_fast is stochastic; pass key="):
        diffusion.gotta_go_fast(PROCESS, score, x, [1.0, 0.1])
    with pytest.raises(ValueError, match=r"times must decrease; got 0.1 -> 1"):
        diffusion.gotta_go_fast(PROCESS, score, x, [0.1, 1.0], key=KEY)
    with pytest.raises(ValueError, match=r"sigma > 0 and f, g are finite .* they are not at t=0"):
        diffusion.gotta_go_fast(PROCESS, score, x, [1.0, 0.0], key=KEY)
    process = diffusion.flow()
    with pytest.raises(ValueError, match="they are not at t=1: start below t_max=1"):
        diffusion.gotta_go_fast(process, TARGET.score(process), x, [1.0, 0.1], key=KEY)
    with pytest.raises(SolveError, match="max_steps"):
        run(x, max_steps=2)
