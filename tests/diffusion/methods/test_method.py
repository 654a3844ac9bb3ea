"""Methods in the forms noise, velocity, flow; steps that begin with noise; runs whose first steps differ."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, random

PROCESS = diffusion.vp()
TARGET = diffusion.GaussianMixture(weights=[0.4, 0.6], means=[[-1.0], [1.0]], covariances=[0.2, 0.1])
X = np.array([[0.7], [-1.1], [2.0]])
FORMS = ("data", "noise", "velocity", "flow")


def first_order(form: str) -> diffusion.Method:
    """Return the step that is exact for a constant D and E, which is DDIM, written in a form."""

    def step(process: diffusion.Process, times: Any, n: int) -> diffusion.Step:
        (a0, b0), (a1, b1) = process.marginal(times[n]), process.marginal(times[n + 1])
        rows = {"data": (1.0, 0.0), "noise": (0.0, 1.0), "velocity": (-b0, a0), "flow": (-1.0, 1.0)}
        row = np.array(rows[form])
        # a1 D + b1 E = decay (a0 D + b0 E) + weight (row . (D, E))
        decay, weight = np.linalg.solve(np.transpose([[a0, b0], row]), [a1, b1])
        return diffusion.Step(float(decay), (float(weight),))

    return diffusion.Method(f"ddim in {form}", 1, 1, "none", step, form=form)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["score", "denoiser"])
def test_ddim_is_ddim_in_every_form(form: str, kind: str) -> None:
    times = np.linspace(0.9, 0.1, 9)
    model = getattr(TARGET, kind)(PROCESS)
    wanted = diffusion.sample(PROCESS, model, X, times, method=diffusion.ddim)
    seen: list[Any] = []

    def keep(n: int, t: float, x: Any, denoised: Any) -> None:
        seen.append((denoised, TARGET.denoiser(PROCESS)(x, t)))

    found = diffusion.sample(PROCESS, model, X, times, method=first_order(form), callback=keep)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)  # eight steps, each with a conversion
    for denoised, exact in seen:
        np.testing.assert_allclose(denoised, exact, rtol=1e-12, atol=1e-14)  # of size 1


@pytest.mark.parametrize("form", ["velocity", "flow"])
def test_a_velocity_starts_at_pure_noise_and_ends_at_the_data(form: str) -> None:
    process, times = diffusion.flow(), np.linspace(1.0, 0.0, 401)
    model = TARGET.denoiser(process)
    found = diffusion.sample(process, model, X, times, method=first_order(form))
    cdf = TARGET.projected_cdf([1.0])
    normal = diffusion.GaussianMixture([1.0], [[0.0]], [1.0]).projected_cdf([1.0])
    # Order 1: the quantiles agree to 1/400 times a constant of order 1.
    np.testing.assert_allclose(cdf(found[:, 0]), normal(X[:, 0]), atol=5e-3)


def test_forms_that_cannot_start_say_so() -> None:
    with pytest.raises(
        ValueError, match=r"made of the noise, so times must start where alpha > 0; alpha is 0"
    ):
        diffusion.sample(diffusion.flow(), lambda x, t: x, X, [1.0, 0.5], method=first_order("noise"))
    with pytest.raises(ValueError, match="times must start where sigma > 0"):
        diffusion.sample(PROCESS, lambda x, t: x, X, [0.0, 0.5], method=first_order("data"))
    with pytest.raises(ValueError, match="form must be one of data, noise, velocity, flow; got 'score'"):
        diffusion.Method("x", 1, 1, "none", lambda *a: None, form="score")  # type: ignore[arg-type, return-value]


def churned(process: diffusion.Process, times: Any, n: int) -> diffusion.Step:
    """Return a step in sigma that adds noise up to 1.2 sigma, evaluates there, and takes an Euler step."""
    s, t = times[n], times[n + 1]
    high = 1.2 * s
    noise = math.sqrt(high**2 - s**2)
    stage = diffusion.Stage(high, t / high, (1 - t / high,), noise * t / high)
    return diffusion.Step(1.0, (), noise, stages=(stage,), evaluates=False)


CHURN = diffusion.Method(
    "churn",
    1,
    1,
    "Karras et al. (2022)",
    churned,
    lambda process, times: [float(v) for v in range(len(times))],
)


def test_a_step_may_begin_with_noise() -> None:
    process, key, calls = diffusion.edm(), random.key(1), []
    target = diffusion.GaussianMixture(weights=[1.0], means=[[0.5]], covariances=[0.3])
    denoiser = target.denoiser(process)

    def model(x: Any, t: float) -> Any:
        calls.append(t)
        return denoiser(x, t)

    times = [4.0, 2.0, 1.0]
    x = np.full((40_000, 1), 1.0)
    found = diffusion.trajectory(
        process, diffusion.from_denoiser(model, process), x, times, method=CHURN, key=key
    )
    assert calls == pytest.approx([4.8, 2.4])
    assert found.stats["evaluations"] == 2
    mean, variance = 1.0, 0.0
    for s, t in pairwise(times):
        gain = t / (1.2 * s) + (1 - t / (1.2 * s)) * 0.3 / (0.3 + 1.44 * s**2)
        mean = gain * mean + (1 - t / (1.2 * s)) * 0.5 * (1 - 0.3 / (0.3 + 1.44 * s**2))
        variance = gain**2 * (variance + 0.44 * s**2)
    # 6 standard errors each: false-positive rate below 4e-9.
    assert abs(found.x[-1].mean() - mean) < 6 * math.sqrt(variance / len(x))
    assert abs(found.x[-1].var() - variance) < 6 * variance * math.sqrt(2 / len(x))


def test_what_a_step_that_begins_with_noise_says_of_itself() -> None:
    step = churned(diffusion.edm(), [4.0, 2.0], 0)
    assert (step.evaluations, step.history, step.noises) == (1, 0, 1)
    assert repr(step).endswith("evaluates=False)")


def test_the_number_of_evaluations_may_depend_on_the_number_of_steps() -> None:
    method = diffusion.Method("x", 1, 1, "none", churned, evaluations=lambda steps: steps + 2)
    assert [method.nfe(steps) for steps in (0, 5)] == [2, 7]
