"""Heun++2 against its published rule, and DPM-Solver-fast: orders, evaluations, endings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from diffmath import diffusion

VE = diffusion.edm(t_min=0.1, t_max=10.0)
MIXTURE = diffusion.GaussianMixture([0.3, 0.5, 0.2], [[-1.5], [0.4], [2.0]], [0.09, 0.25, 0.04])
MODEL = MIXTURE.score(VE)
X = np.array([[-8.0], [-1.0], [2.0], [9.0]])
END = MIXTURE.flow_map(VE)(X, 10.0, 0.1)


def errors(method: diffusion.Method, grids: list[int]) -> list[float]:
    found = []
    for steps in grids:
        times = diffusion.log_snr_times(VE, steps)
        run = diffusion.trajectory(VE, MODEL, X, times, method=method)
        assert run.stats["evaluations"] == method.nfe(steps)
        found.append(np.abs(run.x[-1] - END).max())
    return found


def test_heunpp2_is_the_published_rule() -> None:
    """With slopes d at sigma = 4, 2, 1 and the last level 0.5: three, two and one of them."""
    times, x = [4.0, 2.0, 1.0, 0.5], X

    def slope(x: np.ndarray, sigma: float) -> np.ndarray:
        return -sigma * MODEL(x, sigma)

    expected = x
    for i, (s, t) in enumerate(itertools.pairwise(times)):
        d, h = slope(expected, s), t - s
        if i == 2:
            expected = expected + h * d
            continue
        second = expected + h * d
        d2 = slope(second, t)
        if i == 1:
            weight = t / (2 * times[0])
            expected = expected + h * ((1 - weight) * d + weight * d2)
            continue
        u = times[i + 2]
        d3 = slope(second + (u - t) * d2, u)
        first, other = t / (3 * times[0]), u / (3 * times[0])
        expected = expected + h * ((1 - first - other) * d + first * d2 + other * d3)
    found = diffusion.sample(VE, MODEL, x, times, method="heunpp2")
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    # On another process with the same levels, the same in x / alpha.
    vp = diffusion.vp()
    at = [vp.time_of_log_snr(-np.log(sigma)) for sigma in times]
    moved = diffusion.sample(vp, MIXTURE.score(vp), vp.alpha(at[0]) * x, at, method="heunpp2")
    np.testing.assert_allclose(moved / vp.alpha(at[-1]), expected, rtol=1e-9)  # the times are roots


def test_heunpp2_has_order_one() -> None:
    found = errors(diffusion.heunpp2, [96, 192, 384])
    assert abs(np.log2(found[-2] / found[-1]) - 1) < 0.15, found


def test_heunpp2_ends_at_the_data_without_an_evaluation_there() -> None:
    point = diffusion.from_denoiser(lambda x, t: 0 * x + 0.7, VE)
    np.testing.assert_allclose(diffusion.sample(VE, point, X, [8.0, 3.0, 1.0, 0.0], method="heunpp2"), 0.7)


@pytest.mark.parametrize(
    ("as_published", "rest", "order"),
    [(False, 0, 3), (False, 1, 3), (False, 2, 3), (True, 0, 2), (True, 1, 2), (True, 2, 3)],
)
def test_dpm_fast_uses_its_evaluations_with_the_order_it_declares(
    as_published: bool, rest: int, order: int
) -> None:
    found = []
    for whole in (48, 96, 192):
        method = diffusion.dpm_fast(evaluations=3 * whole + rest, as_published=as_published)
        assert (method.order, method.weak_order) == (order, order)
        steps = len(method.step.orders(0))  # type: ignore[attr-defined]
        assert method.nfe(steps) == 3 * whole + rest
        found += errors(method, [steps])
    assert abs(np.log2(found[-2] / found[-1]) - order) < 0.15, found


def test_the_orders_of_the_steps() -> None:
    def orders(n: int, as_published: bool) -> list[int]:
        return diffusion.dpm_fast(evaluations=n, as_published=as_published).step.orders(0)  # type: ignore[attr-defined]

    published = {6: [3, 2, 1], 7: [3, 3, 1], 8: [3, 3, 2], 2: [2], 3: [2, 1], 4: [3, 1]}
    corrected = {6: [3, 3], 7: [3, 2, 2], 8: [3, 3, 2], 2: [2], 3: [3], 4: [2, 2]}
    assert {n: orders(n, True) for n in published} == published
    assert {n: orders(n, False) for n in corrected} == corrected
    plain = diffusion.dpm_fast(as_published=True)
    assert [plain.nfe(n) for n in (1, 2, 3, 5)] == [1, 3, 6, 12]
    assert diffusion.dpm_fast.nfe(5) == 15


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="evaluations must be at least 2; got 1"):
        diffusion.dpm_fast(evaluations=1)
    with pytest.raises(ValueError, match=r"dpm_fast\(evaluations=20\) takes 7 steps; got 3: use 8 times"):
        diffusion.sample(VE, MODEL, X, [4.0, 2.0, 1.0, 0.5], method=diffusion.dpm_fast(evaluations=20))
