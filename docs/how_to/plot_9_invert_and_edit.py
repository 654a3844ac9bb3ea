r"""
Invert and edit
===============

A deterministic sampler runs both ways. Increasing times carry data to noise; the same times reversed carry
them back. To edit, go up with one model and down with another one. Here two conditional mixtures stand for
two prompts. Their exact flows are known, so this page measures what an inversion loses, and what an edit
changes that it should not.
"""

# %%
# Two prompts
# -----------
# The first coordinate is the subject, which the prompt decides. The second is the background: two kinds, with
# other frequencies under the other prompt.

import matplotlib.pyplot as plt
import numpy as np

import diffmath as dm
from diffmath import diffusion

process = diffusion.flow()
backgrounds = [[-1.0], [1.0]], [0.06, 0.06]


def prompt(subject, frequencies):
    return diffusion.Product(
        [
            diffusion.GaussianMixture([1.0], [[subject]], [0.08]),
            diffusion.GaussianMixture(frequencies, *backgrounds),
        ]
    )


before, after = prompt(-1.5, [0.5, 0.5]), prompt(1.5, [0.35, 0.65])
source, edited = (diffusion.from_denoiser(data.denoiser(process), process) for data in (before, after))
x_0 = before.sample(dm.random.key(0), 400, like=np.empty(0))


def rms(x):
    return float(np.sqrt(np.mean(x**2)))


# %%
# There and back
# --------------
# The round trip goes from `t_min` to pure noise and back. Its error is not that of the latent: a method may
# return well from a wrong latent. So both are measured, the latent against the exact flow.

latent = before.flow_map(process)(x_0, process.t_min, 1.0)
budgets = (10, 20, 40, 80)
trips, latents = {}, {}
for name in ("euler", "dpmpp_2m", "rf_solver", "fireflow", "auto"):
    method = getattr(diffusion, name)
    trips[name], latents[name] = [], []
    for budget in budgets:
        steps = max(n for n in range(2, budget + 1) if method.nfe(n) <= budget)
        down = diffusion.karras_times(process, steps, on="angle", rho=1.5)
        x_T = diffusion.sample(process, source, x_0, down[::-1], method=name)
        back = diffusion.sample(process, source, x_T, down, method=name)
        trips[name].append(rms(back - x_0))
        latents[name].append(rms(x_T - latent))

print("evaluations each way:   " + "".join(f"{b:9d}" for b in budgets))
for name in trips:
    print(f"{name:10s} round trip   " + "".join(f"{e:9.1e}" for e in trips[name]))
    print(f"{name:10s} latent       " + "".join(f"{e:9.1e}" for e in latents[name]))

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, row in trips.items():
    (line,) = ax.loglog(budgets, row, "o-", ms=4, label=name)
    ax.loglog(budgets, latents[name], "--", color=line.get_color())
ax.set(xlabel="evaluations each way", ylabel="error", title="round trip (solid), latent (dashed)")
ax.legend(frameon=False)

# %%
# `auto` has the best latents, and with most numbers of steps the best round trip. The steps of `fireflow`
# almost invert themselves: it returns better than from its latents one would think. Euler steps, which are
# DDIM inversion, need 80 evaluations for what `fireflow` does with 10. Where the latent itself matters, as
# for a likelihood, `encode` and `decode` solve to a tolerance.

assert sum(trips["auto"][n] == min(row[n] for row in trips.values()) for n in range(4)) == 3
assert trips["fireflow"][3] < latents["fireflow"][3] / 2
assert latents["auto"][-1] < min(latents[name][-1] for name in latents if name != "auto")
assert trips["fireflow"][0] < 1.2 * trips["euler"][-1]
z = diffusion.encode(process, source, x_0)
closed = rms(diffusion.decode(process, source, z) - x_0)
print(f"encode: latent to {rms(z - latent):.0e}, round trip to {closed:.0e}")
assert rms(z - latent) < 1e-6
assert closed < 1e-6

# %%
# Edit
# ----
# Up with the first prompt, down with the second. The exact edit is known as well. It changes the subject of
# every point. It keeps a background as far as the second prompt allows: as that has other frequencies, some
# points must change theirs.

down = diffusion.karras_times(process, 19, on="angle", rho=1.5)  # 20 evaluations each way
exact = after.flow_map(process)(latent, 1.0, process.t_min)


def edit(method, down=down):
    x_T = diffusion.sample(process, source, x_0, down[::-1], method=method)
    return diffusion.sample(process, edited, x_T, down, method=method)


def kept(x):
    return float(np.mean(np.sign(x[:, 1]) == np.sign(x_0[:, 1])))


fresh = process.sample_prior(dm.random.key(1), x_0.shape, like=x_0)
new = diffusion.sample(process, edited, fresh, down, method="fireflow")
y = edit("fireflow")
print(f"error against the exact edit: euler {rms(edit('euler') - exact):.3f}, fireflow {rms(y - exact):.3f}")
print(f"subject {x_0[:, 0].mean():.2f} to {y[:, 0].mean():.2f}")
print(f"background kept: {kept(y):.0%} of the points, exactly {kept(exact):.0%}, new samples {kept(new):.0%}")
assert rms(y - exact) < rms(edit("euler") - exact) / 20
assert abs(y[:, 0].mean() - 1.5) < 0.05
assert kept(y) == kept(exact) > 0.8
assert kept(new) < 0.6

# %%
# How far up?
# -----------
# An edit that goes up only a part of the way keeps more, and changes less. The time at which it turns is the
# strength of the edit.

print("turns at  subject  change of the background")
moved, changed = [], []
for t in (0.3, 0.5, 0.7, 0.9, 1.0):
    y = edit("fireflow", diffusion.karras_times(process, 19, on="angle", rho=1.5, t_start=t))
    moved.append(y[:, 0].mean())
    changed.append(rms(y[:, 1] - x_0[:, 1]))
    print(f"{t:8.1f}  {moved[-1]:7.2f}  {changed[-1]:.2f}")
assert all(np.diff(moved) > 0)
assert all(np.diff(changed) > 0)

# %%
# Go up with the guidance with which you go down
# ----------------------------------------------
# A guided model has a flow of its own, and can be inverted. But its latents are not normal numbers, and those
# of another scale are not its latents: a round trip with two scales does not return. To edit with guidance,
# invert at scale 1 and expect this difference, or turn earlier.

subjects = diffusion.GaussianMixture([0.5, 0.5], [[-1.5], [1.5]], [0.08, 0.08])
anything = diffusion.Product([subjects, diffusion.GaussianMixture([0.43, 0.57], *backgrounds)])
unconditional = diffusion.from_denoiser(anything.denoiser(process), process)
guided = diffusion.cfg(source, unconditional, 3.0)
down = diffusion.karras_times(process, 60, on="angle", rho=1.5)
back = {}
for case, up in {"the same scale": guided, "scale 1": source}.items():
    x_T = diffusion.sample(process, up, x_0, down[::-1], method="auto")
    back[case] = rms(diffusion.sample(process, guided, x_T, down, method="auto") - x_0)
    print(f"down at scale 3, up at {case}: round trip {back[case]:.3f}, spread of latents {x_T.std():.1f}")
assert back["the same scale"] < 0.02
assert back["scale 1"] > 0.1
