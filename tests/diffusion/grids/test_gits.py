"""GITS: the cheapest of all subsets, by brute force; equal on every process; any one-step method."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

TARGET = diffusion.GaussianMixture([0.3, 0.7], [[-1.0], [1.0]], [0.01, 0.04])
EDM = diffusion.edm(t_max=20.0)
FINE = diffusion.karras_times(EDM, 11)
START = 20.0 * np.linspace(-1.9, 1.8, 6)[:, None]
MODEL = TARGET.denoiser(EDM)


def teacher(process: diffusion.Process, x: Any, times: Any) -> Any:
    """The exact states at the times: the quantile map."""
    flow = TARGET.flow_map(process)
    return np.stack([x if t == times[0] else flow(x, float(times[0]), float(t)) for t in times])


STATES = teacher(EDM, START, FINE)


def cost(i: int, j: int) -> float:
    """The error of Euler's step of EDM, x + (sigma_j - sigma_i) E."""
    x, s, t = STATES[i], float(FINE[i]), float(FINE[j])
    step = x + (t - s) * (x - MODEL.denoiser(x, s)) / s
    return float(np.mean(np.linalg.norm(step - STATES[j], axis=1)))


@pytest.mark.parametrize("steps", [1, 2, 4, 10, 11])
def test_the_cheapest_of_all_choices(steps: int) -> None:
    table = {(i, j): cost(i, j) for i, j in combinations(range(12), 2)}
    found = diffusion.gits_times(EDM, steps, MODEL.denoiser, STATES, FINE)
    best = min(
        ((0, *inner, 11) for inner in combinations(range(1, 11), steps - 1)),
        key=lambda path: sum(table[edge] for edge in pairwise(path)),
    )
    np.testing.assert_array_equal(found, FINE[list(best)])


def test_any_one_step_method() -> None:
    def euler(x: Any, s: float, t: float) -> Any:
        return diffusion.sample(EDM, MODEL, x, [s, t], method=diffusion.ddim)

    plain = diffusion.gits_times(EDM, 4, MODEL.denoiser, STATES, FINE)
    np.testing.assert_array_equal(diffusion.gits_times(EDM, 4, None, STATES, FINE, step=euler), plain)


def test_the_same_noise_levels_on_another_process() -> None:
    flow = diffusion.flow()
    times = np.array([flow.time_of_log_snr(EDM.log_snr(float(t))) for t in FINE])
    states = STATES * np.array([flow.alpha(float(t)) for t in times])[:, None, None]
    found = diffusion.gits_times(flow, 5, TARGET.denoiser(flow).denoiser, states, times)
    wanted = diffusion.gits_times(EDM, 5, MODEL.denoiser, STATES, FINE)
    np.testing.assert_allclose(
        [flow.sigma(float(t)) / flow.alpha(float(t)) for t in found], wanted, rtol=1e-12
    )


def test_it_may_end_at_the_data_and_start_at_pure_noise() -> None:
    flow = diffusion.flow()
    times = diffusion.uniform_times(flow, 8, t_end=0.0)
    x = START[:, :] / 20
    states = np.stack([x, *(np.full_like(x, 0.0) for _ in times[1:])])
    point = diffusion.from_denoiser(lambda x, t: 0.0 * x, flow)
    found = diffusion.gits_times(flow, 3, point.denoiser, states, times)
    assert (found[0], found[-1], len(found)) == (1.0, 0.0, 4)


def test_few_euler_steps_err_less_than_on_a_karras_grid() -> None:
    """Measured on the mixture of the docstring: 0.09 and 0.18."""
    process = diffusion.edm()
    target = diffusion.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.01, 0.01])
    model, fine = target.denoiser(process), diffusion.karras_times(process, 30)
    x = 80.0 * np.linspace(-2.0, 2.0, 40)[:, None]
    flow = target.flow_map(process)
    states = np.stack([x, *(flow(x, 80.0, float(t)) for t in fine[1:])])
    errors = [
        np.mean(np.abs(diffusion.sample(process, model, x, times, method=diffusion.ddim) - states[-1]))
        for times in (
            diffusion.gits_times(process, 5, model.denoiser, states, fine),
            diffusion.karras_times(process, 5),
        )
    ]
    assert errors[0] < 0.6 * errors[1]


def test_backends(xp: Any) -> None:
    found = diffusion.gits_times(EDM, 4, MODEL.denoiser, xp.asarray(STATES), FINE)
    np.testing.assert_array_equal(found, diffusion.gits_times(EDM, 4, MODEL.denoiser, STATES, FINE))


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"one entry for each of the 11 times, .*; got \(12, 6, 1\)"):
        diffusion.gits_times(EDM, 4, MODEL.denoiser, STATES, FINE[:-1])
    with pytest.raises(ValueError, match=r"steps must lie in 1 to 11, the number of fine steps; got 12"):
        diffusion.gits_times(EDM, 12, MODEL.denoiser, STATES, FINE)
    with pytest.raises(ValueError, match=r"not strictly decreasing"):
        diffusion.gits_times(EDM, 4, MODEL.denoiser, STATES[::-1], FINE[::-1])
    with pytest.raises(TypeError, match=r"exactly one of a denoiser, for Euler steps, and step="):
        diffusion.gits_times(EDM, 4, None, STATES, FINE)
    with pytest.raises(ValueError, match=r"an error of a step is not finite"):
        diffusion.gits_times(EDM, 4, lambda x, t: np.nan * x, STATES, FINE)
