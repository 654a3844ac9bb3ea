r"""
Sample a rectified flow, as Flux
================================

Flux, Stable Diffusion 3 and many video models are rectified flows: the network predicts the velocity of the
straight line from data to noise. This page wraps such a network, shifts its times once, and compares what
their pipelines use (Euler steps) with `fireflow` and `auto`. An exact network stands for theirs.
"""

# %%
# Wrap the network
# ----------------
# On the process `flow`, t = 0 is the data and t = 1 pure noise, as in these models. Their networks take one
# time per row, some of them 1000 t. What they predict is noise minus data, which is dx/dt: wrap it by
# `from_flow`. With code that has t = 1 at the data, negate the prediction and pass 1 - t.

import matplotlib.pyplot as plt
import numpy as np

import diffmath as dm
from diffmath import diffusion

process = diffusion.flow()
parts = [
    ([0.3, 0.5, 0.2], [-1.5, 0.4, 2.0], [0.3, 0.5, 0.25]),
    ([0.5, 0.5], [-1.0, 1.0], [0.05, 0.05]),
    ([0.25] * 4, [-1.5, -0.5, 0.5, 1.5], [0.1] * 4),
]


def data_of_size(size):
    """Three independent mixtures, `size` times as large."""
    return diffusion.Product(
        [
            diffusion.GaussianMixture(
                weights, size * np.array(means)[:, None], (size * np.array(widths)) ** 2
            )
            for weights, means, widths in parts
        ]
    )


def model_of(data):
    exact = diffusion.from_denoiser(data.denoiser(process), process)

    def network(x, timestep):
        """Your network: noise minus data at `timestep` = 1000 t, one per row."""
        return exact.flow(x, float(timestep[0]) / 1000)

    return diffusion.from_flow(diffusion.batch_time(lambda x, t: network(x, 1000 * t)), process)


data = data_of_size(1.0)
model = model_of(data)
x_T = process.sample_prior(dm.random.key(0), (300, 3), like=np.empty(0))
x_0 = data.flow_map(process)(x_T, 1.0, 0.0)


def error(times, method):
    x = diffusion.sample(process, model, x_T, times, method=method)
    return float(np.sqrt(np.mean((x - x_0) ** 2)))


times = diffusion.uniform_times(process, 28, t_end=0.0)
print(f"28 Euler steps: {error(times, 'euler'):.3f}")
assert error(times, "euler") < 0.1

# %%
# `from_velocity` is for another prediction, the v of progressive distillation,
# :math:`\alpha\varepsilon - \sigma x_0`. On the straight line it is :math:`(1 - t)\varepsilon - t x_0`.
# Wrapping one as the other runs without an error, and gives samples of something else.

mistaken = diffusion.from_velocity(model.flow, process)
x = diffusion.sample(process, mistaken, x_T, times, method="euler")
right = diffusion.from_velocity(model.velocity, process)
y = diffusion.sample(process, right, x_T, times, method="euler")
z = diffusion.sample(process, model, x_T, times, method="euler")
wrong = float(np.sqrt(np.mean((x - x_0) ** 2)))
print(f"the flow wrapped as v: error {wrong:.2f} in place of {error(times, 'euler'):.2f}")
assert wrong > 3 * error(times, "euler")
assert np.abs(y - z).max() < 1e-9

# %%
# Better than Euler
# -----------------
# All samplers start at pure noise and end at the data. `fireflow` has order 2 at one evaluation per step, and
# one evaluation more in all. `auto` is a multistep method whose order grows with the number of steps.

budgets = (6, 10, 20, 40, 80)
errors = {}
for name in ("euler", "dpmpp_2m", "fireflow", "auto"):
    method = getattr(diffusion, name)
    steps = [max(n for n in range(1, b + 1) if method.nfe(n) <= b) for b in budgets]
    errors[name] = [
        error(diffusion.karras_times(process, n, on="angle", rho=1.5, t_end=0.0), name) for n in steps
    ]
    print(f"{name:9s}" + "".join(f"{b:4d}: {e:.1e}" for b, e in zip(budgets, errors[name], strict=True)))

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, row in errors.items():
    ax.loglog(budgets, row, "o-", ms=4, label=name)
ax.set(xlabel="evaluations", ylabel="error", title="a rectified flow, from noise to the data")
ax.legend(frameon=False)
assert errors["fireflow"][2] < errors["euler"][4] / 4  # 20 evaluations against 80
assert errors["auto"][3] < errors["fireflow"][3] < errors["euler"][3] / 20

# %%
# The shift
# ---------
# Neighbouring pixels show the same thing. In an image of twice the width four pixels share a value, and noise
# hides it only half as well: the signal is twice as large against the noise. `shifted_times` divides
# :math:`\alpha/\sigma` by the shift, and so undoes this. For Euler's steps it does so exactly: data of three
# times the size on times shifted by 3 have three times the samples, and the same relative error.

large = data_of_size(3.0)
large_model = model_of(large)
shifted = diffusion.shifted_times(process, times, 3.0)
ends = large.flow_map(process)(x_T, 1.0, 0.0)
relative = {
    name: np.sqrt(np.mean((diffusion.sample(process, large_model, x_T, t, method="euler") - ends) ** 2)) / 3
    for name, t in {"as they are": times, "shifted by 3": shifted}.items()
}
for name, value in relative.items():
    print(f"large data, times {name}: relative error {value:.4f}")
print(f"data of size 1, times as they are:      {error(times, 'euler'):.4f}")
assert abs(relative["shifted by 3"] - error(times, "euler")) < 1e-6
assert relative["as they are"] > 1.2 * relative["shifted by 3"]

# %%
# Data that are not large need no shift: it makes their samples worse.

print(f"fireflow: {error(times, 'fireflow'):.4f}, with a shift that is not needed "
      f"{error(shifted, 'fireflow'):.4f}")  # fmt: skip
assert error(shifted, "fireflow") > 1.5 * error(times, "fireflow")

# %%
# Shift once. Two shifts are one by the product, and some schedulers apply theirs when they are built and
# again when the times are set. Flux computes its shift from the number of tokens (4096 for 1024 x 1024
# pixels).

shift = diffusion.shift_of_tokens(4096)
flux = diffusion.shifted_times(process, diffusion.uniform_times(process, 28, t_end=0.0), shift)
twice = diffusion.shifted_times(process, diffusion.shifted_times(process, times, 3.0), 2.0)
print(f"Flux, 1024 x 1024: shift {shift:.2f}, times {flux[0]:.2f}, {flux[1]:.2f}, ..., {flux[-2]:.2f}, 0")
assert np.allclose(twice, diffusion.shifted_times(process, times, 6.0))

# %%
# Guided and distilled networks
# -----------------------------
# Guidance of two predictions is `cfg`, with `cfg_zero_star` for flows (:doc:`plot_7_guide`). A distilled
# network takes the scale as an input instead; bind it, ``lambda x, t: network(x, t, guidance=3.5)``, and
# use it as it is. To invert an image and edit it, see :doc:`plot_9_invert_and_edit`.
