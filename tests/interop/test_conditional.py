"""Guidance by measurements of PyTorch networks and under JAX's transformations."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from diffmath import diffusion, random

if not os.environ.get("DIFFMATH_INTEROP"):
    pytest.skip(
        "only with DIFFMATH_INTEROP=1: the frameworks are never loaded by accident", allow_module_level=True
    )

PROCESS = diffusion.vp()
X = np.linspace(-1.5, 1.5, 12).reshape(4, 3) + np.sin(np.arange(12.0)).reshape(4, 3)
TIMES = diffusion.log_snr_times(PROCESS, 5)
MEANS = [[1.0, 0.5, 0.0], [-0.5, 0.0, 1.0]]
TARGET = diffusion.GaussianMixture([0.5, 0.5], MEANS, [0.2, 0.3])
PRIOR = TARGET.denoiser(PROCESS)
BARE = diffusion.from_noise(lambda x, t: PRIOR.noise(x, t), PROCESS)  # without a product of its own
MEASUREMENT = diffusion.LinearMeasurement([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]], [0.3, -0.2], 0.2)
GUIDANCES = {
    "dps": (diffusion.dps, {}),
    "pigdm": (diffusion.pigdm, {}),
    "mmps": (diffusion.mmps, {}),
    "iterated": (diffusion.mmps, {"iterations": 2}),
}


@pytest.mark.parametrize("name", GUIDANCES)
def test_jax_jit_of_a_guided_run_is_what_numpy_computes(name):
    jax = pytest.importorskip("jax")
    make, options = GUIDANCES[name]

    def run(model, x):
        return diffusion.sample(PROCESS, make(model, MEASUREMENT, **options), x, TIMES, method="dpmpp_2m")

    found = jax.jit(lambda x: run(BARE, x))(jax.numpy.asarray(X))
    # The exact product against automatic differentiation; D of a noise divides by alpha, 1/150 at the start.
    np.testing.assert_allclose(found, run(PRIOR, X), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", GUIDANCES)
def test_torch_networks_are_differentiated_with_and_without_a_graph(name):
    torch = pytest.importorskip("torch")
    make, options = GUIDANCES[name]
    weights = torch.tensor(np.eye(3) + 0.1, requires_grad=True)
    model = diffusion.from_denoiser(lambda x, t: torch.tanh(x @ weights.T) / (1.0 + t), PROCESS)
    guided, x = make(model, MEASUREMENT, **options), torch.tensor(X)
    plain = diffusion.sample(PROCESS, guided, x, TIMES, method="ddim")
    assert not plain.requires_grad
    kept = diffusion.sample(PROCESS, guided, x, TIMES, method="ddim", with_gradient=True)
    np.testing.assert_allclose(kept.detach(), plain, rtol=1e-12)
    kept.sum().backward()
    h, ends = 1e-6, []
    with torch.no_grad():
        for sign in (1.0, -1.0):
            weights[0, 1] += sign * h
            ends.append(diffusion.sample(PROCESS, guided, x, TIMES, method="ddim").sum())
            weights[0, 1] -= sign * h
    # Second derivatives of the network enter; differences at 1e-6 have 1e-8 of it.
    np.testing.assert_allclose(weights.grad[0, 1], (ends[0] - ends[1]) / (2 * h), rtol=1e-5)


def test_particles_are_refused_under_a_trace():
    jax = pytest.importorskip("jax")

    def run(x):
        return diffusion.feynman_kac(PROCESS, PRIOR, x, TIMES, lambda x: x[:, 0], key=random.key(0)).x

    with pytest.raises(TypeError, match="call this function outside the transformation"):
        jax.jit(run)(jax.numpy.asarray(X))


def test_torch_code_of_the_page_guides_a_network():
    torch = pytest.importorskip("torch")
    page = Path(__file__).parents[2] / "docs" / "how_to" / "plot_9_inverse_problem.py"
    text = re.sub(r"^# ?", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    block = text.split("code-block:: python")[-1]
    kernel = torch.tensor(np.random.default_rng(0).standard_normal((3, 3, 3, 3)) / 9)
    names = {
        "conv": lambda x: torch.nn.functional.conv2d(x, kernel, padding=1),
        "conv_transpose": lambda u: torch.nn.functional.conv_transpose2d(u, kernel, padding=1),
        "network": lambda x, t: 0.5 * torch.tanh(x) * (1 - t[:, None, None, None]),
        "y": torch.zeros((1, 3, 64, 64), dtype=torch.float64),
        "diffusion": diffusion,
        "process": PROCESS,
    }
    exec(compile(textwrap.dedent(block[: block.index("Which one?")]), str(page), "exec"), names)
    x = torch.tensor(np.random.default_rng(1).standard_normal((2, 3, 64, 64)))
    guided, plain = names["guided"](x, 0.3), names["model"].denoiser(x, 0.3)
    fits = [names["measurement"].residual(found).square().mean(dim=1) for found in (guided, plain)]
    assert bool((fits[0] < 0.5 * fits[1]).all())
