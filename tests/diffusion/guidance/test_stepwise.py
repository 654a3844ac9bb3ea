"""CFG++: the published update, by the scale that is equivalent to it in each step."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

X_T = np.array([[-1.0, 0.3], [0.5, 2.0], [1.5, -0.7]])


def pair(process: diffusion.Process) -> tuple[diffusion.Model, diffusion.Model]:
    both = diffusion.GaussianMixture([0.4, 0.6], [[-1.0, 0.5], [1.0, 0.0]], [0.1, 0.3])
    right = diffusion.GaussianMixture([1.0], [[1.0, 0.0]], [0.3])
    return right.denoiser(process), both.denoiser(process)


def published(process: diffusion.Process, mu: float, times: Any) -> list[np.ndarray]:
    """x_t = alpha_t D_guided + sigma_t noise_u."""
    c, u = pair(process)
    states = [X_T]
    for s, t in pairwise(times):
        x, (alpha, sigma) = states[-1], process.marginal(float(t))
        denoised = u.denoiser(x, s) + mu * (c.denoiser(x, s) - u.denoiser(x, s))
        states.append(alpha * denoised + sigma * u.noise(x, s))
    return states


GRIDS = {
    "vp": (diffusion.vp(), diffusion.log_snr_times(diffusion.vp(), 12)),
    "vp to data": (diffusion.vp(), np.append(diffusion.log_snr_times(diffusion.vp(), 12), 0.0)),
    "flow, both ends": (diffusion.flow(), np.linspace(1.0, 0.0, 13)),
    "encoding": (diffusion.flow(), np.linspace(0.1, 1.0, 13)),
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("mu", [0.0, 0.6, 1.0])
def test_with_ddim_it_is_the_published_update(name: str, mu: float) -> None:
    process, times = GRIDS[name]
    model = diffusion.cfg_pp(*pair(process), mu, times)
    found = diffusion.trajectory(process, model, X_T, times, method="ddim").x
    # Rounding of each of 12 steps, relative to states of size 3 (of noise_u at small sigma: eps/sigma).
    np.testing.assert_allclose(found, published(process, mu, times), rtol=0, atol=2e-14 * 3)


def test_one_step_is_equal_to_rounding() -> None:
    process = diffusion.vp()
    for s, t in ((1.0, 0.6), (0.6, 0.2), (0.2, 0.05)):
        model = diffusion.cfg_pp(*pair(process), 0.6, [s, t])
        found = diffusion.sample(process, model, X_T, [s, t], method="ddim")
        np.testing.assert_allclose(found, published(process, 0.6, [s, t])[-1], rtol=1e-14, atol=1e-14)


def test_more_steps_push_more() -> None:
    """The sample does not settle: with a steady difference of 1 in VE, it is moved by mu in every step."""
    process = diffusion.edm()
    c, u = (diffusion.from_noise(lambda x, t, v=v: 0.0 * x - v / t, process) for v in (1.0, 0.0))
    for steps in (10, 20, 40):
        times = diffusion.log_snr_times(process, steps, t_start=10.0, t_end=0.1)
        x = diffusion.sample(
            process, diffusion.cfg_pp(c, u, 0.5, times), np.zeros((1, 1)), times, method="ddim"
        )
        np.testing.assert_allclose(x, [[0.5 * steps]], rtol=1e-11)


def test_the_scale_is_that_of_the_step() -> None:
    process, times = diffusion.vp(), [0.9, 0.5, 0.1, 0.0]
    c, u = (diffusion.from_noise(lambda x, t, v=v: 0.0 * x + v, process) for v in (1.0, 0.0))
    model, one = diffusion.cfg_pp(c, u, 0.6, times), np.zeros((1, 1))
    for s, t in ((0.9, 0.5), (0.5, 0.1)):
        h = process.log_snr(t) - process.log_snr(s)
        np.testing.assert_allclose(model(one, s), 0.6 / -math.expm1(-h), rtol=1e-14)
    np.testing.assert_allclose(model(one, 0.1), 0.6)  # to data: h is infinite
    single = model(np.zeros((2, 1), np.float32), np.array([0.9, 0.5], np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single[:, 0], [model(one, 0.9)[0, 0], model(one, 0.5)[0, 0]], rtol=1e-6)


def test_other_times_are_refused() -> None:
    process, times = diffusion.vp(), [0.9, 0.5, 0.1]
    model = diffusion.cfg_pp(*pair(process), 0.6, times)
    for t in (0.7, 0.1, 0.95):
        with pytest.raises(ValueError, match=rf"one scale for each step of its times; t={t} starts none"):
            model(X_T, t)
    with pytest.raises(ValueError, match=r"t=some row starts none of them"):
        model(X_T, np.array([0.9, 0.5, 0.3]))
    with pytest.raises(ValueError, match="give cfg_pp the times of the sampler"):
        diffusion.sample(process, model, X_T, [0.9, 0.6, 0.1], method="ddim")
    with pytest.raises(ValueError, match="strictly monotone"):
        diffusion.cfg_pp(*pair(process), 0.6, [0.9, 0.9])
    with pytest.raises(ValueError, match="mu must be finite; got nan"):
        diffusion.cfg_pp(*pair(process), math.nan, times)
