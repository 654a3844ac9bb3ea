"""Steps of a sampler with a second evaluation, a corrector, several noises."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from diffmath import SolveError, diffusion, random
from diffmath.diffusion._multistep.weights import exponential_weights

PROCESS, KEY = diffusion.vp(), random.key(3)
MEAN, VARIANCE = 0.7, 0.3
TARGET = diffusion.GaussianMixture(weights=[1.0], means=[[MEAN]], covariances=[VARIANCE])
X = np.array([[0.7], [-1.1], [2.0]])


def log_snr(process: diffusion.Process, t: float) -> float:
    alpha, sigma = process.marginal(t)
    return math.log(alpha / sigma)


def heun_step(process: diffusion.Process, times: Any, n: int) -> diffusion.Step:
    """Return the step of Heun's method for dy/ds = (y - D)/s in y = x/alpha, s = sigma/alpha."""
    (a0, b0), (a1, b1) = process.marginal(times[n]), process.marginal(times[n + 1])
    s0, s1 = b0 / a0, b1 / a1
    first = -(s1 - s0) / (2 * s0) + (s1 - s0) / 2 * (1 - s1 / s0) / s1
    last = -(s1 - s0) / (2 * s1)
    euler = a1 * (1 - s1 / s0)
    stage = diffusion.Stage(times[n + 1], b1 / b0, (a1 * last, a1 * first))
    return diffusion.Step(b1 / b0, (euler,), stages=(stage,))


def corrector_step(process: diffusion.Process, times: Any, n: int) -> diffusion.Step:
    """Return DDIM, corrected by the exponential trapezoidal rule; the next step takes over its evaluation."""
    (_, b0), (a1, b1) = process.marginal(times[n]), process.marginal(times[n + 1])
    h = log_snr(process, times[n + 1]) - log_snr(process, times[n])
    now, ahead = exponential_weights(h, [1.0])
    stage = diffusion.Stage(times[n + 1], b1 / b0, (a1 * ahead, a1 * now))
    return diffusion.Step(b1 / b0, (-a1 * math.expm1(-h),), stages=(stage,), carries=True)


HEUN = diffusion.Method("heun", 2, 2, "Karras et al. (2022)", heun_step)
CORRECTOR = diffusion.Method("corrector", 2, 2, "Zhao et al. (2023)", corrector_step)


def standard(x: Any, t: float) -> Any:
    """The flow of a Gaussian keeps the standardised state."""
    a, b = PROCESS.marginal(t)
    return (x - a * MEAN) / math.sqrt(a * a * VARIANCE + b * b)


@pytest.mark.parametrize("method", [HEUN, CORRECTOR], ids=lambda m: m.name)
def test_a_second_evaluation_gives_order_two(method: diffusion.Method) -> None:
    def error(steps: int) -> float:
        times = np.linspace(0.8, 0.2, steps + 1)
        found = diffusion.sample(PROCESS, TARGET.score(PROCESS), X, times, method=method)
        return float(np.abs(standard(found, 0.2) - standard(X, 0.8)).max())

    errors = np.array([error(2**k) for k in range(5, 10)])
    orders = np.log2(errors[:-1] / errors[1:])
    assert np.all(np.abs(orders - 2) < 0.15), (errors, orders)


@pytest.mark.parametrize(("method", "calls"), [(HEUN, 14), (CORRECTOR, 8)], ids=["heun", "corrector"])
def test_evaluations_are_counted_and_where_they_are_said_to_be(method: diffusion.Method, calls: int) -> None:
    seen: list[float] = []

    def score(x: Any, t: float) -> Any:
        seen.append(t)
        return -x

    times = [float(t) for t in np.linspace(0.8, 0.2, 8)]
    found = diffusion.trajectory(PROCESS, score, X, times, method=method)
    assert (found.stats["evaluations"], found.stats["steps"]) == (calls, 7)
    again = times[:-1] if method is HEUN else times[:1]
    assert seen == sorted([*again, *times[1:]], reverse=True)


def test_a_carried_evaluation_is_that_of_the_predicted_state() -> None:
    """Two steps by hand, and by the loop."""
    model = TARGET.score(PROCESS)
    denoiser = diffusion.from_score(model, PROCESS).denoiser
    times = [0.8, 0.6, 0.5]
    x, known = X, denoiser(X, 0.8)
    for n in range(2):
        step = corrector_step(PROCESS, times, n)
        predicted = step.decay * x + step.weights[0] * known
        ahead, stage = denoiser(predicted, times[n + 1]), step.stages[0]
        x, known = stage.decay * x + stage.weights[0] * ahead + stage.weights[1] * known, ahead
    np.testing.assert_array_equal(diffusion.sample(PROCESS, model, X, times, method=CORRECTOR), x)


def test_two_noises_refine_one() -> None:
    """Halves of each interval of the clock, scaled to one variance: the same path, the same sample."""
    one = diffusion.sde_dpmpp_2m
    assert one.clock is not None

    def halves(process: Any, times: Any) -> list[float]:
        clock = np.array(one.clock(process, times))
        return [float(c) for c in np.interp(np.arange(2 * len(clock) - 1) / 2, np.arange(len(clock)), clock)]

    def step(process: Any, times: Any, n: int) -> diffusion.Step:
        found = one.step(process, times, n)
        return replace(found, noise=(found.noise * math.sqrt(0.5), found.noise * math.sqrt(0.5)))

    two = diffusion.Method("two", 1, 2, "none", step, halves)
    times = diffusion.log_snr_times(PROCESS, 9)
    run = lambda m: diffusion.sample(PROCESS, TARGET.score(PROCESS), X, times, method=m, key=KEY)  # noqa: E731
    np.testing.assert_allclose(run(two), run(one), rtol=1e-12, atol=1e-13)


