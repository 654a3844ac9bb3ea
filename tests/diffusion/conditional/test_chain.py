"""The chain of a sampler as particle methods use it."""

from __future__ import annotations

import numpy as np
import pytest

from diffmath import SolveError, diffusion, random
from diffmath.diffusion._conditional.chain import Chain
from diffmath.diffusion._methods import factors

PROCESS = diffusion.vp()
TIMES = [0.9, 0.5, 0.1, 0.0]
X = np.array([[0.5, -1.0], [2.0, 0.1]])


@pytest.mark.parametrize("method", ["ddpm", "ddim(eta=0.5)", "euler_ancestral", "ddpm(variance='large')"])
def test_a_step_has_the_coefficients_of_the_method(method: str) -> None:
    chain = Chain(PROCESS, X, TIMES, method)
    for n in range(3):
        step = chain.method.step(PROCESS, TIMES, n)
        np.testing.assert_allclose(chain.moved(n, X, X**2), step.decay * X + step.weights[0] * X**2)
        assert chain.noise_scale(n) == factors(step.noise)[0]
    assert chain.noise_scale(2) == 0.0
    assert len(chain) == 3


def test_normals_are_by_row() -> None:
    chain, first = Chain(PROCESS, X, TIMES, "ddpm"), Chain(PROCESS, X[:1], TIMES, "ddpm")
    z = chain.normals(1, random.key(0))
    np.testing.assert_array_equal(first.normals(1, random.key(0)), z[:1])
    assert not np.array_equal(chain.normals(2, random.key(0)), z)


@pytest.mark.parametrize("method", ["ddim", "sde_dpmpp_2m", "heun", "seeds_2", "euler_maruyama"])
def test_other_methods_are_refused(method: str) -> None:
    plain = method == "euler_maruyama"
    if plain:  # linear in the denoised data, one evaluation a step
        Chain(PROCESS, X, TIMES[:3], method)
        return
    with pytest.raises(ValueError, match=f"one evaluation a step, such as ddpm.*got {method}"):
        Chain(PROCESS, X, TIMES, method)


def test_values_that_are_not_finite_end_the_run() -> None:
    chain = Chain(PROCESS, X, TIMES, "ddpm")
    bad = X.copy()
    bad[1, 0] = np.nan
    with pytest.raises(SolveError, match=r"not finite at t=0\.5 \(step 1 of 3\) in row 1") as caught:
        chain.check(1, X, bad, "the state")
    np.testing.assert_array_equal(caught.value.solution.x[-1], X)
