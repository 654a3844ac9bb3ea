r"""
Bring your own PyTorch network
==============================

A network that predicts the noise at one of 1000 discrete times needs one line to be a model for every
sampler. This page trains a small one as DDPM does, and samples from it by 15 samplers. The library does not
need PyTorch, so the site is built without it: the page is a program that the tests of PyTorch run as it
stands, with the assertions that it contains.
"""

# %%
# Train
# -----
# This part is yours: any network ``network(x, i)`` with one index i per row. `from_betas` gives the process
# of a table of betas. The data are a mixture in the plane.

import numpy as np
import torch

import diffmath as dm
from diffmath import diffusion

torch.manual_seed(0)
torch.set_num_threads(1)  # layers this small are slower on several
key = dm.random.key(0)
process = diffusion.from_betas(diffusion.betas("linear"))  # the 1000 betas of DDPM
data = diffusion.GaussianMixture([0.5, 0.3, 0.2], [[1.0, 0.0], [-1.0, 0.8], [-0.6, -1.2]], [0.05, 0.05, 0.02])
x_0 = data.sample(key, 20_000, like=torch.empty(0))


class Network(torch.nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.rates = torch.logspace(0, 2, 8) / 1000
        layers = [torch.nn.Linear(2 + 16, width), torch.nn.SiLU()]
        for _ in range(2):
            layers += [torch.nn.Linear(width, width), torch.nn.SiLU()]
        self.layers = torch.nn.Sequential(*layers, torch.nn.Linear(width, 2))

    def forward(self, x, i):
        phase = i[:, None] * self.rates
        return self.layers(torch.cat([x, torch.sin(phase), torch.cos(phase)], dim=1))


network, steps = Network(), 1000
alpha_bar = torch.tensor(process.alphas_cumprod, dtype=torch.float32)
optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
for _ in range(steps):
    x, i = x_0[torch.randint(len(x_0), (128,))], torch.randint(1000, (128,))
    noise = torch.randn_like(x)
    noisy = alpha_bar[i, None].sqrt() * x + (1 - alpha_bar[i, None]).sqrt() * noise
    loss = (network(noisy, i) - noise).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()

# %%
# Wrap
# ----
# Times of the library are numbers in [0, 1], and index i is the time (i + 1)/1000. `discrete_time` converts
# them. A network that embeds its index by sines accepts indices between two integers ("interpolated"); one
# with a table of embeddings needs the nearest integer ("rounded", the default). `from_noise` says what the
# network predicts; there are `from_velocity`, `from_flow`, `from_denoiser` and `from_edm` too. A network
# trained on continuous times, one per row, is adapted by `batch_time` instead.

model = diffusion.from_noise(diffusion.discrete_time(network, 1000, mode="interpolated"), process)

# %%
# Sample
# ------
# `like` chooses the library, the device and the dtype of the start, and all results follow it. No graph is
# kept unless you ask for it (``with_gradient=True``). Each sampler has 30 evaluations. The distance is that
# of the quantiles of each coordinate to those of the data, for 1000 samples.

x_T = process.sample_prior(dm.random.key(1), (1000, 2), like=torch.empty(0))
many = data.sample(dm.random.key(2), 100_000, like=np.empty(0))
quantiles = np.sort(many, axis=0)[50::100]


def distance(x):
    return float(np.abs(np.sort(np.asarray(x), axis=0) - quantiles).mean())


def run(name, grid):
    method = getattr(diffusion, name)
    n = max(n for n in range(2, 31) if method.nfe(n) <= 30)
    return diffusion.sample(process, model, x_T, grid(n), method=name, key=key)


def log_snr(n):
    return diffusion.log_snr_times(process, n)


found = {}
for name in (
    "ddim", "ddpm", "euler_ancestral", "heun", "dpm_2", "dpm_solver", "dpmpp_2m", "dpmpp_2s", "dpmpp_3s",
    "dpmpp_sde", "sde_dpmpp_2m", "er_sde", "adams", "fireflow", "auto",
):  # fmt: skip
    x = run(name, log_snr)
    assert type(x) is torch.Tensor
    assert x.dtype == torch.float32
    found[name] = distance(x)
    print(f"{name:16s} {found[name]:.3f}")

# %%
# All 15 are between 0.05 and 0.25 from the data, and exact samples 0.03. So this is the error of the
# network: the exact score, sampled in the same way, shows what the sampler adds to it.

exact = diffusion.sample(process, data.score(process), x_T, log_snr(30), method="auto")
print(f"exact score      {distance(exact):.3f}")
assert len(found) == 15
assert max(found.values()) < 0.25
assert distance(exact) < 0.6 * min(found.values())

# %%
# A network of the noise near pure noise
# --------------------------------------
# At the last index alpha is 0.006, and the data are (x - sigma noise)/alpha: an error of the network counts
# 157 times there. `log_snr_times` begin with short steps, which average over it. Other grids begin with a
# long one; methods that evaluate twice in it (`heun`, `dpm_2`) miss by more than 1. For such a network take
# `log_snr_times`, or start a little later. A network of the velocity or of the data does not have this
# factor.


def angle(n):
    return diffusion.karras_times(process, n, on="angle", rho=1.5)


print(f"heun, equal log-SNR {found['heun']:.2f}, a long first step {distance(run('heun', angle)):.2f}")
assert distance(run("heun", angle)) > 1.0
assert found["heun"] < 0.25
assert 156 < 1 / process.alpha(1.0) < 158

# %%
# Check your wrapping
# -------------------
# Two mistakes run without an error: a time that is off by one index or by a factor of 1000, and a prediction
# wrapped as another one. Training noise shows both. The noise that the model predicts for noisy data must
# have the loss of the training, at the index that belongs to the time.

x = x_0[:1000]
noise = torch.randn_like(x)
for t in (0.1, 0.5, 0.9):
    with torch.no_grad():
        ours = model.noise(process.perturb(x, t, noise=noise), t)
        i = torch.full((1000,), round(1000 * t) - 1)
        theirs = network(alpha_bar[i, None].sqrt() * x + (1 - alpha_bar[i, None]).sqrt() * noise, i)
    print(f"t = {t}: loss {float((ours - noise).square().mean()):.3f}")
    assert float((ours - theirs).abs().max()) < 1e-3
