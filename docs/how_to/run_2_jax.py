r"""
Bring your own JAX network
==========================

A function of JAX arrays is a model as it is. This page trains a small network on a rectified flow in JAX,
samples from it, and compiles a whole run into one program. As on the page about PyTorch, the site is built
without JAX; the tests of JAX run this page as it stands, with the assertions that it contains.
"""

# %%
# Train
# -----
# The network predicts the velocity of the straight line between data and noise. `perturb` makes noisy data,
# and `training_target` what the network has to predict for them, for any process and any parametrisation.

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

import diffmath as dm
from diffmath import diffusion

process = diffusion.flow()
data = diffusion.GaussianMixture([0.5, 0.3, 0.2], [[1.0, 0.0], [-1.0, 0.8], [-0.6, -1.2]], [0.05, 0.05, 0.02])
x_0 = data.sample(dm.random.key(0), 20_000, like=jnp.empty(0))


def network(weights, x, t):
    """The velocity at x of shape (batch, 2), at times t of shape (batch,)."""
    waves = t[:, None] * jnp.array([1.0, 2.0, 4.0, 8.0])
    h = jnp.concatenate([x, jnp.sin(waves), jnp.cos(waves)], axis=1)
    for A, b in weights[:-1]:
        h = jax.nn.silu(h @ A + b)
    return h @ weights[-1][0] + weights[-1][1]


def loss(weights, x, noise, t):
    noisy = process.perturb(x, t, noise=noise)
    target = diffusion.training_target(process, "flow", x, noise, t)
    return jnp.mean((network(weights, noisy, t) - target) ** 2)


def adam(carry, inputs):
    weights, mean, square = carry
    n, seed = inputs
    rows, at, eps = jax.random.split(seed, 3)
    x = x_0[jax.random.randint(rows, (256,), 0, len(x_0))]
    t = jax.random.uniform(at, (256,))
    value, slope = jax.value_and_grad(loss)(weights, x, jax.random.normal(eps, x.shape), t)
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, slope)
    square = jax.tree.map(lambda v, g: 0.99 * v + 0.01 * g**2, square, slope)
    rate = 5e-3 * 0.5 * (1 + jnp.cos(jnp.pi * n / steps))
    weights = jax.tree.map(
        lambda w, m, v: w - rate * (m / (1 - 0.9**n)) / (jnp.sqrt(v / (1 - 0.99**n)) + 1e-8),
        weights,
        mean,
        square,
    )
    return (weights, mean, square), value


steps, sizes, rng = 1000, (10, 64, 64, 64, 2), np.random.default_rng(0)
weights = [
    (jnp.asarray(rng.normal(size=(m, n)) / m**0.5, dtype=jnp.float32), jnp.zeros(n, dtype=jnp.float32))
    for m, n in pairwise(sizes)
]
zeros = jax.tree.map(jnp.zeros_like, weights)
seeds = jax.random.split(jax.random.key(0), steps)
train = jax.jit(lambda carry: jax.lax.scan(adam, carry, (jnp.arange(1.0, steps + 1), seeds)))
(weights, _, _), losses = train((weights, zeros, zeros))
print(f"loss {losses[:50].mean():.2f} at the start, {losses[-50:].mean():.2f} at the end")
assert losses[-50:].mean() < 0.85 * losses[:50].mean()

# %%
# Sample
# ------
# `batch_time` gives the network one time per row, and `from_flow` says what it predicts. The start is pure
# noise, where alpha is 0, and the end is the data: a flow is finite at both.

model = diffusion.from_flow(diffusion.batch_time(lambda x, t: network(weights, x, t)), process)
x_T = process.sample_prior(dm.random.key(1), (1000, 2), like=jnp.empty(0))
times = diffusion.karras_times(process, 20, on="angle", rho=1.5, t_end=0.0)
x = diffusion.sample(process, model, x_T, times, method="auto")
assert isinstance(x, jax.Array)
many = data.sample(dm.random.key(2), 100_000, like=np.empty(0))
quantiles = np.sort(many, axis=0)[50::100]


def distance(x):
    return float(np.abs(np.sort(np.asarray(x), axis=0) - quantiles).mean())


for method in ("auto", "fireflow", "dpmpp_2m", "sde_dpmpp_2m"):
    x = diffusion.sample(process, model, x_T, times, method=method, key=dm.random.key(3))
    print(f"{method:13s} distance to the data {distance(x):.3f}")
    assert distance(x) < 0.15

# %%
# Compile a run
# -------------
# Under `jit` the steps are one loop of the program: a run of 100 steps compiles as fast as one of 10. The
# coefficients are computed outside, so the result is that of an eager run up to rounding.

compiled = jax.jit(lambda x: diffusion.sample(process, model, x, times, method="auto"))
eager = diffusion.sample(process, model, x_T, times, method="auto")
away = float(jnp.abs(compiled(x_T) - eager).max())
print(f"compiled and eager differ by {away:.0e}")
assert away < 1e-3  # float32, and a flow that separates close paths

# %%
# Noise is drawn outside the trace, from the key: all lanes of a `vmap` have the same noise. Pass independent
# samples as the rows of one batch.
#
# Differentiate a run
# -------------------
# `grad` differentiates through all steps, with respect to the start or to anything inside the model. Here it
# is the mean of the samples by a scale of the network, and a finite difference beside it.


def mean(scale):
    scaled = diffusion.from_flow(diffusion.batch_time(lambda x, t: scale * network(weights, x, t)), process)
    return diffusion.sample(process, scaled, x_T, times, method="auto")[:, 0].mean()


slope = float(jax.grad(mean)(1.0))
difference = float(mean(1.01) - mean(0.99)) / 0.02
print(f"gradient {slope:.3f}, finite difference {difference:.3f}")
assert abs(slope - difference) < 0.02 * abs(difference) + 0.005
