"""Predictor-corrector: the Langevin step by hand, its law, the predictor unchanged, rows apart."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from diffmath import SolveError, diffusion, random
from diffmath.diffusion._special.predictor_corrector import _corrected
from diffmath.diffusion._special.unrolled import step_noise

PROCESS = diffusion.vp()
TARGET = diffusion.Gaussian([0.7, -0.2], [[0.3, 0.1], [0.1, 0.2]])
KEY = random.key(8)
X = np.array([[0.3, -1.0], [1.4, 0.2], [-0.8, 2.0]])
TIMES = [1.0, 0.6, 0.3, 0.1]


def run(x: Any = X, **options: Any) -> Any:
    chosen = {"method": "dpmpp_2m", "key": KEY, **options}
    return diffusion.predictor_corrector(PROCESS, TARGET.score(PROCESS), x, TIMES, **chosen)


@pytest.mark.parametrize("method", ["ddim", "dpmpp_2m", "heun", "sde_dpmpp_2m", "euler_maruyama", "seeds_2"])
def test_without_a_corrector_it_is_the_predictor(method: str) -> None:
    plain = diffusion.sample(PROCESS, TARGET.score(PROCESS), X, TIMES, method=method, key=KEY)
    np.testing.assert_allclose(run(method=method, snr=0.0), plain, rtol=1e-13)


@pytest.mark.parametrize("as_published", [False, True])
def test_the_corrector_comes_first_at_every_time(as_published: bool) -> None:
    """By hand, with ddim and two Langevin steps at each time."""
    x, score = X, TARGET.score(PROCESS)
    for n, (s, t) in enumerate(itertools.pairwise(TIMES)):
        for k in range(2):
            z = step_noise(KEY, "diffusion.corrector", 2 * n + k, x)
            force = score(x, s)
            ratio = np.linalg.norm(z, axis=1) / np.linalg.norm(force, axis=1)
            step = 2 * (0.2 * (ratio[:, None] if as_published else PROCESS.marginal(s)[1])) ** 2
            x = x + step * force + np.sqrt(2 * step) * z
        x = diffusion.sample(PROCESS, score, x, [s, t], method="ddim")
    found = run(method="ddim", snr=0.2, corrector_steps=2, as_published=as_published)
    np.testing.assert_allclose(found, x, rtol=1e-13)


@pytest.mark.parametrize("dim", [1, 2])
def test_the_corrector_keeps_the_law_in_few_dimensions(dim: int) -> None:
    """The variance stays near 1; with the published size it does not."""
    normal = diffusion.Gaussian(np.zeros(dim), np.ones(dim)).score(PROCESS)  # N(0, 1) at every time
    x = random.normal(KEY, (4000, dim), like=np.empty(0))
    times = diffusion.log_snr_times(PROCESS, 60)
    options = {"snr": 0.1, "method": "ddim", "key": random.key(9)}
    found = diffusion.predictor_corrector(PROCESS, normal, x, times, **options)
    # v = 1/(1 - epsilon/2) with epsilon = 0.02, and five standard errors of the variance.
    assert abs(found.var() * 0.99 - 1) < 0.01 + 5 * math.sqrt(2 / (4000 * dim))
    published = diffusion.predictor_corrector(PROCESS, normal, x, times, as_published=True, **options)
    assert published.var() > 1.4


def test_the_published_corrector_leads_to_the_law_of_the_process_in_many_dimensions() -> None:
    """In 256 dimensions the step is nearly 2 snr^2 v; the variance is then v/(1 - snr^2)."""
    target, snr = diffusion.Gaussian(np.zeros(256), 0.5), 0.1
    model = diffusion.from_score(target.score(PROCESS), PROCESS)
    alpha, sigma = PROCESS.marginal(0.2)
    v = 0.5 * alpha**2 + sigma**2
    x = np.zeros((40, 256)) + 1.5
    for n in range(400):
        x = _corrected(model, x, 0.2, snr, step_noise(KEY, "diffusion.corrector", n, x), by_norms=True)
    # 10,240 numbers: five standard errors of the mean and of the variance (6e-7 of false alarms each), and
    # 1 % for the variation of the step.
    assert abs(x.mean()) < 5 * math.sqrt(v / 10_240)
    assert abs(x.var() * (1 - snr**2) / v - 1) < 5 * math.sqrt(2 / 10_240) + 0.01


def test_rows_and_libraries(xp: Any) -> None:
    found = xp.numpy(run(xp.asarray(X)))
    np.testing.assert_allclose(found, run(), rtol=1e-12)
    np.testing.assert_array_equal(xp.numpy(run(xp.asarray(X[:2]))), found[:2])
    assert run(xp.asarray(X, "float32")).dtype == xp.xp.float32


def test_methods_that_carry_evaluations_evaluate_at_the_corrected_state() -> None:
    times, seen = [1.0, 0.6, 0.3, 0.1], []

    def score(x: Any, t: float) -> Any:
        seen.append(t)
        return TARGET.score(PROCESS)(x, t)

    method = diffusion.er_sde(noise_scale="ode")
    diffusion.predictor_corrector(PROCESS, score, X, times, method=method, key=KEY)
    assert seen == [1.0, 1.0, 0.6, 0.6, 0.6, 0.3, 0.3]


def test_a_row_without_a_force_does_not_move_as_published() -> None:
    x = np.zeros((2, 1))
    found = diffusion.predictor_corrector(
        PROCESS, lambda x, t: 0 * x, x, [0.5, 0.3], method="ddim", as_published=True, key=KEY
    )
    np.testing.assert_array_equal(found, x)


def test_what_is_refused() -> None:
    with pytest.raises(TypeError, match="predictor_corrector is stochastic; pass key="):
        run(key=None)
    with pytest.raises(ValueError, match="snr must be finite and not negative; got -1"):
        run(snr=-1.0)
    with pytest.raises(ValueError, match="corrector_steps must be at least 1; got 0"):
        run(corrector_steps=0)
    with pytest.raises(ValueError, match=r"times must decrease, from noise to data; got 0.1 -> 1"):
        diffusion.predictor_corrector(PROCESS, lambda x, t: -x, X, TIMES[::-1], method="ddim", key=KEY)
    with pytest.raises(SolveError, match="predictor_corrector: the state is not finite after step 0 of 3"):
        diffusion.predictor_corrector(PROCESS, lambda x, t: np.nan * x, X, TIMES, method="ddim", key=KEY)
