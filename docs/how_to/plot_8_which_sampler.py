r"""
Which sampler, which grid
=========================

For samples without noise start with `auto`, on times that are dense at low noise in the angle
:math:`\arctan(\sigma/\alpha)`::

    times = diffusion.karras_times(process, steps, on="angle", rho=1.5, t_end=0.0)
    x = diffusion.sample(process, model, x_T, times, method="auto")

With fewer than 20 steps take `fireflow`. This page measures where this comes from: the error of eight
samplers on five grids against the exact map from noise to data. At its end it measures what noise, as in
`sde_dpmpp_2m`, does to the errors of a model.
"""

# %%
# An exact answer to compare with
# -------------------------------
# In one dimension the probability-flow ODE maps quantiles to quantiles, so `flow_map` returns the end of
# every path. The data have three independent components: a mixture of unequal parts, two narrow parts, and
# four that are close. The error of a run is the root mean square over 200 paths.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

import diffmath as dm
from diffmath import diffusion

process = diffusion.vp()
data = diffusion.Product(
    [
        diffusion.GaussianMixture([0.3, 0.5, 0.2], [[-1.5], [0.4], [2.0]], [0.09, 0.25, 0.0625]),
        diffusion.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.0025, 0.0025]),
        diffusion.GaussianMixture([0.25] * 4, [[-1.5], [-0.5], [0.5], [1.5]], [0.01] * 4),
    ]
)
x_T = norm.ppf((np.arange(200) + 0.5) / 200)[:, None] * np.ones(3)
x_0 = data.flow_map(process)(x_T, process.t_max, 0.0)

# %%
# All grids end at the data, t = 0. Grids that are logarithmic in the noise level cannot reach it; their last
# step goes there from `t_min`. Each sampler takes as many steps as fit into the evaluations.

grids = {
    "uniform": lambda n: diffusion.uniform_times(process, n, t_end=0.0),
    "log_snr": lambda n: np.append(diffusion.log_snr_times(process, n - 1), 0.0),
    "karras": lambda n: np.append(diffusion.karras_times(process, n - 1), 0.0),
    "kl_optimal": lambda n: diffusion.kl_optimal_times(process, n, t_end=0.0),
    "angle, 1.5": lambda n: diffusion.karras_times(process, n, on="angle", rho=1.5, t_end=0.0),
}
samplers = {
    "ddim": diffusion.ddim,
    "heun": diffusion.heun,
    "dpmpp_3s": diffusion.dpmpp_3s,
    "dpmpp_2m": diffusion.dpmpp_2m,
    "er_sde, ode": diffusion.er_sde(noise_scale="ode"),
    "adams, data": diffusion.adams(form="data", nodes="log_snr"),
    "fireflow": diffusion.fireflow,
    "auto": diffusion.auto,
}
budgets = (6, 10, 20, 40)


def error(method, grid, evaluations, data=data, x_0=x_0):
    times = grid(max(n for n in range(2, evaluations + 1) if method.nfe(n) <= evaluations))
    x = diffusion.sample(process, data.score(process), x_T, times, method=method)
    return float(np.sqrt(np.mean((x - x_0) ** 2)))


errors = {
    (name, grid): [error(method, grids[grid], n) for n in budgets]
    for name, method in samplers.items()
    for grid in grids
}

fig, axes = plt.subplots(1, 3, figsize=(12, 4), sharey=True, layout="constrained")
for ax, n in zip(axes, (0, 2, 3), strict=True):
    table = np.log10([[errors[name, grid][n] for grid in grids] for name in samplers])
    ax.imshow(table, cmap="viridis", vmin=-4, vmax=0, aspect="auto")
    for (i, j), value in np.ndenumerate(table):
        text = f"{10**value:.1g}" if value < 0 else f"{10**value:.0f}"
        ax.text(j, i, text, ha="center", va="center", color="k" if value > -2 else "w")
    ax.set_xticks(range(len(grids)), grids, rotation=30)
    ax.set_yticks(range(len(samplers)), samplers)
    ax.set_title(f"error at {budgets[n]} evaluations")

