"""The product of vectors and the Jacobian of each exact target, against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diffmath import diffusion

RNG = np.random.default_rng(0)
FULL = [[[0.5, 0.2], [0.2, 0.3]], [[0.2, 0.0], [0.0, 0.1]]]
MIXTURE = diffusion.GaussianMixture([0.3, 0.7], [[-1.0, 0.0], [1.0, 0.5]], FULL)
BOX = diffusion.Uniform([-1.0, -2.0], [1.0, 1.0])
TURN = [[0.8, -0.6], [0.6, 0.8]]
TARGETS: dict[str, Any] = {
    "gaussian": diffusion.Gaussian([1.0, -0.5], FULL[0]),
    "mixture": MIXTURE,
    "points": diffusion.EmpiricalData(RNG.standard_normal((5, 2)), 0.2),
    "bare points": diffusion.EmpiricalData(RNG.standard_normal((5, 2)), 0.0),
    "uniform": BOX,
    "ring": diffusion.Ring(1.3, 3),
    "product": diffusion.Product([BOX, MIXTURE]),
    "rotated": diffusion.Rotated(MIXTURE, TURN, [1.0, 2.0]),
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("kind", ["denoiser", "score"])
def test_the_product_with_the_jacobian_is_the_derivative_along_a_vector(name: str, kind: str) -> None:
    target = TARGETS[name]
    x, v = RNG.standard_normal((2, 4, target.dim))
    for process in (diffusion.vp(), diffusion.edm()):
        model, h = getattr(target, kind)(process), 1e-5
        change = (model(x + h * v, 0.4) - model(x - h * v, 0.4)) / (2 * h)
        # Truncation h^2 times a third derivative, up to 1e3 for points at this noise.
        np.testing.assert_allclose(model.function.vjp(x, 0.4, v), change, rtol=1e-6, atol=1e-7)
