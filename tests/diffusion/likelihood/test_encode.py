"""Transport by the probability-flow ODE: the exact flow of Gaussians, there and back, up to pure noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import SolveError, diffusion

TARGET = diffusion.Gaussian([0.3, -1.0], [[1.0, 0.4], [0.4, 0.5]])
X = np.array([[-2.0, 0.3], [2.1, 1.0], [0.0, 0.5]])
PROCESSES = [diffusion.vp(), diffusion.edm(), diffusion.flow()]


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.name)
def test_the_latent_is_the_exact_one_and_comes_back(process: diffusion.Process) -> None:
    model = diffusion.from_denoiser(TARGET.denoiser(process), process)
    latent = diffusion.encode(process, model, X, rtol=1e-9, atol=1e-11)
    exact = TARGET.flow_map(process)(X, process.t_min, process.t_max)
    # The tolerance, amplified by about 100 along the path.
    np.testing.assert_allclose(latent, exact, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(diffusion.decode(process, model, latent, rtol=1e-9, atol=1e-11), X, atol=1e-5)


def test_a_looser_tolerance_has_a_larger_error() -> None:
    process = diffusion.vp()
    exact = TARGET.flow_map(process)(X, process.t_min, process.t_max)
    errors = [
        np.abs(diffusion.encode(process, TARGET.score(process), X, rtol=r, atol=r) - exact).max()
        for r in (1e-3, 1e-6, 1e-9)
    ]
    assert errors[0] > 10 * errors[1] > 100 * errors[2]


def test_on_every_library(xp: Any) -> None:
    process = diffusion.vp()
    wanted = diffusion.encode(process, TARGET.score(process), X)
    for dtype, rtol in (("float64", 1e-9), ("float32", 1e-3)):
        x = xp.asarray(X, dtype)
        found = diffusion.encode(process, TARGET.score(process), x, rtol=1e-6 if dtype == "float64" else 1e-4)
        assert found.dtype == x.dtype
        np.testing.assert_allclose(xp.numpy(found), wanted, rtol=rtol, atol=rtol)


def test_images_and_other_times() -> None:
    process, x = diffusion.vp(), np.linspace(-1, 1, 8).reshape(2, 1, 2, 2)
    found = diffusion.encode(process, lambda x, t: -x, x, t_start=0.3)  # N(0, I): the flow stands still
    np.testing.assert_allclose(found, x, atol=1e-6)
    assert diffusion.decode(process, lambda x, t: -x, x, t_end=0.3).shape == x.shape


def test_a_model_that_fails_is_named_with_its_time() -> None:
    def score(x: Any, t: float) -> Any:
        return x * (np.nan if t > 0.3 else -1.0)

    with pytest.raises(SolveError, match=r"nan or inf just after t=0\.3"):
        diffusion.encode(diffusion.vp(), score, X)
    with pytest.raises(ValueError, match=r"t_start must lie in \(0, t_max=1\), where sigma > 0; got 0.0"):
        diffusion.encode(diffusion.vp(), score, X, t_start=0.0)
