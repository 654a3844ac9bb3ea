"""The step rule: formulas of single steps, histories, infinite steps, what a run keeps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diffmath import diffusion
from diffmath.diffusion._multistep.rule import AdamsRule

VP, FLOW = diffusion.vp(), diffusion.flow()


def test_a_step_is_the_formula_of_the_reverse_sde() -> None:
    s, t = 0.5, 0.4
    (_, sigma_s), (alpha, sigma) = VP.marginal(s), VP.marginal(t)
    h = VP.log_snr(t) - VP.log_snr(s)
    step = AdamsRule("data", "log_snr", 2, tau=1.0)(VP, [s, t], 0)
    assert math.isclose(step.decay, sigma / sigma_s * math.exp(-h), rel_tol=1e-14)
    assert math.isclose(step.weights[0], alpha * (1 - math.exp(-2 * h)), rel_tol=1e-13)
    assert math.isclose(step.noise, sigma * math.sqrt(1 - math.exp(-2 * h)), rel_tol=1e-13)  # type: ignore[arg-type]
    # The linear step keeps x = alpha x0 + sigma eps a sample of the marginal: variances add up.
    assert math.isclose((step.decay * sigma_s) ** 2 + step.noise**2, sigma**2, rel_tol=1e-14)  # type: ignore[operator]


def test_history_grows_to_the_order_and_is_dropped_at_sigma_zero() -> None:
    rule, times = AdamsRule("data", "log_snr", 3), [1.0, 0.7, 0.4, 0.1, 0.0]
    assert [len(rule(VP, times, n).weights) for n in range(4)] == [1, 2, 3, 1]
    last = AdamsRule("data", "log_snr", 3, tau=1.0)(VP, times, 3)
    assert (last.decay, last.weights, last.noise) == (0.0, (1.0,), 0.0)
    kept = AdamsRule("data", "theta", 3)(VP, times, 3)
    assert len(kept.weights) == 3
    assert math.isclose(sum(kept.weights), 1.0)


def test_an_infinite_first_step_leaves_no_trace_in_the_history() -> None:
    rule, noisy = AdamsRule("data", "log_snr", 2), AdamsRule("data", "log_snr", 2, tau=1.0)
    times = [1.0, 0.6, 0.3]
    first = rule(FLOW, times, 0)
    assert (first.decay, first.weights) == (0.6, (0.4,))
    assert len(rule(FLOW, times, 1).weights) == 1
    second = noisy(FLOW, times, 1)
    assert math.isclose((second.decay * 0.6) ** 2 + second.noise**2, 0.09, rel_tol=1e-14)  # type: ignore[operator]
    # The corrector of an infinite step repeats the prediction, whose evaluation the next step takes over.
    corrected = AdamsRule("data", "log_snr", 2, 3)(FLOW, times, 0)
    assert corrected.carries
    assert corrected.stages[0].weights == (0.0, *corrected.weights)


def test_predictor_and_corrector_share_decay_and_noise_and_the_last_step_has_no_corrector() -> None:
    rule, times = AdamsRule("data", "log_snr", 2, 3, tau=0.7, last=1), [0.9, 0.7, 0.5, 0.3]
    for n in range(2):
        step = rule(VP, times, n)
        (stage,) = step.stages
        assert (stage.t, stage.decay, stage.noise) == (times[n + 1], step.decay, step.noise)
        assert len(stage.weights) == min(n + 2, 3)
    last = rule(VP, times, 2)
    assert not last.stages
    assert len(last.weights) == 1


def test_values_fall_to_one_where_they_taper() -> None:
    rule, times = AdamsRule("data", "log_snr", 3, 4, tapers=True), list(np.linspace(0.9, 0.1, 7))
    steps = [rule(VP, times, n) for n in range(6)]
    assert [len(step.weights) for step in steps] == [1, 2, 3, 3, 2, 1]
    assert [len(step.stages[0].weights) for step in steps[:-1]] == [2, 3, 4, 4, 3]


def test_starters_come_first_and_the_last_step_is_none() -> None:
    rule, times = AdamsRule("flow", "theta", 3, 4, starter="runge_kutta"), list(np.linspace(1.0, 0.0, 6))
    steps = [rule(FLOW, times, n) for n in range(5)]
    assert [len(step.stages) for step in steps] == [2, 2, 1, 1, 0]
    assert [step.carries for step in steps] == [False, False, True, True, False]
    assert not rule(FLOW, [1.0, 0.0], 0).stages


METHODS = [
    diffusion.auto,
    diffusion.dpmpp_3m,
    diffusion.dpmpp_3m(as_published=True),
    diffusion.res_3m,
    *(diffusion.unipc(order=3, variant=v, as_published=p) for v in ("bh1", "vary") for p in (False, True)),
    diffusion.sa_solver(tau=0.0),
    diffusion.stork(as_published=True),
    *(diffusion.adams(form="data", nodes=n) for n in ("sigma", "theta", "log_norm", "time")),
    *(
        diffusion.adams(form="velocity", nodes=n, predictor=4, corrector=5)
        for n in ("log_snr", "sigma", "theta")
    ),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_any_number_of_steps_goes_from_alpha_zero_to_sigma_zero(method: diffusion.Method) -> None:
    model = diffusion.GaussianMixture([1.0], [[0.5]], [0.3]).denoiser(FLOW)
    x = np.array([[0.3], [-1.1]])
    exact = 0.5 + np.sqrt(0.3) * x
    for n in (1, 2, 3, 4, 5, 7, 60):
        run = diffusion.trajectory(FLOW, model, x, np.linspace(1.0, 0.0, n + 1), method=method)
        assert run.stats["evaluations"] == method.nfe(n)
    np.testing.assert_allclose(run.x[-1], exact, atol=0.02)  # order 1 at least: 1/60 times the slopes


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_any_number_of_steps_goes_the_other_way(method: diffusion.Method) -> None:
    model = diffusion.GaussianMixture([1.0], [[0.5]], [0.3]).score(FLOW)
    x = np.array([[0.3], [-1.1]])
    start = 0.0 if method.form != "data" else 0.1
    exact = (x - (1 - start) * 0.5) / np.sqrt((1 - start) ** 2 * 0.3 + start**2)
    for n in (1, 2, 3, 5, 60):
        found = diffusion.sample(FLOW, model, x, np.linspace(start, 1.0, n + 1), method=method)
    np.testing.assert_allclose(found, exact, atol=0.05)
