"""`auto` is close to the best setting of the kernel for its number of steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion
from diffmath.diffusion._multistep.auto import _FINEST, _SETTINGS

VP, EDM, FLOW = diffusion.vp(), diffusion.edm(), diffusion.flow()
INSIDE = (
    diffusion.GaussianMixture([0.3, 0.5, 0.2], [[-1.5], [0.4], [2.0]], [0.09, 0.25, 0.0625]),
    diffusion.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.0025, 0.0025]),
)
OUTSIDE = (
    diffusion.GaussianMixture([0.1, 0.2, 0.3, 0.4], [[-3.0], [-1.0], [0.5], [2.0]], [0.04, 0.01, 0.3, 0.02]),
    diffusion.GaussianMixture([0.5, 0.5], [[-0.3], [0.3]], [0.01, 1.0]),
    diffusion.GaussianMixture([0.8, 0.2], [[0.0], [4.0]], [1.0, 0.25]),
    diffusion.GaussianMixture([0.25] * 4, [[-1.5], [-0.5], [0.5], [1.5]], [0.01] * 4),
)
GRIDS: tuple[tuple[diffusion.Process, Any], ...] = (
    (VP, lambda n: diffusion.log_snr_times(VP, n)),
    (VP, lambda n: diffusion.uniform_times(VP, n)),
    (EDM, lambda n: diffusion.karras_times(EDM, n)),
    (FLOW, lambda n: np.linspace(0.999, 0.002, n + 1)),
)


def quantiles(target: diffusion.GaussianMixture, process: diffusion.Process, t: float) -> Any:
    """Return 128 quantiles of the marginal by bisection; the upper half is that of the mirrored mixture."""
    alpha, sigma = process.marginal(t)
    means = alpha * target.means
    variances = alpha**2 * target.covariances + sigma**2
    low = (np.arange(64) + 0.5) / 128
    halves = []
    for sign in (1, -1):
        cdf = diffusion.GaussianMixture(target.weights, sign * means, variances).projected_cdf([1.0])
        a = np.full(64, (sign * means[:, 0] - 9 * np.sqrt(variances)).min())
        b = np.full(64, (sign * means[:, 0] + 9 * np.sqrt(variances)).max())
        for _ in range(60):
            middle = 0.5 * (a + b)
            above = cdf(middle) > low
            a, b = np.where(above, a, middle), np.where(above, middle, b)
        halves.append(sign * 0.5 * (a + b))
    return np.concatenate([halves[0], halves[1][::-1]])[:, None]


class Panel:
    """The mean error of a method over mixtures and grids."""

    def __init__(self, targets: Any) -> None:
        self.cells = []
        for target in targets:
            for process, grid in GRIDS:
                times = grid(1)
                ends = [quantiles(target, process, float(t)) for t in times]
                self.cells.append((process, grid, target.denoiser(process), *ends))

    def __call__(self, method: diffusion.Method, evaluations: int) -> float:
        steps = max(n for n in range(1, evaluations + 1) if method.nfe(n) <= evaluations)
        logs = []
        for process, grid, model, start, end in self.cells:
            times = grid(steps)
            x = diffusion.sample(process, model, start, times, method=method)
            alpha = process.marginal(float(times[-1]))[0]
            logs.append(0.5 * math.log(np.mean(((x - end) / alpha) ** 2)))
        return math.exp(sum(logs) / len(logs))


def best(panel: Panel, evaluations: int) -> float:
    """Return the least mean error of the settings in flow and velocity form that are near the best."""
    settings = (
        (2, 0, 2),
        (2, 3, 1),
        (2, 3, 2),
        (3, 4, 2),
        (3, 4, 3),
        (4, 5, 3),
        (4, 5, 4),
        (5, 5, 4),
        (5, 5, 5),
    )
    near = settings[:5] if evaluations <= 16 else settings[5:] if evaluations >= 64 else settings
    return min(
        panel(
            diffusion.adams(form=form, nodes=nodes, predictor=p, corrector=c, last=last, starter="ramp"),  # type: ignore[arg-type]
            evaluations,
        )
        for form in ("flow", "velocity")
        for nodes in ("flow", "theta")
        for p, c, last in near
    )


@pytest.mark.slow
@pytest.mark.parametrize("evaluations", [8, 16, 32, 64, 128])
def test_auto_is_within_five_per_cent_of_the_best_setting(evaluations: int) -> None:
    panel = Panel(INSIDE)
    assert panel(diffusion.auto, evaluations) <= 1.05 * best(panel, evaluations)


@pytest.mark.slow
@pytest.mark.parametrize("evaluations", [8, 16, 32, 64, 128])
def test_auto_is_within_half_as_much_on_other_mixtures(evaluations: int) -> None:
    panel = Panel(OUTSIDE)
    assert panel(diffusion.auto, evaluations) <= 1.5 * best(panel, evaluations)


def test_auto_is_better_than_other_settings_and_methods() -> None:
    panel = Panel(INSIDE)
    for evaluations in (8, 32):
        error = panel(diffusion.auto, evaluations)
        for other in (
            diffusion.dpmpp_2m,
            diffusion.adams(predictor=1, corrector=2),
            diffusion.adams(predictor=2),
        ):
            assert error < panel(other, evaluations)
    # Written down when the settings were chosen: errors that a change should not raise.
    assert panel(diffusion.auto, 8) < 0.0380
    assert panel(diffusion.auto, 32) < 0.00138


def test_auto_runs_the_setting_it_chooses() -> None:
    target, x = INSIDE[0], np.array([[0.3], [-1.2]])
    limits = [most for most, _ in _SETTINGS]
    assert limits == sorted(limits)
    for n in (*limits, limits[-1] + 1):
        chosen = diffusion.auto.for_steps(n)
        assert chosen == next((m for most, m in _SETTINGS if n <= most), _FINEST)
        assert diffusion.auto.nfe(n) == chosen.nfe(n)
    times = np.linspace(1.0, 0.0, 9)
    found = diffusion.sample(FLOW, target.denoiser(FLOW), x, times, method="auto")
    wanted = diffusion.sample(FLOW, target.denoiser(FLOW), x, times, method=diffusion.auto.for_steps(8))
    np.testing.assert_array_equal(found, wanted)
    assert diffusion.auto.step(FLOW, [1.0, 0.5], 0) == diffusion.auto.for_steps(1).step(FLOW, [1.0, 0.5], 0)
    assert diffusion.ddim.for_steps(3) is diffusion.ddim
