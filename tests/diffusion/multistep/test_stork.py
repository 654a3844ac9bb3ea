"""STORK-2 is Adams-Bashforth in the time of the flow, whatever its number of stages."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath import diffusion
from diffmath.diffusion._multistep.stork import slope_weight

FLOW = diffusion.flow()
MODEL = diffusion.GaussianMixture([0.4, 0.6], [[-1.0], [1.5]], [0.4, 0.2]).denoiser(FLOW)


def by_stages(x: np.ndarray, u0: np.ndarray, slope: np.ndarray, h: float, s: int) -> np.ndarray:
    """The stages of RKG2 with velocities u0 + c_j h slope, at the times of the recursion itself."""
    b = [
        1.0,
        1 / 3,
        *(4 * (j - 1) * (j + 4) / (3 * j * (j + 1) * (j + 2) * (j + 3)) for j in range(2, s + 1)),
    ]
    first = 6 / ((s + 4) * (s - 1))
    states, times = [x, x + h * first * u0], [0.0, first]
    for j in range(2, s + 1):
        mu, nu = (2 * j + 1) * b[j] / (j * b[j - 1]), -(j + 1) * b[j] / (j * b[j - 2])
        gain = mu * first
        lost = -gain * (1 - 0.5 * j * (j + 1) * b[j - 1])
        velocity = u0 + times[j - 1] * h * slope
        kept = (1 - mu - nu) * x
        states.append(mu * states[j - 1] + nu * states[j - 2] + kept + h * (gain * velocity + lost * u0))
        times.append(mu * times[j - 1] + nu * times[j - 2] + gain + lost)
    assert abs(times[-1] - 1) < 1e-12
    return states[-1]


@pytest.mark.parametrize("stages", [2, 3, 10, 50])
def test_its_stages_are_two_steps_of_adams_bashforth(stages: int) -> None:
    assert abs(slope_weight(stages) - 0.5) < 1e-13
    times, x = [0.9, 0.7, 0.55, 0.3], np.array([[0.3], [-1.4]])
    wanted = diffusion.trajectory(FLOW, MODEL, x, times, method=diffusion.stork(stages=stages))
    velocity = [MODEL.flow(wanted.x[n], times[n]) for n in range(3)]
    for n in (1, 2):
        slope = (velocity[n] - velocity[n - 1]) / (times[n] - times[n - 1])
        found = by_stages(wanted.x[n], velocity[n], slope, times[n + 1] - times[n], stages)
        np.testing.assert_allclose(found, wanted.x[n + 1], rtol=1e-12)
    same = diffusion.adams(form="flow", nodes="flow", predictor=2, corrector=0)
    np.testing.assert_array_equal(diffusion.sample(FLOW, MODEL, x, times, method=same), wanted.x[-1])


def test_published_stage_times_lose_the_order() -> None:
    assert abs(slope_weight(10, legendre_times=True) - 0.4645) < 1e-4
    assert abs(slope_weight(50, legendre_times=True) - 0.490) < 5e-4
    times, x = [0.9, 0.7, 0.5], np.array([[0.3], [-1.4]])
    run = diffusion.trajectory(FLOW, MODEL, x, times, method=diffusion.stork(stages=10, as_published=True))
    u = [MODEL.flow(run.x[n], times[n]) for n in range(2)]
    kappa = slope_weight(10, legendre_times=True)
    np.testing.assert_allclose(run.x[2], run.x[1] - 0.2 * (u[1] + kappa * (u[1] - u[0])), rtol=1e-13)


def test_names_and_refusals() -> None:
    assert diffusion.stork(stages=10).name == "stork(stages=10)"
    with pytest.raises(ValueError, match="stages must be at least 2; got 1"):
        diffusion.stork(stages=1)
    with pytest.raises(TypeError, match="stages must be an int; got float"):
        diffusion.stork(stages=2.0)  # type: ignore[arg-type]
