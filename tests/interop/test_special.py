"""Special samplers traced by JAX and with PyTorch: the numbers of NumPy, gradients, refusals."""

from __future__ import annotations

import os

import numpy as np
import pytest

from diffmath import diffusion, random

if not os.environ.get("DIFFMATH_INTEROP"):
    pytest.skip(
        "only with DIFFMATH_INTEROP=1: the frameworks are never loaded by accident", allow_module_level=True
    )

PROCESS = diffusion.vp()
TARGET = diffusion.Gaussian([1.0, -0.5], [[0.3, 0.1], [0.1, 0.2]])
SCORE, FLOW, KEY = TARGET.score(PROCESS), TARGET.flow_map(PROCESS), random.key(3)
X = np.array([[0.3, -1.0], [1.4, 0.2], [-0.8, 2.0]])
TIMES = [1.0, 0.7, 0.4, 0.2]

RUNS = {
    "edict": lambda x: diffusion.edict(PROCESS, SCORE, x, TIMES)[0],
    "edict back": lambda x: diffusion.edict(PROCESS, SCORE, (x, x + 0.1), TIMES[::-1])[1],
    "belm": lambda x: diffusion.belm(PROCESS, SCORE, x, TIMES)[0],
    "consistency": lambda x: diffusion.consistency(PROCESS, lambda x, t: _to(0.2, x, t), x, TIMES, key=KEY),
    "lcm": lambda x: diffusion.lcm(PROCESS, lambda x, t: _to(0.0, x, t), x, TIMES, key=KEY),
    "tcd": lambda x: diffusion.tcd(PROCESS, lambda x, s, t: _to(t, x, s), x, TIMES, key=KEY),
    "mean_flow": lambda x: diffusion.mean_flow(PROCESS, lambda x, s, t: 0.3 * x * s, x, TIMES),
    "restart": lambda x: diffusion.restart(
        PROCESS, SCORE, x, TIMES, method="heun", intervals=[(0.4, 0.7, 2)], key=KEY
    ),
    "predictor_corrector": lambda x: diffusion.predictor_corrector(
        PROCESS, SCORE, x, TIMES, method="seeds_2", key=KEY
    ),
    "er_sde": lambda x: diffusion.sample(PROCESS, SCORE, x, TIMES, method=diffusion.er_sde, key=KEY),
    "er_sde ode": lambda x: diffusion.sample(PROCESS, SCORE, x, TIMES, method="er_sde(noise_scale='ode')"),
    "dpm_fast": lambda x: diffusion.sample(PROCESS, SCORE, x, TIMES, method="dpm_fast(as_published=True)"),
    "heunpp2": lambda x: diffusion.sample(PROCESS, SCORE, x, TIMES, method="heunpp2"),
}


def _to(t, x, s):
    """Return a map that JAX traces: not the exact one, whose states are checked on the host."""
    alpha, alpha_t = PROCESS.alpha(s), PROCESS.alpha(t)
    return alpha_t + 0.5 * (x - alpha) * (1 + t - s)


@pytest.mark.parametrize("name", RUNS)
def test_jax_jit_is_what_numpy_computes(name):
    jax = pytest.importorskip("jax")
    found = jax.jit(RUNS[name])(jax.numpy.asarray(X))
    # A few steps, some eps each; the score divides by sigma^2 > 0.1.
    np.testing.assert_allclose(found, RUNS[name](X), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", ["edict", "belm", "tcd", "restart", "predictor_corrector"])
def test_jax_differentiates_a_run(name):
    jax = pytest.importorskip("jax")

    def total(x):
        return jax.numpy.sum(RUNS[name](x) ** 2)

    gradient = np.asarray(jax.grad(total)(jax.numpy.asarray(X)))
    shift = 1e-6 * np.cos(np.arange(6.0)).reshape(3, 2)
    ahead, behind = (float(np.sum(RUNS[name](X + sign * shift) ** 2)) for sign in (1, -1))
    assert np.sum(gradient * shift) == pytest.approx((ahead - behind) / 2, rel=1e-6)


@pytest.mark.parametrize(
    "sampler", [diffusion.probability_flow, diffusion.dpm_adaptive, diffusion.gotta_go_fast]
)
def test_adaptive_samplers_refuse_a_trace_by_name(sampler):
    jax = pytest.importorskip("jax")
    options = {"key": KEY} if sampler is diffusion.gotta_go_fast else {}
    with pytest.raises(TypeError, match=r"x_T is traced by JAX .* adaptive steps depend on numbers"):
        jax.jit(lambda x: sampler(PROCESS, SCORE, x, TIMES, **options).x)(jax.numpy.asarray(X))


@pytest.mark.parametrize("name", ["probability_flow", "dpm_adaptive", "edict", "belm", "restart"])
def test_pytorch_keeps_a_graph_only_if_asked(name):
    torch = pytest.importorskip("torch")
    scale = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)

    def score(x, t):
        return scale * SCORE(x, t)

    more = {"method": "ddim", "intervals": [(0.4, 0.7, 1)], "key": KEY} if name == "restart" else {}
    for keep in (False, True):
        found = getattr(diffusion, name)(PROCESS, score, torch.asarray(X), TIMES, with_gradient=keep, **more)
        last = found.x[-1] if hasattr(found, "x") else found[0]
        assert last.requires_grad is keep
    last.sum().backward()
    assert torch.isfinite(scale.grad)
    assert scale.grad != 0


def test_a_pytorch_network_takes_times_of_rows():
    """`batch_time` gives one time per row to a network, also where rows have their own steps."""
    torch = pytest.importorskip("torch")

    def network(x, t):
        assert t.shape == (3,)
        return SCORE(x, t[:, None])

    found = diffusion.probability_flow(PROCESS, diffusion.batch_time(network), torch.asarray(X), TIMES)
    np.testing.assert_allclose(found.x[-1].numpy(), FLOW(X, 1.0, 0.2), atol=1e-3)  # the default tolerances
