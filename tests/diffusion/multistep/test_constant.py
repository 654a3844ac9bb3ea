"""iPNDM, PNDM and gradient estimation against the updates of the literature."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

VP = diffusion.vp()
TARGET = diffusion.GaussianMixture([0.4, 0.6], [[-1.0], [1.5]], [0.4, 0.2])
BETAS = ([1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24])


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_ipndm_has_the_weights_of_equal_steps(literature: Any, order: int) -> None:
    def update(x: Any, E: Any, lambdas: Any, t: float) -> Any:
        betas = BETAS[min(len(E), order) - 1]
        return x + (t - math.exp(-lambdas[0])) * sum(beta * value for beta, value in zip(betas, E))

    found = literature.ours(diffusion.ipndm(order=order))
    np.testing.assert_allclose(found, literature.run(update, "noise"), rtol=1e-12)


def test_ipndm_is_dpm_solver_2m_on_equal_steps_in_log_snr() -> None:
    times = diffusion.log_snr_times(VP, 9)
    x = np.array([[0.4], [-1.2]])
    run = lambda method: diffusion.sample(VP, TARGET.denoiser(VP), x, times, method=method)  # noqa: E731
    np.testing.assert_allclose(run(diffusion.ipndm(order=2)), run(diffusion.dpm_solver_2m), rtol=1e-12)
    np.testing.assert_allclose(
        run(diffusion.gradient_estimation(gamma=1.5)), run(diffusion.ipndm(order=2)), rtol=1e-13
    )
    np.testing.assert_allclose(run(diffusion.gradient_estimation(gamma=1)), run(diffusion.ddim), rtol=1e-12)


def test_gradient_estimation_extrapolates_the_noise(literature: Any) -> None:
    def update(x: Any, E: Any, lambdas: Any, t: float) -> Any:
        bar = E[0] if len(E) == 1 else 2 * E[0] - E[1]
        return x + (t - math.exp(-lambdas[0])) * bar

    found = literature.ours(diffusion.gradient_estimation)
    np.testing.assert_allclose(found, literature.run(update, "noise"), rtol=1e-12)


def pndm_of_the_paper(times: Any, x: Any) -> Any:
    """Algorithm 2 of Liu et al. (2022), with exact noises."""
    noise = TARGET.score(VP)

    def E(x: Any, t: float) -> Any:
        return -VP.marginal(t)[1] * noise(x, t)

    def phi(x: Any, e: Any, s: float, t: float) -> Any:
        (a, b), (c, d) = VP.marginal(s), VP.marginal(t)
        return c / a * x + (d - c * b / a) * e

    known: list[Any] = []
    for n, (s, t) in enumerate(pairwise(times)):
        e1 = E(x, s)
        known.insert(0, e1)
        if n < 3:
            middle = 0.5 * (s + t)
            e2 = E(phi(x, e1, s, middle), middle)
            e3 = E(phi(x, e2, s, middle), middle)
            e4 = E(phi(x, e3, s, t), t)
            e = (e1 + 2 * e2 + 2 * e3 + e4) / 6
        else:
            e = sum(beta * value for beta, value in zip(BETAS[3], known))
        x = phi(x, e, s, t)
    return x


def test_pndm_is_the_algorithm_of_its_paper() -> None:
    times, x = [float(t) for t in np.linspace(0.95, 0.05, 9)], np.array([[0.4], [-1.2]])
    run = diffusion.trajectory(VP, TARGET.score(VP), x, times, method=diffusion.pndm)
    np.testing.assert_allclose(run.x[-1], pndm_of_the_paper(times, x), rtol=1e-12)
    assert run.stats["evaluations"] == diffusion.pndm.nfe(8) == 17
    for n in (1, 2, 3, 4):
        short = diffusion.trajectory(VP, TARGET.score(VP), x, times[: n + 1], method=diffusion.pndm)
        assert short.stats["evaluations"] == diffusion.pndm.nfe(n)


def test_pndm_does_not_depend_on_the_kind_of_model() -> None:
    times, x, base = np.linspace(0.95, 0.05, 9), np.array([[0.4], [-1.2]]), TARGET.denoiser(VP)
    by_velocity = diffusion.from_velocity(base.velocity, VP)
    found = [diffusion.sample(VP, model, x, times, method=diffusion.pndm) for model in (base, by_velocity)]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)


def test_refusals_and_names() -> None:
    assert diffusion.gradient_estimation(gamma=1.5).name == "gradient_estimation(gamma=1.5)"
    assert [diffusion.ipndm(order=k).order for k in (1, 2, 3, 4)] == [1, 2, 2, 2]
    with pytest.raises(ValueError, match="order must be at most 4; got 5"):
        diffusion.ipndm(order=5)
    with pytest.raises(TypeError, match="gamma must be a number; got str"):
        diffusion.gradient_estimation(gamma="2")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="gamma must be finite; got inf"):
        diffusion.gradient_estimation(gamma=math.inf)
