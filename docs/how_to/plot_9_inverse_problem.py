r"""
Solve an inverse problem and know its bias
==========================================

A model of the prior and a measurement :math:`y = H x_0 + \sigma_y n` define a posterior. For its mean, its
spread or its evidence, use `twisted`: weighted particles, exact as they grow in number. For one plausible
sample per measurement, cheaply, use `mmps`, and test it as at the end of this page::

    measurement = diffusion.LinearMeasurement(H, y, noise)
    guided = diffusion.mmps(model, measurement)
    x = diffusion.sample(process, guided, x_T, times, method="dpmpp_2m")      # fast, biased
    found = diffusion.twisted(process, guided, x_T, times, key=key)           # weighted, no lasting bias

This page measures the bias of every method against an exact posterior.
"""

# %%
# A problem with an exact answer
# ------------------------------
# The prior has two modes in the plane. The sum of the two coordinates is measured, with noise. The targets of
# diffmath give the posterior in closed form (their `noise` is a variance).

import matplotlib.pyplot as plt
import numpy as np

import diffmath as dm
from diffmath import diffusion

process, key = diffusion.edm(), dm.random.key(0)
prior = diffusion.GaussianMixture(
    [0.4, 0.6], [[-1.0, -0.5], [1.0, 0.5]], [[[0.3, 0.2], [0.2, 0.3]], [[0.2, -0.1], [-0.1, 0.2]]]
)
H, y, noise = [[1.0, 1.0]], [0.5], 0.7
posterior = prior.posterior(H, y, noise**2)
evidence = prior.log_evidence(H, y, noise**2)

model = prior.denoiser(process)
measurement = diffusion.LinearMeasurement(H, y, noise)


def grid(steps):
    return np.append(diffusion.log_snr_times(process, steps), 0.0)


def start(n):
    return process.sample_prior(key, (n, 2), like=np.empty(0))


def gap(x, weights=None):
    """Largest distance of the distribution of the first coordinate from the exact one."""
    order = np.argsort(x[:, 0])
    shares = np.full(len(x), 1 / len(x)) if weights is None else weights
    return np.abs(np.cumsum(shares[order]) - posterior.projected_cdf([1.0, 0.0])(x[order, 0])).max()


# %%
# Guidance: a bias that stays
# ---------------------------
# `dps`, `pigdm` and `mmps` approximate the likelihood of the measurement given a noisy state by a Gaussian.
# They differ in the covariance of the data given the state: none, a multiple of the identity, or that which
# the Jacobian of the denoiser gives. With the last, a Gaussian prior is exact. A mixture is not: more steps
# only make the wrong law more precise.

guidances = {
    "dps": diffusion.dps(model, measurement),
    "pigdm": diffusion.pigdm(model, measurement),
    "mmps": diffusion.mmps(model, measurement),
}
fig, axes = plt.subplots(1, 4, figsize=(11, 3), sharex=True, sharey=True, layout="constrained")
exact = posterior.sample(key, 1000, like=np.empty(0))
axes[0].plot(*exact.T, ".", ms=2)
axes[0].set(title="exact posterior", aspect="equal")
print(f"{'':6s} {'steps':>5s}  mean         standard deviation  distance")
print(f"exact         {posterior.mean.round(2)}  {np.sqrt(np.diag(posterior.covariance)).round(2)}")
stays = {}
for ax, (name, guided) in zip(axes[1:], guidances.items(), strict=True):
    for steps in (25, 100):
        x = diffusion.sample(process, guided, start(1000), grid(steps), method="dpmpp_2m")
        stays[name, steps] = gap(x)
        print(f"{name:6s} {steps:5d}  {x.mean(0).round(2)}  {x.std(0).round(2)}         {gap(x):.3f}")
    ax.plot(*x.T, ".", ms=2)
    ax.set(title=name, aspect="equal")
assert min(stays[name, 100] for name in guidances) > 0.05

# %%
# `dps` trusts the measurement too much: its samples are far too narrow. `pigdm` and `mmps` have the right
# modes with wrong shares.
#
# Particles: a bias that goes away
# --------------------------------
# `twisted` takes any guided model as a proposal and corrects it by weights. A poor guidance costs effective
# particles, not correctness. `feynman_kac` needs no guidance and no gradient, only a reward: here the
# log-likelihood. Both estimate the evidence, without bias for the chain of the sampler.

runs = {f"twisted {name}": guided for name, guided in guidances.items()}
print(f"{'':14s} {'steps':>5s}  distance  least ESS  log-evidence (exact {evidence:.2f})")
for steps in (25, 100):
    found = {
        name: diffusion.twisted(process, guided, start(1000), grid(steps), key=key)
        for name, guided in runs.items()
    }
    found["feynman_kac"] = diffusion.feynman_kac(
        process, model, start(1000), grid(steps), measurement.log_likelihood, key=key
    )
    for name, run in found.items():
        print(
            f"{name:14s} {steps:5d}  {gap(run.x, run.weights):.3f}     {run.ess.min():4.0f}       "
            f"{run.log_evidence:.2f}"
        )
