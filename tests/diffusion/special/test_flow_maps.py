"""Samplers of flow maps: with the exact map the law is exact at any times; noise, rows, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from diffmath import SolveError, diffusion, random
from diffmath.diffusion._special import unrolled

MIXTURE = diffusion.GaussianMixture([0.3, 0.5, 0.2], [[-1.5], [0.4], [2.0]], [0.09, 0.25, 0.04])
GAUSSIAN = diffusion.Gaussian([0.7], [[0.3]])
PROCESSES = [diffusion.vp(), diffusion.flow(), diffusion.edm()]
KEY = random.key(4)


def unit_noise(key: Any, domain: str, n: int, x: np.ndarray) -> np.ndarray:
    """Return noise 1 in the row of step n only: rows 0 and 1 have none."""
    unit = np.zeros_like(x)
    unit[2 + n] = 1.0
    return unit


def samplers(process: diffusion.Process, low: float) -> dict[str, Callable[..., Any]]:
    flow = GAUSSIAN.flow_map(process)
    return {
        "consistency": lambda x, times: diffusion.consistency(
            process, lambda x, t: flow(x, t, low), x, times, key=KEY
        ),
        "lcm": lambda x, times: diffusion.lcm(process, lambda x, t: flow(x, t, 0.0), x, times, key=KEY),
        "tcd": lambda x, times: diffusion.tcd(process, flow, x, times, key=KEY),
        "tcd-1": lambda x, times: diffusion.tcd(process, flow, x, times, key=KEY, gamma=1.0),
    }


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
@pytest.mark.parametrize("name", ["consistency", "lcm", "tcd", "tcd-1"])
@pytest.mark.parametrize("fraction", [0.0, 0.1])
def test_the_law_is_exact(
    process: diffusion.Process, name: str, fraction: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For Gaussian data the run is affine in the state and the noises, one row each: mean and variance."""
    monkeypatch.setattr(unrolled, "step_noise", unit_noise)
    times = [process.t_max * part for part in (1.0, 0.7, 0.35, fraction)]
    x = np.zeros((5, 1))
    x[1] = 1.0
    out = samplers(process, times[-1])[name](x, times)[:, 0]
    gains = out[1:] - out[0]
    (alpha, sigma), (alpha_T, sigma_T) = process.marginal(times[-1]), process.marginal(times[0])
    start = alpha_T * 0.7, alpha_T**2 * 0.3 + sigma_T**2
    mean, variance = out[0] + gains[0] * start[0], gains[0] ** 2 * start[1] + (gains[1:] ** 2).sum()
    # Roundings of states of size sigma_T.
    np.testing.assert_allclose([mean, variance], [alpha * 0.7, alpha**2 * 0.3 + sigma**2], rtol=1e-11)
    assert (gains[1:] != 0).sum() == (3 if name == "lcm" and fraction else 2)


def test_without_noise_they_are_the_flow_itself() -> None:
    process, x = diffusion.flow(), np.array([[-1.3], [0.2], [1.9]])
    flow = MIXTURE.flow_map(process)
    for times in ([1.0, 0.6, 0.1], [1.0, 0.1]):
        found = diffusion.tcd(process, flow, x, times, gamma=0.0)
        np.testing.assert_allclose(found, flow(x, 1.0, 0.1), atol=1e-12)  # the accuracy of the quantiles
        average = diffusion.mean_flow(process, lambda x, s, t: (flow(x, s, t) - x) / (t - s), x, times)
        np.testing.assert_allclose(average, flow(x, 1.0, 0.1), atol=1e-12)
    one = diffusion.consistency(process, lambda x, t: flow(x, t, 0.1), x, [1.0, 0.1])
    np.testing.assert_array_equal(one, flow(x, 1.0, 0.1))


def test_rows_and_libraries(xp: Any) -> None:
    process, x = diffusion.vp(), np.array([[0.3], [-1.0], [2.0]])
    times = [1.0, 0.6, 0.2]
    for name, sampler in samplers(process, 0.2).items():
        found = sampler(xp.asarray(x), times)
        np.testing.assert_allclose(xp.numpy(found), sampler(x, times), rtol=1e-12, err_msg=name)
        np.testing.assert_array_equal(xp.numpy(sampler(xp.asarray(x[:2]), times)), xp.numpy(found)[:2])
        assert sampler(xp.asarray(x, "float32"), times).dtype == xp.xp.float32


def test_what_is_refused() -> None:
    process, x, flow = diffusion.vp(), np.ones((2, 1)), GAUSSIAN.flow_map(diffusion.vp())
    with pytest.raises(TypeError, match="tcd is stochastic; pass key="):
        diffusion.tcd(process, flow, x, [1.0, 0.5, 0.0])
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\]; got 2"):
        diffusion.tcd(process, flow, x, [1.0, 0.5, 0.0], gamma=2.0)
    with pytest.raises(ValueError, match="lcm runs from noise to data: times must decrease"):
        diffusion.lcm(process, lambda x, t: x, x, [0.0, 1.0])
    with pytest.raises(TypeError, match=r"function must be a callable function\(x, s, t\); got int"):
        diffusion.mean_flow(process, 3, x, [1.0, 0.0])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"\(t, x\)"):
        diffusion.consistency(process, lambda t, x: x, x, [1.0, 0.0])
    with pytest.raises(SolveError, match=r"mean_flow: the state is not finite after step 1 of 2") as caught:
        diffusion.mean_flow(process, lambda x, s, t: x if s == 1.0 else np.nan * x, x, [1.0, 0.5, 0.0])
    assert caught.value.solution.t.tolist() == [0.5]