# %%
# Samplers
# --------
# `auto` is first from 20 evaluations on, and `fireflow` below. Methods with several evaluations per step
# (`heun`, `dpmpp_3s`) have fewer steps, and are never among the first. `ddim` has order 1 on every grid: with
# 40 evaluations it does not reach what `auto` reaches with 10.

for n, budget in enumerate(budgets):
    best = {name: min(errors[name, grid][n] for grid in grids) for name in samplers}
    order = sorted(best, key=best.get)
    print(f"{budget:2d} evaluations: " + ", ".join(f"{name} {best[name]:.1g}" for name in order[:4]))
    assert order[0] == ("auto" if budget >= 20 else "fireflow")
    assert not {"ddim", "heun", "dpmpp_3s"} & set(order[:3])
assert errors["auto", "angle, 1.5"][1] < min(errors["ddim", grid][-1] for grid in grids)

fig, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for name in samplers:
    axes[0].loglog(budgets, np.min([errors[name, grid] for grid in grids], axis=0), "o-", ms=4, label=name)
for grid in grids:
    (line,) = axes[1].loglog(budgets, errors["auto", grid], "o-", ms=4, label=grid)
    axes[1].loglog(budgets, errors["dpmpp_2m", grid], "--", color=line.get_color())
axes[0].set(xlabel="evaluations", ylabel="error", title="each sampler on its best grid")
axes[1].set(xlabel="evaluations", title="each grid: auto (solid), dpmpp_2m (dashed)")
for ax in axes:
    ax.set_xticks(budgets, budgets, minor=False)
    ax.set_xticks([], minor=True)
    ax.legend(frameon=False, fontsize=8)

# %%
# Grids
# -----
# The best grid depends on the sampler. `auto` and `fireflow` interpolate in the angle and on the straight
# line from data to noise, and need steps that shrink moderately towards the data. Samplers of the denoised
# data (`dpmpp_2m`) interpolate in the log-SNR: with few evaluations they need equal angles
# (`kl_optimal_times`), and with many equal steps of the log-SNR.

for name in ("auto", "fireflow", "dpmpp_2m"):
    firsts = [min(grids, key=lambda grid: errors[name, grid][n]) for n in range(len(budgets))]
    print(f"{name}: " + ", ".join(f"{b}: {first}" for b, first in zip(budgets, firsts, strict=True)))
    if name == "dpmpp_2m":
        assert firsts == ["kl_optimal", "kl_optimal", "log_snr", "log_snr"]
    else:
        assert firsts.count("angle, 1.5") >= 3

# %%
# The angle is the same on every process. So these grids, and the errors on them, hardly depend on the
# process: only the noise level at the start does. Equal steps in time mean something else on each.

flow = diffusion.flow()
on_flow = diffusion.from_denoiser(data.denoiser(flow), flow)
times = diffusion.karras_times(flow, 20, on="angle", rho=1.5, t_end=0.0)
x = diffusion.sample(flow, on_flow, x_T, times, method="auto")
away = np.sqrt(np.mean((x - data.flow_map(flow)(x_T, 1.0, 0.0)) ** 2))
print(f"auto, 20 evaluations: {errors['auto', 'angle, 1.5'][2]:.1e} on vp, {away:.1e} on flow")
assert abs(away / errors["auto", "angle, 1.5"][2] - 1) < 0.1

# %%
# Is this a matter of these data? On three other mixtures the same pair is first.

others = diffusion.Product(
    [
        diffusion.GaussianMixture([0.1, 0.2, 0.3, 0.4], [[-3], [-1], [0.5], [2]], [0.04, 0.01, 0.3, 0.02]),
        diffusion.GaussianMixture([0.5, 0.5], [[-0.3], [0.3]], [0.01, 1.0]),
        diffusion.GaussianMixture([0.8, 0.2], [[0.0], [4.0]], [1.0, 0.25]),
    ]
)
ends = others.flow_map(process)(x_T, process.t_max, 0.0)
again = {pair: error(samplers[pair[0]], grids[pair[1]], 20, others, ends) for pair in errors}
first = min(again, key=again.get)
second = min((pair for pair in again if pair[0] != first[0]), key=again.get)
print(f"20 evaluations: {first} {again[first]:.1g}, then {second} {again[second]:.1g}")
assert first == ("auto", "angle, 1.5")

