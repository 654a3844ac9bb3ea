"""Rescaled guidance and CFG-Zero*: their formulas, their identities and their edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

PROCESS = diffusion.flow()
RNG = np.random.default_rng(5)
C, U = RNG.standard_normal((2, 4, 2, 3))
X = np.zeros_like(C)
TIMES = diffusion.uniform_times(PROCESS, 20, t_end=0.0)


def constant(value: Any, form: str) -> diffusion.Model:
    model: diffusion.Model = getattr(diffusion, f"from_{form}")(lambda x, t: 0.0 * x + value, PROCESS)
    return model


@pytest.mark.parametrize("form", ["denoiser", "noise", "velocity", "flow", "score"])
@pytest.mark.parametrize("phi", [0.0, 0.7, 1.0])
def test_rescaling_is_the_published_formula(form: str, phi: float) -> None:
    found = diffusion.cfg_rescale(constant(C, form), constant(U, form), 5.0, phi=phi, form=form)(X, 0.5)
    guided = U + 5.0 * (C - U)
    ratio = np.std(C, axis=(1, 2), keepdims=True) / np.std(guided, axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found, phi * ratio * guided + (1 - phi) * guided, rtol=1e-13)
    if phi == 0:
        np.testing.assert_array_equal(found, diffusion.cfg(constant(C, form), constant(U, form), 5.0)(X, 0.5))
    if phi == 1:
        np.testing.assert_allclose(np.std(found, axis=(1, 2)), np.std(C, axis=(1, 2)), rtol=1e-13)


def test_rescaling_at_the_edges() -> None:
    c, u = constant(C, "denoiser"), constant(U, "denoiser")
    np.testing.assert_allclose(diffusion.cfg_rescale(c, u, 1.0)(X, 0.5), C, rtol=1e-14)
    # A guided row whose entries are all equal stays.
    flat = np.ones_like(C)
    found = diffusion.cfg_rescale(constant(flat, "denoiser"), constant(0 * C, "denoiser"), 3.0)(X, 0.5)
    np.testing.assert_allclose(found, 3.0 * flat)
    with pytest.raises(ValueError, match="cfg_rescale needs at least two entries per row"):
        diffusion.cfg_rescale(constant(1.0, "noise"), constant(0.0, "noise"), 3.0)(np.zeros((3, 1)), 0.5)
    with pytest.raises(ValueError, match=r"phi must be in \[0, 1\]; got 1.5"):
        diffusion.cfg_rescale(c, u, 3.0, phi=1.5)


def test_zero_star_is_the_published_formula() -> None:
    found = diffusion.cfg_zero_star(constant(C, "flow"), constant(U, "flow"), 4.0)
    assert found.kind.name == "flow"
    rows = []
    for a, b in zip(C.reshape(4, -1), U.reshape(4, -1), strict=True):
        s = (a @ b) / (b @ b)
        rows.append(s * b + 4.0 * (a - s * b))
    np.testing.assert_allclose(found(X, 0.5), np.reshape(rows, C.shape), rtol=1e-13)


def test_zero_star_has_the_scale_that_minimises_the_guidance() -> None:
    """u_c - s u_u is orthogonal to u_u; if they are parallel, all scales give the conditional flow."""
    c, u = constant(C, "flow"), constant(U, "flow")
    push = diffusion.cfg_zero_star(c, u, 2.0)(X, 0.5) - diffusion.cfg_zero_star(c, u, 1.0)(X, 0.5)
    np.testing.assert_allclose(np.sum(push * U, axis=(1, 2)), 0.0, atol=1e-13)
    np.testing.assert_allclose(diffusion.cfg_zero_star(c, u, 1.0)(X, 0.5), C, rtol=1e-13)
    parallel = diffusion.cfg_zero_star(c, constant(-0.3 * C, "flow"), 7.0)
    np.testing.assert_allclose(parallel(X, 0.5), C, rtol=1e-13)
    still = diffusion.cfg_zero_star(c, constant(0.0 * C, "flow"), 7.0)  # a row of zeros has s = 0
    np.testing.assert_allclose(still(X, 0.5), 7.0 * C)


def test_the_first_steps_are_zero_and_cost_nothing() -> None:
    seen: list[float] = []

    def flow(x: Any, t: float) -> Any:
        seen.append(t)
        return x - 1.0

    model = diffusion.from_flow(flow, PROCESS)
    guided = diffusion.cfg_zero_star(model, constant(1.0, "flow"), 2.0, times=TIMES, zero_steps=2)
    x = RNG.standard_normal((3, 2))
    path = diffusion.trajectory(PROCESS, guided, x, TIMES, method="ddim").x
    np.testing.assert_allclose(path[1], x, rtol=1e-15)
    np.testing.assert_allclose(path[2], x, rtol=1e-15)
    assert not np.allclose(path[3], x, rtol=1e-3)
    assert seen == list(TIMES[2:-1])


def test_the_effect_of_zeroed_steps_is_of_order_1_in_their_share() -> None:
    both = diffusion.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.2, 0.3]).denoiser(PROCESS)
    right = diffusion.GaussianMixture([1.0], [[1.0]], [0.3]).denoiser(PROCESS)

    def run(steps: int, zero_steps: int) -> np.ndarray:
        times = diffusion.uniform_times(PROCESS, steps, t_end=0.0)
        guided = diffusion.cfg_zero_star(right, both, 3.0, times=times, zero_steps=zero_steps)
        return np.asarray(
            diffusion.sample(PROCESS, guided, np.array([[-1.0], [0.3]]), times, method="dpmpp_2m")
        )

    best = run(400, 0)
    once = [np.abs(run(n, 1) - best).max() for n in (25, 50, 100)]
    share = [np.abs(run(n, n // 25) - best).max() for n in (25, 50, 100)]
    orders = np.log2(np.array(once[:-1]) / once[1:])
    assert np.all(np.abs(orders - 1) < 0.15), orders
    assert min(share) > 0.7 * max(share)


def test_zeroed_steps_are_checked() -> None:
    c, u = constant(C, "flow"), constant(U, "flow")
    with pytest.raises(TypeError, match="zero_steps needs the times of the sampler: times=times"):
        diffusion.cfg_zero_star(c, u, 2.0, zero_steps=1)
    with pytest.raises(TypeError, match="zero_steps must be an integer; got float"):
        diffusion.cfg_zero_star(c, u, 2.0, times=TIMES, zero_steps=0.04)  # type: ignore[arg-type]
    for wrong in (-1, 21):
        with pytest.raises(ValueError, match=rf"zero_steps must be between 0 and .*, 20; got {wrong}"):
            diffusion.cfg_zero_star(c, u, 2.0, times=TIMES, zero_steps=wrong)
    with pytest.raises(ValueError, match=r"times must decrease from noise to data; got 0 -> 1"):
        diffusion.cfg_zero_star(c, u, 2.0, times=TIMES[::-1], zero_steps=1)
