"""Inpainting by replacement and RePaint: exact recursions for a Gaussian, and the bias of the docstrings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, random

PROCESS = diffusion.edm()
C = np.array([[1.0, 0.9], [0.9, 1.0]])
PRIOR = diffusion.Gaussian([0.0, 0.0], C).denoiser(PROCESS)
FIRST = diffusion.LinearMeasurement([True, False], [1.0, np.nan], 0.0)
KEY = random.key(3)


def exact_law(steps: int, resamplings: int, jump: int = 1, eta: float = 1.0) -> tuple[float, float]:
    """Mean and deviation of the second entry: moments of the affine chain, propagated without samples."""
    method = diffusion.ddim(eta=eta)  # ddpm at eta = 1, with its noise as one number
    grid = [*diffusion.log_snr_times(PROCESS, steps), 0.0]
    moves = []
    for n, t in enumerate(grid[:-1]):
        step = method.step(PROCESS, grid, n)
        gain = step.decay * np.eye(2) + step.weights[0] * C @ np.linalg.inv(C + t**2 * np.eye(2))
        moves.append((*gain[1], float(step.noise) ** 2))  # type: ignore[arg-type]
    # The first entry is alpha y + sigma z, so only the second one is propagated.
    mean, v = 0.0, 80.0**2
    for first in range(0, len(moves), jump):
        block = range(first, min(first + jump, len(moves)))
        for k in range(resamplings):
            known = grid[first] ** 2
            if k:
                v += known - grid[block[-1] + 1] ** 2
            for n in block:
                a, b, noise = moves[n]
                mean, v, known = a + b * mean, a**2 * known + b**2 * v + noise, grid[n + 1] ** 2
    return float(mean), float(v**0.5)


def test_the_figures_of_the_docstrings() -> None:
    """The posterior has 0.90 and 0.44; half a digit of rounding."""
    np.testing.assert_allclose(exact_law(400, 1), (0.62, 0.55), atol=0.005)
    np.testing.assert_allclose(exact_law(400, 1, eta=0.0), (0.44, 0.66), atol=0.005)
    figures = [exact_law(100, r) for r in (1, 2, 5, 10, 200)]
    expected = [(0.61, 0.54), (0.75, 0.47), (0.85, 0.44), (0.88, 0.42), (0.90, 0.41)]
    np.testing.assert_allclose(figures, expected, atol=0.005)
    np.testing.assert_allclose(exact_law(400, 100), (0.90, 0.43), atol=0.005)


@pytest.mark.parametrize(("resamplings", "jump"), [(1, 1), (3, 1), (2, 4)])
def test_samples_have_the_law_of_the_chain(resamplings: int, jump: int) -> None:
    n = 2000
    times = [*diffusion.log_snr_times(PROCESS, 10), 0.0]
    x_T = PROCESS.sample_prior(KEY, (n, 2), like=np.empty(0))
    if resamplings == 1:
        x = diffusion.inpaint(PROCESS, PRIOR, x_T, times, FIRST, key=KEY)
    else:
        x = diffusion.repaint(PROCESS, PRIOR, x_T, times, FIRST, resamplings=resamplings, jump=jump, key=KEY)
    mean, deviation = exact_law(10, resamplings, jump)
    np.testing.assert_array_equal(x[:, 0], 1.0)
    # Five standard errors: a false-positive rate of 1e-6 each.
    assert abs(x[:, 1].mean() - mean) < 5 * deviation / n**0.5
    assert abs(x[:, 1].std() - deviation) < 5 * deviation / (2 * n) ** 0.5


def test_one_resampling_is_inpaint_with_another_key() -> None:
    times = [5.0, 1.0, 0.0]
    x_T = 5.0 * np.ones((4, 2))
    a = diffusion.inpaint(PROCESS, PRIOR, x_T, times, FIRST, method="ddim", key=KEY)
    b = diffusion.repaint(PROCESS, PRIOR, x_T, times, FIRST, resamplings=1, method="ddim", key=KEY)
    assert not np.array_equal(a, b)  # each has a domain of its own
    np.testing.assert_array_equal(a[:, 0], b[:, 0])


def test_backends_and_batches_agree(xp: Any) -> None:
    times, x_T = [10.0, 1.0, 0.1, 0.0], PROCESS.sample_prior(KEY, (5, 2), like=np.empty(0))
    for sampler in (diffusion.inpaint, diffusion.repaint):
        wanted = sampler(PROCESS, PRIOR, x_T, times, FIRST, key=KEY)
        found = sampler(PROCESS, PRIOR, xp.asarray(x_T), times, FIRST, key=KEY)
        np.testing.assert_allclose(xp.numpy(found), wanted, rtol=1e-12)
        np.testing.assert_array_equal(sampler(PROCESS, PRIOR, x_T[:2], times, FIRST, key=KEY), wanted[:2])
        single = sampler(PROCESS, PRIOR, xp.asarray(x_T, "float32"), times, FIRST, key=KEY)
        np.testing.assert_allclose(xp.numpy(single), wanted, rtol=1e-4, atol=1e-4)


def test_values_of_rows_and_states_with_axes() -> None:
    y = np.arange(12.0).reshape(3, 2, 2)
    mask = np.array([[True, False], [False, True]])
    prior = diffusion.from_denoiser(lambda x, t: 0.0 * x, PROCESS)
    measurement = diffusion.LinearMeasurement(mask, y, 0.0)
    x = diffusion.inpaint(PROCESS, prior, np.ones((3, 2, 2)), [1.0, 0.0], measurement, key=KEY)
    np.testing.assert_array_equal(x, np.where(mask, y, 0.0))


def test_refusals() -> None:
    x_T = np.ones((2, 2))

    def run(measurement: Any, times: Any = (1.0, 0.0), **options: Any) -> None:
        diffusion.repaint(PROCESS, PRIOR, x_T, times, measurement, key=KEY, **options)

    with pytest.raises(TypeError, match="needs a measurement by a mask"):
        run(diffusion.LinearMeasurement([[1.0, 0.0]], [1.0], 0.0))
    with pytest.raises(ValueError, match="takes the measured entries as exact; got noise="):
        run(diffusion.LinearMeasurement([True, False], [1.0, 0.0], 0.1))
    with pytest.raises(ValueError, match=r"the mask has shape \(1, 2\); a state has shape \(2,\)"):
        run(diffusion.LinearMeasurement([[True, False]], [[1.0, 0.0]], 0.0))
    with pytest.raises(ValueError, match="times must decrease; got"):
        run(FIRST, (0.5, 1.0), method="ddim")
    with pytest.raises(ValueError, match="resamplings must be at least 1"):
        run(FIRST, resamplings=0)
    with pytest.raises(ValueError, match="jump must be at least 1"):
        run(FIRST, jump=0)
    with pytest.raises(TypeError, match=r"measurement must be a diffusion\.LinearMeasurement"):
        run([1.0])
    with pytest.raises(TypeError, match="key must be a Key"):
        diffusion.inpaint(PROCESS, PRIOR, x_T, (1.0, 0.0), FIRST, key=0)  # type: ignore[arg-type]