def test_a_stage_may_have_the_noise_alone() -> None:
    """The noise of each update is its own: a predictor without noise, the same noise in the last update."""
    one = diffusion.ddim(eta=1.0)

    def step(process: Any, times: Any, n: int) -> diffusion.Step:
        found = one.step(process, times, n)
        stage = diffusion.Stage(times[n], found.decay, (0.0, *found.weights), found.noise)
        return diffusion.Step(found.decay, found.weights, stages=(stage,))

    staged = diffusion.Method("staged", 1, 1, "none", step, one.clock)
    times = diffusion.log_snr_times(PROCESS, 6)
    run = lambda m: diffusion.sample(PROCESS, TARGET.score(PROCESS), X, times, method=m, key=KEY)  # noqa: E731
    np.testing.assert_array_equal(run(staged), run(one))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda s: replace(s, stages=(diffusion.Stage(0.5, 1.0, (0.0, 0.0, 1.0)),)), "step 0 uses 2 eval"),
        (lambda s: replace(s, stages=(diffusion.Stage(0.5, math.nan, (1.0,)),)), "step 0 must be finite"),
        (lambda s: replace(s, stages=(diffusion.Stage(2.0, 1.0, (1.0,)),)), "sigma > 0; got t=2.0"),
        (lambda s: replace(s, stages=(diffusion.Stage(0.0, 1.0, (1.0,)),)), "sigma > 0; got t=0.0"),
        (lambda s: replace(s, noise=(0.0, 1.0)), "step 0 has noise, so the method needs a clock"),
        (lambda s: replace(s, carries=True), "must have stages; got none"),
    ],
)
def test_steps_that_make_no_sense_are_refused(step: Any, message: str) -> None:
    method = diffusion.Method("bad", 1, 1, "none", lambda p, t, n: step(diffusion.Step(1.0, (0.0,))))
    with pytest.raises(ValueError, match=message):
        diffusion.sample(PROCESS, TARGET.score(PROCESS), X, [0.8, 0.6], method=method)


@pytest.mark.parametrize("method", [HEUN, CORRECTOR], ids=lambda m: m.name)
def test_backends_agree(method: diffusion.Method, xp: Any) -> None:
    times = np.linspace(0.8, 0.2, 9)
    run = lambda x: diffusion.sample(PROCESS, TARGET.score(PROCESS), x, times, method=method)  # noqa: E731
    np.testing.assert_allclose(xp.numpy(run(xp.asarray(X))), run(X), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: diffusion.Step(1.0, None), "weights must be a tuple of numbers; got NoneType"),
        (lambda: diffusion.Step("1", (0.0,)), "decay must be a number; got str"),
        (lambda: diffusion.Step(1.0, (0.0,), np.array([0.1, 0.2])), "noise must be a number; got ndarray"),
        (
            lambda: diffusion.Step(1.0, (0.0,), stages=(1,)),
            r"must be a tuple of diffusion.Stage; got \(1,\)",
        ),
        (lambda: diffusion.Stage(None, 1.0, (0.0,)), "t of a stage must be a number; got NoneType"),
        (lambda: diffusion.Stage(0.5, 1.0, ("a",)), "weights must be a number; got str"),
    ],
)
def test_coefficients_of_the_wrong_kind_are_refused(build: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        build()


def test_lists_and_numpy_numbers_become_plain_tuples() -> None:
    step = diffusion.Step(np.float64(0.5), [1, 2], [0.1], [diffusion.Stage(1, 1, [np.float32(0.5)])])
    stage = diffusion.Stage(1.0, 1.0, (0.5,))
    assert step == diffusion.Step(0.5, (1.0, 2.0), (0.1,), (stage,))
    assert (
        repr(step) == f"Step(decay=0.5, weights=(1.0, 2.0), noise=(0.1,), stages=({stage},), carries=False)"
    )


def test_the_cost_is_what_a_run_counts() -> None:
    two = diffusion.Method("heun", 2, 2, "Karras et al. (2022)", heun_step, evaluations=2)
    found = diffusion.trajectory(PROCESS, TARGET.score(PROCESS), X, np.linspace(0.8, 0.2, 8), method=two)
    assert found.stats["evaluations"] == two.nfe(7) == 14
    with pytest.raises(ValueError, match="evaluations must be"):
        diffusion.Method("none", 1, 1, "none", heun_step, evaluations=0)


@pytest.mark.parametrize(("bad", "where"), [(0, "t=0.8 .step 0"), (1, "t=0.5 .step 0"), (2, "t=0.5 .step 1")])
def test_the_evaluation_that_is_not_finite_is_named(bad: int, where: str) -> None:
    """Step 0 evaluates at 0.8 and 0.5, step 1 at 0.5 and 0.2; the first value that is nan is named."""
    calls: list[float] = []

    def score(x: Any, t: float) -> Any:
        calls.append(t)
        return x * np.nan if len(calls) == bad + 1 else -x

    with pytest.raises(SolveError, match=f"the model returned a value that is not finite at {where} of 2"):
        diffusion.sample(PROCESS, score, X, [0.8, 0.5, 0.2], method=HEUN)


def test_a_clock_of_another_length_is_refused_with_its_pieces() -> None:
    method = diffusion.Method(
        "two",
        1,
        1,
        "none",
        lambda p, t, n: diffusion.Step(0.5, (0.1,), (0.1, 0.2)),
        lambda p, t: [0.0, 1.0, 2.0],
    )
    with pytest.raises(ValueError, match=r"must have 5 values, 2 for each step and a first one .*; got 3"):
        diffusion.sample(PROCESS, TARGET.score(PROCESS), X, [0.8, 0.6, 0.4], method=method, key=KEY)