assert gap(found["twisted mmps"].x, found["twisted mmps"].weights) < 0.06
assert abs(found["twisted mmps"].log_evidence - evidence) < 0.15

# %%
# The particles of one run are not independent where they were resampled: `Particles.ancestors` says from how
# many rows of the start they descend. `Particles.resample` gives samples of equal weight.
#
# Known entries
# -------------
# A boolean mask measures entries. `inpaint` overwrites them after every step, `repaint` repeats the steps
# until the rest has adapted, `mmps` guides. For a Gaussian of correlation 0.9 whose first entry is 1, the
# second has mean 0.90 and standard deviation 0.44.

correlated = diffusion.Gaussian([0.0, 0.0], [[1.0, 0.9], [0.9, 1.0]]).denoiser(process)
first = diffusion.LinearMeasurement([True, False], [1.0, np.nan], noise=0.0)
x_T, times = start(1000), grid(50)
entries = {
    "inpaint": diffusion.inpaint(process, correlated, x_T, times, first, key=key),
    "repaint, 10 times": diffusion.repaint(process, correlated, x_T, times, first, resamplings=10, key=key),
    "mmps": diffusion.sample(process, diffusion.mmps(correlated, first), x_T, times, method="dpmpp_2m"),
}
for name, x in entries.items():
    print(f"{name:18s} mean {x[:, 1].mean():.2f}, standard deviation {x[:, 1].std():.2f}")
assert abs(entries["mmps"][:, 1].mean() - 0.9) < 0.06
assert entries["inpaint"][:, 1].mean() < 0.8

# %%
# Test your own problem, without an exact posterior
# -------------------------------------------------
# Draw data from the prior, measure them, and sample the posterior of each measurement, one row each. If the
# sampler is right, data and samples are exchangeable: they have one law, also together with y. So compare
# their means and their residuals :math:`(y - Hx)/\sigma_y`, whose mean square is 1 for the data. This needs
# samples of the prior only (of your sampler, where there is no other source).

n = 1000
data = prior.sample(key, n, like=np.empty(0))
y_rows = data @ np.transpose(H) + noise * dm.random.normal(dm.random.fold_in(key, "y"), (n, 1), like=data)
each = diffusion.LinearMeasurement(H, y_rows, noise)


def residuals(x):
    return np.mean(each.residual(x) ** 2) / noise**2


print(f"data   standard deviation {data.std(0).round(2)}, residual {residuals(data):.2f}")
checks = {}
for name, make in (("dps", diffusion.dps), ("pigdm", diffusion.pigdm), ("mmps", diffusion.mmps)):
    x = diffusion.sample(process, make(model, each), start(n), grid(50), method="dpmpp_2m")
    checks[name] = residuals(x)
    print(f"{name:6s} standard deviation {x.std(0).round(2)}, residual {checks[name]:.2f}")
assert checks["dps"] < 0.8
assert abs(residuals(data) - 1) < 0.25

# %%
# A residual far below 1, as that of `dps`, means samples that fit the noise. A residual of 1 is necessary,
# not sufficient: compare whatever you are going to use, such as the share of a mode.
#
# Your own network
# ----------------
# Guidance needs products with the Jacobian of the denoised data. For tensors of PyTorch and arrays of JAX
# they are automatic. For others a function may have an attribute ``vjp(x, t, v)``; without it, differences
# are taken, at two evaluations for each product.
#
# .. code-block:: python
#
#     model = diffusion.from_noise(diffusion.batch_time(network), process)
#     blur = (lambda x: conv(x), lambda u: conv_transpose(u))                  # and its adjoint, checked
#     measurement = diffusion.LinearMeasurement(blur, y, 0.05, state_shape=(3, 64, 64))
#     guided = diffusion.mmps(model, measurement, iterations=3)
#
# Which one?
# ----------
# .. list-table::
#    :header-rows: 1
#
#    * - you need
#      - use
#    * - means, spreads, evidence
#      - `twisted` with `mmps`; look at `Particles.ess`
#    * - a reward without a gradient
#      - `feynman_kac`
#    * - fast samples of a nearly Gaussian posterior
#      - `mmps`; with a cheap solve `pigdm`
#    * - known entries and many evaluations, no derivative of the network
#      - `repaint`
#    * - a classifier of noisy data
#      - `classifier_guidance`
#    * - results of others to compare with
#      - `dps`, `inpaint`
