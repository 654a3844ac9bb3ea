"""Ancestral samplers: the same first-order step in five names, weak orders, limits of eta."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, random

PROCESSES = [diffusion.vp(), diffusion.edm(), diffusion.flow()]


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.name)
def test_five_names_of_one_step(process: diffusion.Process) -> None:
    """DDPM, DDIM with eta 1, ancestral Euler, SEEDS-1 and SDE-DPM-Solver++ of order 1."""
    times = [0.9 * process.t_max, 0.4 * process.t_max, 0.1 * process.t_max]
    for n in range(2):
        wanted = diffusion.ddim(eta=1.0).step(process, times, n)
        for method in (diffusion.ddpm, diffusion.euler_ancestral, diffusion.seeds_1):
            found = method.step(process, times, n)
            noise = found.noise[0] if isinstance(found.noise, tuple) else found.noise
            np.testing.assert_allclose(
                [found.decay, *found.weights, noise],
                [wanted.decay, *wanted.weights, wanted.noise],
                rtol=1e-12,
            )


METHODS = [
    diffusion.euler_ancestral, diffusion.euler_ancestral(eta=0.5), diffusion.dpm_2_ancestral,
    diffusion.dpmpp_2s_ancestral, diffusion.dpmpp_2s_ancestral(eta=0.5), diffusion.ddpm,
    diffusion.ddpm(variance="large"),
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_weak_order_from_the_marginal_law(method: Any, exact: Any, measured: Any) -> None:
    errors = []
    for steps in (40, 80, 160):
        times = [float(t) for t in diffusion.log_snr_times(exact.process, steps)]
        mean, variance = exact.moments(method, times, 0.7, 0.3 + times[0] ** 2)
        errors.append(max(abs(mean - 0.7), abs(variance - 0.31)))
    assert abs(measured(errors) - method.weak_order) < 0.15, errors


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_the_limit_is_the_reverse_sde_with_the_noise_level_eta(
    method: Any, exact: Any, measured: Any
) -> None:
    """From a law that is no marginal: mean and variance tend to those of the SDE, at least at order 1."""
    eta = dict(method.parameters).get("eta", 1.0)
    gain = (0.31 / 100.3) ** ((1 + eta**2) / 2)
    wanted = 0.7 + gain * (2.0 - 0.7), gain**2 * 50.0 + 0.31 * (1 - (0.31 / 100.3) ** (eta**2))
    errors = []
    for steps in (80, 160, 320):
        times = [float(t) for t in diffusion.log_snr_times(exact.process, steps)]
        found = exact.moments(method, times, 2.0, 50.0)
        errors.append(max(abs(a - b) for a, b in zip(found, wanted)))
    assert measured(errors) > 0.85, errors


def test_strong_order_on_one_key(exact: Any) -> None:
    model, key = exact.target.denoiser(exact.process), random.key(5)
    x = random.normal(key, (200, 1), like=np.empty(0)) * 10

    def run(steps: int) -> Any:
        times = diffusion.log_snr_times(exact.process, steps)
        return diffusion.sample(exact.process, model, x, times, method="dpmpp_2s_ancestral", key=key)

    reference = run(512)
    errors = [float(np.sqrt(np.mean((run(steps) - reference) ** 2))) for steps in (32, 64)]
    assert abs(np.log2(errors[0] / errors[1]) - 1.0) < 0.3, errors  # 200 paths


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_a_point_is_exact_at_sigma_zero(method: Any, exact: Any) -> None:
    process = diffusion.flow()
    point = diffusion.from_denoiser(lambda x, t: 0 * x + 0.7, process)
    start = 0.9 if method.form == "noise" else 1.0
    found = diffusion.sample(process, point, exact.start, [start, 0.4, 0.0], method=method, key=random.key(1))
    np.testing.assert_allclose(found, 0.7, rtol=1e-13)


def test_the_large_variance_is_exact_for_normal_data() -> None:
    """x0 ~ N(0, 1) under vp: the law stays N(0, 1) for any step."""
    process = diffusion.vp()
    step = diffusion.ddpm(variance="large").step(process, [0.8, 0.3], 0)
    alpha = process.alpha(0.8)
    gain = step.decay + step.weights[0] * alpha  # D = alpha x
    assert math.isclose(gain**2 + float(step.noise) ** 2, 1.0, rel_tol=1e-12)  # type: ignore[arg-type]


@pytest.mark.parametrize("eta", [0.0, -1.0, 1.1, math.nan])
def test_refused_parameters(eta: float) -> None:
    for method in (diffusion.euler_ancestral, diffusion.dpm_2_ancestral, diffusion.dpmpp_2s_ancestral):
        with pytest.raises(ValueError, match=r"eta must be in \(0, 1\]; got"):
            method(eta=eta)
    with pytest.raises(ValueError, match="variance must be 'small' or 'large'; got 'medium'"):
        diffusion.ddpm(variance="medium")  # type: ignore[arg-type]
