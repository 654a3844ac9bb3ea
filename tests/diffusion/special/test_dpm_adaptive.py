"""DPM-Solver-12 and -23: the orders of both results of a pair, and the adaptive run on the exact flow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion
from diffmath.diffusion._special.dpm_adaptive import _Pair
from diffmath.ode import solve

PROCESS = diffusion.vp()
MIXTURE = diffusion.GaussianMixture([0.3, 0.5, 0.2], [[-1.5], [0.4], [2.0]], [0.09, 0.25, 0.04])
X = np.array([[-2.0], [-0.3], [0.1], [1.7]])


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("form", ["noise", "data"])
def test_the_orders_of_the_pair(order: int, form: str) -> None:
    """One step from exact states: the local errors of both results fall with one order more."""
    pair, model = _Pair(order, form == "noise"), diffusion.from_score(MIXTURE.score(PROCESS), PROCESS)

    def slope(lam: float, y: Any) -> Any:
        t = PROCESS.time_of_log_snr(lam)
        alpha, sigma = PROCESS.marginal(t)
        return -alpha * sigma * model.velocity(y, t)

    start, exact, errors = 0.5, MIXTURE.flow_map(PROCESS), []
    for h in (0.2, 0.1, 0.05, 0.025):
        trial = pair.attempt(slope, pair.init(slope, start, X), start, X, h)
        end = exact(X, PROCESS.time_of_log_snr(start), PROCESS.time_of_log_snr(start + h))
        errors.append([abs(trial.x - end).max(), abs(trial.x - trial.error - end).max()])
    found = np.log2(np.array(errors[:-1]) / errors[1:])[-1]
    np.testing.assert_allclose(found, [order + 1, order], atol=0.15)


@pytest.mark.parametrize("order", [2, 3])
def test_a_step_of_the_pair_is_that_of_dpm_solver(order: int) -> None:
    """The higher result is `dpm_solver` (noise) and `dpmpp_3s` or `dpmpp_2s` (data), to rounding."""
    model = diffusion.from_score(MIXTURE.score(PROCESS), PROCESS)
    times = [PROCESS.time_of_log_snr(lam) for lam in (-1.0, -0.4)]
    singles = {
        True: diffusion.dpm_solver(order=order),
        False: diffusion.dpmpp_3s if order == 3 else diffusion.dpmpp_2s,
    }
    for of_noise, single in singles.items():

        def slope(lam: float, y: Any) -> Any:
            t = PROCESS.time_of_log_snr(lam)
            alpha, sigma = PROCESS.marginal(t)
            return -alpha * sigma * model.velocity(y, t)

        found = _Pair(order, of_noise).step(slope, -1.0, X, 0.6)
        np.testing.assert_allclose(
            found, diffusion.sample(PROCESS, model, X, times, method=single), rtol=1e-12
        )


@pytest.mark.parametrize("options", [{}, {"form": "data"}, {"order": 2}], ids=str)
def test_it_is_the_exact_flow_there_and_back(options: dict[str, Any]) -> None:
    exact, model = MIXTURE.flow_map(PROCESS), MIXTURE.score(PROCESS)
    times = [1.0, 0.3, 0.01]
    found = diffusion.dpm_adaptive(PROCESS, model, X, times, rtol=1e-4, atol=1e-4, **options)
    for t, x in zip(times, found.x, strict=True):
        # Tolerance 1e-4 of a step, over 40 to 100 steps.
        np.testing.assert_allclose(x, exact(X, 1.0, t), atol=1e-3)
    back = diffusion.dpm_adaptive(PROCESS, model, found.x[-1], times[::-1], rtol=1e-4, atol=1e-4, **options)
    np.testing.assert_allclose(back.x[-1], X, atol=5e-3)


def test_rows_do_not_change_each_other() -> None:
    model = MIXTURE.score(PROCESS)
    alone = diffusion.dpm_adaptive(PROCESS, model, X[1:2], [1.0, 0.3]).x
    np.testing.assert_array_equal(diffusion.dpm_adaptive(PROCESS, model, X, [1.0, 0.3]).x[:, 1:2], alone)


def test_a_pair_of_ode_needs_fewer_evaluations() -> None:
    """As the docstring advises: at equal tolerances, with a smaller error."""
    model, exact = MIXTURE.score(PROCESS), MIXTURE.flow_map(PROCESS)(X, 1.0, 0.001)
    work, errors = [], []
    for sampler in (diffusion.probability_flow, diffusion.dpm_adaptive):
        found = sampler(PROCESS, model, X, [1.0, 0.001], rtol=1e-4, atol=1e-4)
        work.append(found.stats["calls"])
        errors.append(abs(found.x[-1] - exact).max())
    assert work[0] < 0.6 * work[1], work
    assert errors[0] < 2 * errors[1], errors


def test_ended_rows_and_steps_of_length_zero_are_finite() -> None:
    pair = _Pair(3, True)
    y = pair.step(lambda t, x: -x, np.zeros((1, 1)), X[:1], np.zeros((1, 1)))
    np.testing.assert_allclose(y, X[:1], rtol=1e-14)
    assert solve(lambda t, x: -x, X, [0.0, 1.0], method=pair).success


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match=r"order must be 2 \(DPM-Solver-12\) or 3 \(DPM-Solver-23\); got 1"):
        diffusion.dpm_adaptive(PROCESS, lambda x, t: -x, X, [1.0, 0.1], order=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="form must be 'noise' or 'data'; got 'flow'"):
        diffusion.dpm_adaptive(PROCESS, lambda x, t: -x, X, [1.0, 0.1], form="flow")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"a finite log-SNR.*it is inf at t=0"):
        diffusion.dpm_adaptive(PROCESS, lambda x, t: -x, X, [1.0, 0.0])
