r"""
Guide a model
=============

A guidance takes models and returns a model. So it works with every sampler, parametrisation and array
library. This page applies each guidance to models whose law is known, and measures what it does.
"""

# %%
# Models with and without a condition
# -----------------------------------
# The unconditional data have three classes. The condition selects the class on the right. Both models are
# exact, so that all effects on this page are effects of the guidance.

import matplotlib.pyplot as plt
import numpy as np

import diffmath as dm
from diffmath import diffusion

process = diffusion.flow()
centres = [[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]]
everything = diffusion.GaussianMixture([1 / 3] * 3, centres, [1.0, 1.0, 1.0])
chosen = diffusion.GaussianMixture([1.0], [centres[0]], [1.0])
unconditional, conditional = everything.denoiser(process), chosen.denoiser(process)

key = dm.random.key(0)
times = np.append(diffusion.log_snr_times(process, 40, t_start=0.995, t_end=0.005), 0.0)
x_T = dm.random.normal(key, (1500, 2), like=np.empty(0))


def samples(model, steps=times, method="dpmpp_2m"):
    return diffusion.sample(process, model, x_T, steps, method=method)


fig, axes = plt.subplots(1, 4, figsize=(11, 3), sharex=True, sharey=True, layout="constrained")
for ax, scale in zip(axes, (0.0, 1.0, 2.0, 5.0), strict=True):
    x = samples(diffusion.cfg(conditional, unconditional, scale))
    ax.plot(*x.T, ".", ms=2)
    ax.plot(*np.transpose(centres), "k+")
    ax.set(title=f"cfg, scale {scale:g}", aspect="equal")
    print(f"scale {scale:g}: mean {x.mean(axis=0).round(2)}, standard deviation {x.std(axis=0).round(2)}")

# %%
# 0 is the unconditional model and 1 the conditional one, at the cost of one evaluation. Other scales cost one
# evaluation of each. A scale may depend on time: ``cfg(conditional, unconditional, lambda t: 1 + 4 * t)``.
#
# What law has a guided sample?
# -----------------------------
# It is often said that the samples have the density :math:`p_c^w p_u^{1-w}`. They do not: the guided score is
# that of this density at t = 0 only. Two Gaussians show it, since their guided flow is linear.

line = diffusion.edm()
narrow = diffusion.GaussianMixture([1.0], [[1.0]], [0.25]).denoiser(line)
wide = diffusion.GaussianMixture([1.0], [[0.0]], [1.0]).denoiser(line)
fine = np.append(diffusion.log_snr_times(line, 400), 0.0)
two = diffusion.sample(
    line, diffusion.cfg(narrow, wide, 3.0), 80.0 * np.array([[0.0], [1.0]]), fine, method="dpmpp_2m"
)
mean, variance = two[0, 0], (two[1, 0] - two[0, 0]) ** 2
precision = 3.0 / 0.25 - 2.0 / 1.0
print(f"sampled: mean {mean:.2f}, variance {variance:.4f}")
print(f"product: mean {3.0 / 0.25 / precision:.2f}, variance {1 / precision:.4f}")
assert abs(variance - 1 / 64) < 1e-4
assert abs(1 / precision - 1 / 10) < 1e-12

# %%
# A classifier, or any log-density
# --------------------------------
# With a gradient of :math:`\log p(c \mid x_t)` there is no need for a conditional model. If the gradient is
# that of the exact classifier of *noisy* data, scale 1 gives the exact conditional law. Here the classifier
# is :math:`p(c \mid x_t) = p_c(x_t) / (3 p(x_t))`, so the gradient is a difference of scores.


def gradient(x, t):
    return conditional.score(x, t) - unconditional.score(x, t)


by_classifier = diffusion.classifier_guidance(unconditional, gradient)
away = np.abs(samples(by_classifier, times[:-1]) - samples(conditional, times[:-1])).max()
print(f"largest difference from the conditional samples: {away:.0e}")
assert away < 1e-10

# %%
# With an automatic derivative, the gradient of a function ``log_prob(x, t)`` of shape (batch,) is one line:
#
# .. code-block:: python
#
#     gradient = lambda x, t: torch.func.grad(lambda x: log_prob(x, t).sum())(x)
#     gradient = jax.grad(lambda x, t: log_prob(x, t).sum())
#
# Guide in an interval only
# -------------------------
# `guidance_interval` uses the guided model between two noise levels, and another outside. The noise level is
# :math:`\sigma/\alpha`, on every process. The model jumps at both ends. A jump inside a step, or between two
# evaluations that a step combines, is an error of order 1. `interval_times` puts the ends on the grid. That
# is enough for methods that evaluate within a step only. A multistep method extrapolates from the evaluation
# before the jump; on that grid it extrapolates the whole jump, which is worse than the grid as it was. It
# needs one run for each part.

guided = diffusion.cfg(conditional, unconditional, 3.0)
some = diffusion.guidance_interval(guided, conditional, 0.3, 3.0)
x_T = x_T[:200]


def grid(steps):
    return diffusion.log_snr_times(process, steps, t_start=0.95, t_end=0.05)


def one_run(steps):
    return samples(some, grid(steps))


def on_the_grid(steps):
    return samples(some, diffusion.interval_times(process, grid(steps), 0.3, 3.0))


