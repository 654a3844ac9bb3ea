r"""
Getting started
===============

Four things in ten minutes: remember a signal, sample from a score, write a stochastic differential equation
and check it, and test a solver of your own. Every block on this page ran when the page was built.

Install from a clone, with the extras for figures and speed::

    pip install ".[all]"

"""

# %%
# Remember a signal
# -----------------
# HiPPO-LegS keeps the Legendre coefficients of everything seen so far. Its matrices are not copied from a
# paper: they are derived exactly from the measure.

import matplotlib.pyplot as plt
import numpy as np

from diffmath import statespace as ss
from diffmath import symbolic

A, B = symbolic.derive_hippo(symbolic.legs, 4)
A

# %%
# `memorize` runs the recurrence over the samples; `reconstruct` evaluates the memory anywhere in the past.
# Sample ``k`` represents the cell ``[k, k+1)/L``, so it is reconstructed at the middle of the cell.

length = 1000
s = (np.arange(length) + 0.5) / length
u = np.sin(8 * s) + 0.5 * np.cos(21 * s)

fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.plot(s, u, color="0.75", lw=5, label="signal")
for order in (6, 10, 16):
    system = ss.legs(order)
    c = ss.memorize(system, u, ss.bilinear)
    ax.plot(s, ss.reconstruct(system, c[-1], s), lw=1.2, label=f"order {order}")
ax.set(xlabel="fraction of the elapsed time", title="What a LegS memory of each order still knows")
ax.legend(frameon=False)

# %%
# Sample from a score
# -------------------
# You need a process, a score called as ``score(x, t)``, a decreasing time grid and a method. The target here
# is a Gaussian mixture, whose score is exact at every time; a network can replace it.

import diffmath as dm
from diffmath import diffusion

process = diffusion.vp()
target = diffusion.GaussianMixture(
    weights=[0.3, 0.7], means=[[-2.0, 0.0], [2.0, 1.0]], covariances=[0.1, 0.2]
)
score = target.score(process)
key = dm.random.key(0)
x_T = process.sample_prior(key, (4096, 2), like=np.empty(0))
times = diffusion.log_snr_times(process, 20)
x_ode = diffusion.sample(process, score, x_T, times, method=diffusion.dpmpp_2m)
x_sde = diffusion.sample(process, score, x_T, times, method=diffusion.sde_dpmpp_2m, key=key)

fig, axes = plt.subplots(1, 2, figsize=(7, 3), sharex=True, sharey=True, layout="constrained")
for ax, x, name in zip(axes, (x_ode, x_sde), ("probability-flow ODE", "reverse SDE"), strict=True):
    ax.scatter(*x.T, s=2, alpha=0.4)
    ax.set(title=f"{name}, 20 evaluations", aspect="equal")

# %%
# The same noise gives the same samples for any batch size: row ``i`` depends on the key and on ``i`` only.

few = process.sample_prior(key, (3, 2), like=np.empty(0))
np.array_equal(few, x_T[:3])

# %%
# The probability-flow ODE also gives the density that the model assigns to a point.

points = x_ode[:3]
logp = diffusion.log_likelihood(process, score, points, rtol=1e-6)
np.stack([logp, target.log_density(points, process, process.t_min)])

# %%
# A model that predicts the noise, the clean data or the velocity is wrapped once.

noise_model = diffusion.from_noise(lambda x, t: -process.sigma(t) * score(x, t), process)
y = diffusion.sample(process, noise_model, x_T, times, method=diffusion.dpmpp_2m)
float(np.max(np.abs(y - x_ode)))

# %%
# How to wrap a network of PyTorch or JAX: :doc:`/auto_how_to/run_1_pytorch`, :doc:`/auto_how_to/run_2_jax`.
# Which sampler on which times: :doc:`/auto_how_to/plot_8_which_sampler`.

# %%
# One equation: paths, density, and the check that they agree
# -----------------------------------------------------------
# The double well :math:`dX = (X - X^3)\,dt + 0.7\,dW`, written once in SymPy.

import sympy

from diffmath import fokker_planck as fp
from diffmath import sde

x, t = sympy.symbols("x t")
well = symbolic.SDE(state=[x], time=t, drift=[x - x**3], diffusion=[[sympy.Rational(7, 10)]])
symbolic.fokker_planck_operator(well)

# %%
# It is lowered to array code with exact derivatives, simulated as an ensemble of paths, and solved as a
# density on a grid.

x0 = 0.3 * dm.random.normal(key, (100_000, 1), like=np.empty(0))
final = sde.ensemble(well, x0, t_span=(0.0, 2.0), steps=200, method=sde.milstein, key=key)
grid = fp.Grid.uniform((-4, 4), 400)
density = fp.solve(well.lower(), fp.gaussian(grid, mean=0.0, std=0.3), [0.0, 2.0], grid)

fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.hist(final[:, 0], bins=150, density=True, color="0.8", label="100 000 paths")
ax.plot(grid.centers, density.p[-1], lw=1.5, label="Fokker-Planck")
ax.set(xlim=(-2.5, 2.5), xlabel="x", title="Double well at t = 2")
ax.legend(frameon=False)

# %%
# The check states how often it would reject a correct ensemble. It does reject an ensemble that is 5 % too
# wide.

report = fp.check_samples(final, density.p[-1], grid, false_positive_rate=1e-3)
print(report)
print(fp.check_samples(1.05 * final, density.p[-1], grid, false_positive_rate=1e-3))

# %%
# Test a solver of your own
# -------------------------
# A step is called as ``step(f, t, x, dt)``. The strategy draws linear problems with a known solution;
# `assert_order` measures the order and fails with the table of errors.

from hypothesis import given, settings

from diffmath.testing import assert_order
from diffmath.testing import strategies as dst


def my_step(f, t, x, dt):
    """Heun's method."""
    k1 = f(t, x)
    k2 = f(t + dt, x + dt * k1)
    return x + dt / 2 * (k1 + k2)


@settings(max_examples=10, derandomize=True, deadline=None)
@given(problem=dst.linear_odes(max_dim=4))
def test_mine_is_second_order(problem):
    assert_order(my_step, problem, order=2)


test_mine_is_second_order()
