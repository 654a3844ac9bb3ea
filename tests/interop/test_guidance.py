"""Guidance of PyTorch networks and under JAX's transformations: the numbers of NumPy, and gradients."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from diffmath import diffusion

if not os.environ.get("DIFFMATH_INTEROP"):
    pytest.skip(
        "only with DIFFMATH_INTEROP=1: the frameworks are never loaded by accident", allow_module_level=True
    )

PROCESS = diffusion.vp()
X = np.linspace(-1.5, 1.5, 12).reshape(4, 3) + np.sin(np.arange(12.0)).reshape(4, 3)
TIMES = diffusion.log_snr_times(PROCESS, 8)


MEANS = [[1.0, 0.5, 0.0], [-0.5, 0.0, 1.0], [0.0, -1.0, -0.5]]
C = diffusion.GaussianMixture([0.5, 0.5], MEANS[:2], [0.2, 0.3]).denoiser(PROCESS)
U = diffusion.GaussianMixture([0.3, 0.3, 0.4], MEANS, [0.2, 0.3, 0.3]).score(PROCESS)
GUIDANCES = {
    "cfg": diffusion.cfg(C, U, lambda t: 1 + 2 * t),
    "classifier": diffusion.classifier_guidance(U, lambda x, t: -0.1 * x, 2.0),
    "cfg_pp": diffusion.cfg_pp(C, U, 0.6, TIMES),
    "cfg_rescale": diffusion.cfg_rescale(C, U, 2.5),
    "cfg_zero_star": diffusion.cfg_zero_star(C, U, 2.5, times=TIMES, zero_steps=2),
    "apg": diffusion.apg(C, U, 2.5, max_norm=1.0),
    "tangential": diffusion.tangential_cfg(C, U, 2.5),
    "interval": diffusion.guidance_interval(diffusion.cfg(C, U, 3.0), C, 0.3, 5.0),
    "threshold": diffusion.threshold(diffusion.cfg(C, U, 3.0), 0.5, quantile=0.7),
}


@pytest.mark.parametrize("name", GUIDANCES)
def test_jax_jit_of_a_guided_run_is_what_numpy_computes(name):
    """Also where the guidance depends on t, which has no number under the trace."""
    jax = pytest.importorskip("jax")

    def run(x):
        return diffusion.sample(PROCESS, GUIDANCES[name], x, TIMES, method="dpmpp_2m")

    # 8 steps, some eps each; D from a score divides by alpha, 1/150 at the start, and modes amplify.
    np.testing.assert_allclose(jax.jit(run)(jax.numpy.asarray(X)), run(X), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", GUIDANCES)
def test_torch_differentiates_a_guided_run(name):
    torch = pytest.importorskip("torch")

    def run(x):
        return diffusion.sample(PROCESS, GUIDANCES[name], x, TIMES, method="ddim", with_gradient=True)

    x = torch.tensor(X, requires_grad=True)
    run(x).sum().backward()
    h, direction = 1e-6, np.cos(np.arange(12.0)).reshape(4, 3)
    difference = (run(X + h * direction).sum() - run(X - h * direction).sum()) / (2 * h)
    # Central differences: h^2, and eps/h of the sum.
    np.testing.assert_allclose((x.grad.numpy() * direction).sum(), difference, rtol=1e-6, atol=1e-7)


def log_prob(xp):
    """The log-density of a measurement 2 = x_0 + noise of N(0, 1), for data N(0, 1) under vp."""

    def of(x, t):
        alpha, sigma = PROCESS.marginal(t)
        return -0.5 * xp.sum((2.0 - alpha * x) ** 2, axis=1) / (1 + sigma**2)

    return of


def exact_posterior():
    return diffusion.GaussianMixture([1.0], [[1.0] * 3], [0.5]).score(PROCESS)


def test_torch_gradient_of_a_log_density_guides():
    """The recipe of the docstring, in a run that keeps no graph."""
    torch = pytest.importorskip("torch")
    of = log_prob(torch)

    def gradient(x, t):
        return torch.func.grad(lambda x: of(x, t).sum())(x)

    guided = diffusion.classifier_guidance(diffusion.from_score(lambda x, t: -x, PROCESS), gradient)
    found = diffusion.sample(PROCESS, guided, torch.tensor(X), TIMES, method="dpmpp_2m")
    assert not found.requires_grad
    wanted = diffusion.sample(PROCESS, exact_posterior(), X, TIMES, method="dpmpp_2m")
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-10)


def test_jax_gradient_of_a_log_density_guides():
    jax = pytest.importorskip("jax")
    of = log_prob(jax.numpy)
    gradient = jax.grad(lambda x, t: of(x, t).sum())
    guided = diffusion.classifier_guidance(diffusion.from_score(lambda x, t: -x, PROCESS), gradient)
    found = diffusion.sample(PROCESS, guided, jax.numpy.asarray(X), TIMES, method="dpmpp_2m")
    wanted = diffusion.sample(PROCESS, exact_posterior(), X, TIMES, method="dpmpp_2m")
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_torch_code_of_the_page_is_cfg_in_one_call():
    torch = pytest.importorskip("torch")
    page = Path(__file__).parents[2] / "docs" / "how_to" / "plot_7_guide.py"
    text = re.sub(r"^# ?", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    block = text.split("code-block:: python")[-1]
    code = textwrap.dedent(block[: block.index("This is `cfg`")])
    calls = []

    def network(x, i, labels):
        calls.append(len(x))
        return (0.1 + 0.2 * labels[:, None]) * x + 1e-3 * i[:, None]

    labels = torch.tensor([0.0] * 4 + [1.0] * 4)
    names = {"torch": torch, "network": network, "labels": labels, "diffusion": diffusion, "process": PROCESS}
    exec(compile(code, str(page), "exec"), names)
    found = names["model"](torch.tensor(X), 0.5)
    assert calls == [8]
    u, c = (slope * X + 1e-3 * 499 for slope in (0.1, 0.3))
    np.testing.assert_allclose(found.numpy(), u + 5.0 * (c - u), rtol=1e-6)  # labels are single


def test_torch_network_of_discrete_times():
    torch = pytest.importorskip("torch")
    embedding = torch.nn.Embedding(1000, 3, dtype=torch.float64)

    def network(x, i):
        return 0.1 * x + embedding(i)

    model = diffusion.from_noise(diffusion.discrete_time(network, 1000), PROCESS)
    found = diffusion.sample(PROCESS, model, torch.tensor(X), TIMES, method="dpmpp_2m")
    table = embedding.weight.detach().numpy()

    def same(x, i):
        return 0.1 * x + table[i]

    model = diffusion.from_noise(diffusion.discrete_time(same, 1000), PROCESS)
    np.testing.assert_allclose(
        found.numpy(), diffusion.sample(PROCESS, model, X, TIMES, method="dpmpp_2m"), rtol=1e-12
    )
