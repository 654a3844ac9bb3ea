"""Restart: the exact law for an exact ODE, contraction of earlier errors, the order of the parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion, random
from diffmath.diffusion._special import restart as module

MEAN, VARIANCE = 0.7, 0.3
TARGET = diffusion.Gaussian([MEAN], [[VARIANCE]])
KEY = random.key(6)


def exact_step(process: diffusion.Process, times: Sequence[float], n: int) -> diffusion.Step:
    """Return the step that is the exact flow of the Gaussian: it is affine in x, as the denoiser is."""
    (alpha, sigma), (alpha_t, sigma_t) = process.marginal(times[n]), process.marginal(times[n + 1])
    v, v_t = alpha**2 * VARIANCE + sigma**2, alpha_t**2 * VARIANCE + sigma_t**2
    gain, slope = (v_t / v) ** 0.5, alpha * VARIANCE / v
    weight = (alpha_t - gain * alpha) / (1 - slope * alpha)
    return diffusion.Step(gain - weight * slope, (weight,))


EXACT = diffusion.Method("exact", 9, 9, "none", exact_step)


def unit_noise(key: Any, domain: str, n: int, x: np.ndarray) -> np.ndarray:
    unit = np.zeros_like(x)
    unit[2 + n] = 1.0
    return unit


@pytest.mark.parametrize("process", [diffusion.edm(), diffusion.vp(), diffusion.flow()], ids=lambda p: p.name)
def test_the_law_is_exact_for_an_exact_ode(
    process: diffusion.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the law at the first time; and an error in the mean there is contracted by every repetition."""
    monkeypatch.setattr(module, "step_noise", unit_noise)
    times = [process.t_max * part for part in (1.0, 0.6, 0.4, 0.2, 0.1, 0.01)]
    x = np.zeros((9, 1))
    x[1] = 1.0
    intervals = [(times[3], times[1], 2), (times[4], times[2], 3)]
    found = diffusion.restart(
        process, TARGET.score(process) if process.alpha(process.t_max) else diffusion.from_denoiser(
            TARGET.denoiser(process), process
        ), x, times, method=EXACT, intervals=intervals, key=KEY,
    )[:, 0]  # fmt: skip
    gains = found[1:] - found[0]
    (alpha, sigma), (alpha_T, sigma_T) = process.marginal(times[-1]), process.marginal(times[0])
    mean = found[0] + gains[0] * alpha_T * MEAN
    variance = gains[0] ** 2 * (alpha_T**2 * VARIANCE + sigma_T**2) + (gains[1:] ** 2).sum()
    np.testing.assert_allclose([mean, variance], [alpha * MEAN, alpha**2 * VARIANCE + sigma**2], rtol=1e-11)
    assert (gains[1:6] != 0).all()  # five repetitions, each with its own noise
    assert (gains[6:] == 0).all()
    plain = diffusion.restart(
        diffusion.edm(),
        TARGET.score(diffusion.edm()),
        x[:2],
        [80.0, 1.0],
        method=EXACT,
        intervals=[],
        key=KEY,
    )
    assert plain.shape == (2, 1)


def test_the_run_takes_the_parts_in_order() -> None:
    process, seen = diffusion.edm(), []

    def score(x: Any, t: float) -> Any:
        seen.append(t)
        return TARGET.score(process)(x, t)

    times = [80.0, 10.0, 2.0, 1.0, 0.1]
    found = diffusion.restart(
        process, score, np.ones((2, 1)), times, method="ddim", intervals=[(1.0, 10.0, 2)], key=KEY
    )
    assert seen == [80.0, 10.0, 2.0, 10.0, 2.0, 10.0, 2.0, 1.0]
    alone = diffusion.restart(
        process, score, np.ones((1, 1)), times, method="ddim", intervals=[(1.0, 10.0, 2)], key=KEY
    )
    np.testing.assert_array_equal(found[:1], alone)
    seen.clear()
    diffusion.restart(
        process, score, np.ones((1, 1)), times, method="ddim", intervals=[(0.1, 2.0, 1)], key=KEY
    )
    assert seen == [80.0, 10.0, 2.0, 1.0, 2.0, 1.0]


def test_every_library(xp: Any) -> None:
    process, times, x = diffusion.vp(), [1.0, 0.5, 0.2, 0.05], np.array([[0.3], [-1.2]])
    runs = [
        diffusion.restart(
            process,
            TARGET.score(process),
            state,
            times,
            method="dpmpp_2m",
            intervals=[(0.2, 0.5, 1)],
            key=KEY,
        )
        for state in (xp.asarray(x, "float32"), xp.asarray(x))
    ]
    assert runs[0].dtype == xp.xp.float32
    np.testing.assert_allclose(xp.numpy(runs[0]), xp.numpy(runs[1]), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"key": None}, TypeError, "restart is stochastic; pass key="),
        ({"method": "sde_dpmpp_2m"}, ValueError, "method must be deterministic, such as diffusion.heun"),
        ({"intervals": [(0.2, 0.4, 1)]}, ValueError, r"must be in times; got 0.4, and times have 0.5"),
        ({"intervals": [(0.5, 0.2, 1)]}, ValueError, "low must be below high"),
        ({"intervals": [(0.2, 0.5, 0)]}, ValueError, "repeats must be at least 1; got 0"),
        ({"intervals": [(0.2, 0.5, 1), (0.5, 1.0, 1)]}, ValueError, "in the order of the run"),
        ({"intervals": [0.2]}, TypeError, r"intervals must be \(low, high, repeats\); got 0.2"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], kind: type[Exception], message: str) -> None:
    options: dict[str, Any] = {"method": "ddim", "intervals": [(0.2, 0.5, 1)], "key": KEY, **changes}
    process = diffusion.vp()
    with pytest.raises(kind, match=message):
        diffusion.restart(process, TARGET.score(process), np.ones((1, 1)), [1.0, 0.5, 0.2, 0.1], **options)