def three_runs(steps):
    nodes = diffusion.interval_times(process, grid(steps), 0.3, 3.0)
    high, low = (int(np.argmin(np.abs(nodes - level / (1 + level)))) for level in (3.0, 0.3))
    x = x_T
    parts = (conditional, nodes[: high + 1]), (guided, nodes[high : low + 1]), (conditional, nodes[low:])
    for model, part in parts:
        x = diffusion.sample(process, model, x, part, method="dpmpp_2m")
    return x


best = three_runs(1600)
print("steps  one run  on the grid  three runs")
for steps in (25, 50, 100, 200, 400):
    runs = one_run, on_the_grid, three_runs
    errors = [np.sqrt(np.mean((run(steps) - best) ** 2)) for run in runs]
    print(f"{steps:5d}  {errors[0]:.5f}      {errors[1]:.5f}     {errors[2]:.5f}")
assert errors[2] < errors[0] / 4

# %%
# CFG++ belongs to its grid
# -------------------------
# `cfg_pp` needs the times of the sampler, since its scale is :math:`\mu/(1 - e^{-h})` in a step of h. It
# equals the published update with `ddim`. Its push does not shrink with the step: the result depends on the
# number of steps, and has no limit. `cfg` converges.

for steps in (10, 20, 40, 80):
    nodes = grid(steps)
    means = [
        samples(model, nodes, "ddim")[:, 0].mean()
        for model in (
            diffusion.cfg_pp(conditional, unconditional, 0.6, nodes),
            diffusion.cfg(conditional, unconditional, 3.0),
        )
    ]
    print(f"{steps} steps: mean {means[0]:.2f} by cfg_pp, {means[1]:.2f} by cfg")

# %%
# Against saturation
# ------------------
# A large scale makes rows too large. Three guidances bound them, each row on its own:
#
# * `cfg_rescale` gives the prediction the spread of the conditional one, in part (`phi`);
# * `apg` drops the part of the push that is parallel to the prediction (`eta`), and limits its norm
#   (`max_norm`). Momentum, which depends on earlier steps, is in `apg_step`;
# * `tangential_cfg` removes from the unconditional prediction what it does not share with the conditional.
#
# They are not linear, so the form on which they act matters (`form`). To compare with other code, name the
# form on which that code acts. Rows of 64 numbers show the effect:

rng = np.random.default_rng(0)
pattern = rng.standard_normal(64)
many = diffusion.GaussianMixture([0.5, 0.5], [pattern, -pattern], [0.3, 0.3]).denoiser(process)
one = diffusion.GaussianMixture([1.0], [pattern], [0.3]).denoiser(process)
x_T = dm.random.normal(key, (200, 64), like=np.empty(0))
for name, model in {
    "conditional": one,
    "cfg": diffusion.cfg(one, many, 6.0),
    "cfg_rescale": diffusion.cfg_rescale(one, many, 6.0),
    "apg": diffusion.apg(one, many, 6.0),
    "tangential_cfg": diffusion.tangential_cfg(one, many, 6.0),
}.items():
    x = samples(model)
    alike = np.mean(x @ pattern / (np.linalg.norm(x, axis=1) * np.linalg.norm(pattern)))
    print(f"{name:15s} spread of a row {x.std(axis=1).mean():.2f}, cosine to the pattern {alike:.3f}")

# %%
# Thresholds
# ----------
# `threshold` clips the denoised data to a range, for each row at a quantile if you ask for it. An exact model
# of data in the range is not changed. A guided one is, and its samples have another law. The kinks may cost a
# method its order. Use it for data with a range, not for latent codes. (The Gaussian rows above have no
# range; they only show the effect.)

clipped = diffusion.threshold(diffusion.cfg(one, many, 6.0), 2.5, quantile=0.995)
print(f"largest entry {np.abs(samples(diffusion.cfg(one, many, 6.0))).max():.2f}")
print(f"with a threshold {np.abs(samples(clipped)).max():.2f}")

# %%
# Guide your own network
# ----------------------
# Most networks take the index of one of 1000 times, and both conditions in one batch. Write the evaluation
# once, adapt its time, and wrap what it predicts:
#
# .. code-block:: python
#
#     def both(x, i):                                    # one call for two conditions
#         pair = network(torch.cat([x, x]), torch.cat([i, i]), labels)
#         unconditional, conditional = pair.chunk(2)
#         return unconditional + 5.0 * (conditional - unconditional)
#
#     model = diffusion.from_noise(diffusion.discrete_time(both, 1000), process)
#
# This is `cfg` at the cost of one call. The other guidances need the two predictions as two models.
#
# Which one?
# ----------
# .. list-table::
#    :header-rows: 1
#
#    * - you have
#      - use
#    * - a conditional and an unconditional model
#      - `cfg`; in an interval of noise levels, `guidance_interval`
#    * - a weaker version of the model
#      - `autoguidance`
#    * - a classifier of noisy data, a likelihood
#      - `classifier_guidance`
#    * - large scales that saturate
#      - `apg`, `cfg_rescale`
#    * - a flow-matching model that is inaccurate near pure noise
#      - `cfg_zero_star`
#    * - results of CFG++ to reproduce
#      - `cfg_pp` with `ddim` on the same grid