# %%
# If the model is wrong
# ---------------------
# A sampler of the ODE keeps every error that the model makes. The noise of the reverse SDE forgets some of
# the past. Here the denoised data are wrong between two noise levels: their spread, or their mean. The
# distance is that of the quantiles of 4000 samples to the exact ones (Wasserstein-1). The noise at the
# start has its exact quantiles; only the noise of the SDE is random.

key = dm.random.key(0)
levels = norm.ppf((np.arange(4000) + 0.5) / 4000)
noise = np.stack([np.random.default_rng(seed).permutation(levels) for seed in range(3)], axis=1)
quantiles = data.flow_map(process)(levels[:, None] * np.ones(3), process.t_max, 0.0)
model = data.denoiser(process)
times = diffusion.kl_optimal_times(process, 40, t_end=0.0)


def wrong_between(low, high, amount):
    """A model that is wrong by ``amount(x)`` where sigma/alpha is between `low` and `high`."""

    def denoiser(x, t):
        exact, level = model.denoiser(x, t), process.sigma(t) / process.alpha(t)
        return exact + amount(x / process.alpha(t)) if low < level < high else exact

    return diffusion.from_denoiser(denoiser, process)


cases = {
    "exact": model,
    "spread, at high noise": wrong_between(2.0, 20.0, lambda x: 0.4 * np.tanh(x)),
    "mean, at high noise": wrong_between(2.0, 20.0, lambda x: 0.4),
    "mean, at low noise": wrong_between(0.05, 0.2, lambda x: 0.1),
}
found = {}
print(f"{'wrong is the':24s}dpmpp_2m  sde_dpmpp_2m")
for case, which in cases.items():
    for method in ("dpmpp_2m", "sde_dpmpp_2m"):
        x = diffusion.sample(process, which, noise, times, method=method, key=key)
        found[case, method] = np.abs(np.sort(x, axis=0) - quantiles).mean()
    print(f"{case:24s}{found[case, 'dpmpp_2m']:.3f}     {found[case, 'sde_dpmpp_2m']:.3f}")

# %%
# The SDE forgets most of a wrong spread, as long as the model is right afterwards. It keeps most of a wrong
# mean. And it makes errors at low noise greater, since its drift has twice the score. With an exact model and
# few evaluations it is less accurate than the ODE.

ratios = [found[case, "sde_dpmpp_2m"] / found[case, "dpmpp_2m"] for case in cases]
assert ratios[0] > 2
assert ratios[1] < 0.5
assert 0.5 < ratios[2] < 1
assert ratios[3] > 1.3

# %%
# Names
# -----
# `samplers` lists all samplers with their orders and costs, and `names` what they are called elsewhere. On
# the command line, ``python -m diffmath samplers`` prints the list, and ``python -m diffmath sample FILE
# --grid "karras(on='angle', rho=1.5)" --method auto`` tries one on your own points.

for row in diffusion.names("ComfyUI")[:6]:
    print(f"ComfyUI {row.theirs}: {row.ours}")

# %%
# In short
# --------
# .. list-table::
#    :header-rows: 1
#
#    * - you want
#      - use
#    * - samples in 20 evaluations or more
#      - `auto` on ``karras_times(on="angle", rho=1.5, t_end=0.0)``
#    * - samples in fewer
#      - `fireflow` on the same times
#    * - to stay with `dpmpp_2m`
#      - `kl_optimal_times` up to 10 evaluations, `log_snr_times` from 20 on
#    * - samples from a model whose spread is wrong at high noise
#      - `sde_dpmpp_2m`
#    * - a tolerance in place of a number of steps
#      - `probability_flow`
