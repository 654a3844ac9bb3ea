"""Products with the transposed Jacobian of the denoised data: exact, differentiated, by differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion
from diffmath.diffusion._conditional.jacobian import denoised_and_pullback

TARGET = diffusion.GaussianMixture([0.4, 0.6], [[-1.0, 0.0], [1.0, 0.5]], [0.2, 0.4])
X = np.array([[0.3, -0.2], [1.5, 2.0], [-4.0, 1.0]])
V = np.array([[1.0, 0.0], [0.2, -3.0], [0.0, 0.0]])


def covariance_times_v(process: diffusion.Process, t: float) -> np.ndarray:
    """(alpha/sigma^2) Cov[x_0 | x_t] v, from the moments of the components."""
    alpha, sigma = process.marginal(t)
    found = []
    for x, v in zip(X, V, strict=True):
        spread = alpha**2 * np.array([0.2, 0.4]) + sigma**2
        gaps = x - alpha * TARGET.means
        logs = np.log(TARGET.weights) - 0.5 * np.sum(gaps**2, axis=1) / spread - np.log(spread)
        r = np.exp(logs - np.logaddexp(*logs))
        means = TARGET.means + alpha * np.array([0.2, 0.4])[:, None] * gaps / spread[:, None]
        inside = np.sum(r * np.array([0.2, 0.4]) * sigma**2 / spread) * np.eye(2)
        centred = means - r @ means
        found.append(alpha / sigma**2 * (inside + (r[:, None] * centred).T @ centred) @ v)
    return np.array(found)


@pytest.mark.parametrize("process", [diffusion.vp(), diffusion.edm(), diffusion.flow()], ids=lambda p: p.name)
@pytest.mark.parametrize("kind", ["score", "denoiser"])
def test_exact_targets(xp: Any, process: diffusion.Process, kind: str) -> None:
    model, t = getattr(TARGET, kind)(process), 0.6
    denoised, pull = denoised_and_pullback(model, xp.asarray(X), t)
    np.testing.assert_allclose(xp.numpy(denoised), TARGET.denoiser(process)(X, t), rtol=1e-11)
    np.testing.assert_allclose(xp.numpy(pull(xp.asarray(V))), covariance_times_v(process, t), rtol=1e-10)


@pytest.mark.parametrize("kind", ["score", "noise", "flow"])
@pytest.mark.parametrize("t", [0.02, 0.6])
def test_any_model_without_a_product_of_its_own(xp: Any, kind: str, t: float) -> None:
    """By automatic differentiation where the library has it, by differences elsewhere."""
    process = diffusion.vp()
    exact = TARGET.denoiser(process)
    model = getattr(diffusion, f"from_{kind}")(lambda x, t: getattr(exact, kind)(x, t), process)
    _, pull = denoised_and_pullback(model, xp.asarray(X), t)
    # Differences: the truncation at a distance of 6e-6 sigma, and rounding over that distance.
    np.testing.assert_allclose(
        xp.numpy(pull(xp.asarray(V))), covariance_times_v(process, t), rtol=1e-6, atol=1e-7
    )


def test_times_of_rows() -> None:
    process, times = diffusion.vp(), np.array([0.1, 0.5, 0.9])
    for model in (TARGET.denoiser(process), diffusion.from_denoiser(TARGET.denoiser(process), process)):
        _, pull = denoised_and_pullback(model, X, times)
        rows = [denoised_and_pullback(model, X[i : i + 1], t)[1](V[i : i + 1]) for i, t in enumerate(times)]
        np.testing.assert_allclose(pull(V), np.concatenate(rows), rtol=1e-12)
