r"""
Differentiate a solve
=====================

A solve is a function of its initial states and of the parameters of the equations. There are three ways to
differentiate it: PyTorch, which differentiates through the steps that were taken; JAX, which traces the
steps; and finite differences, which work with any library, since a key determines one path. The page
:doc:`/reference/array_libraries` lists what can be traced.
"""

# %%
# Finite differences along one path
# ---------------------------------
# The state of a stochastic equation is a smooth function of its parameters as long as the path stays the
# same. A key determines a path: both solves below have the same noise, so their difference adds no noise.

import numpy as np

import diffmath as dm
from diffmath import sde

key = dm.random.key(0)
x0 = np.ones((1000, 1))
times = np.linspace(0, 1, 51)


def mean(rate):
    """The mean of an Ornstein-Uhlenbeck process at t = 1."""
    model = sde.SDE(lambda t, x: -rate * x, lambda t, x: 0.5 + 0.0 * x, noise="additive")
    return sde.solve(model, x0, times, method="sra1", key=key).x[-1].mean()


step = 1e-4
difference = (mean(1.0 + step) - mean(1.0 - step)) / (2 * step)
print(f"on one path {difference:.4f}, of the exact mean {-np.exp(-1.0):.4f}")

# %%
# PyTorch
# -------
# Pass tensors that require a gradient. Gradients flow through fixed and adaptive steps, states between the
# steps, and stochastic steps on a key or a path. The sizes of adaptive steps count as constants, which
# changes the derivative by about the tolerance. With a Rosenbrock method and a finite-difference Jacobian,
# the gradient has half the digits; pass the Jacobian. All steps stay in memory until ``backward``.
#
# Samplers keep no graph unless ``with_gradient=True``, since the graph would hold every evaluation of the
# network.
#
# .. code-block:: python
#
#     import torch
#     from diffmath import diffusion, ode
#
#     rate = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
#     x0 = torch.ones((3, 1), dtype=torch.float64)
#     end = ode.solve(lambda t, x: -rate * x, x0, [0.0, 2.0], rtol=1e-9).x[-1]  # adaptive
#     end.sum().backward()
#     assert abs(rate.grad + 6 * torch.exp(-2 * rate)) < 1e-6  # d/da 3 exp(-2 a)
#
#     process = diffusion.vp()
#     shift = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
#     samples = diffusion.sample(
#         process, lambda x, t: shift - x, x0, diffusion.log_snr_times(process, 10), method="dpmpp_2m",
#         with_gradient=True,
#     )
#     gradient, = torch.autograd.grad(samples.sum(), shift)
#     assert gradient.isfinite()
#
# JAX
# ---
# `jit`, `vmap` and `grad` work with fixed steps: the steps are one loop of the program, traced once, so that
# 2,000 steps compile as fast as 200. Under a trace there are no numbers: no value is checked, the solution
# says so, and everything that needs numbers (adaptive steps, Newton's iteration, events, callbacks) refuses
# by name. The time passed to f is traced too: write ``jnp.sin(t)``, not ``math.sin(t)``, and `where` for a
# branch.
#
# Noise is drawn outside the trace, from the key, and is a constant of the program. So all lanes of a `vmap`
# over states have the same noise, and so do all calls of a compiled function. For independent noise, pass all
# lanes as the rows of one batch: rows have independent paths, and `first_row` continues their numbering.
#
# .. code-block:: python
#
#     import jax
#     import jax.numpy as jnp
#     import numpy as np
#     import diffmath as dm
#     from diffmath import ode, sde
#
#     def end(rate, x0):
#         return ode.solve(lambda t, x: -rate * x, x0, [0.0, 2.0], method="rk4", substeps=200).x[-1]
#
#     x0 = jnp.ones((3, 1))
#     gradient = jax.jit(jax.grad(lambda rate: end(rate, x0).sum()))(0.7)
#     assert abs(gradient + 6 * np.exp(-1.4)) < 1e-5
#     assert jax.vmap(end, in_axes=(0, None))(jnp.array([0.5, 0.7]), x0).shape == (2, 3, 1)
#
#     model = sde.SDE(lambda t, x: -x, lambda t, x: 0.5 + 0.0 * x, noise="additive")
#     solve = jax.jit(
#         lambda x: sde.solve(
#             model, x, np.linspace(0, 1, 11), method="sra1", key=dm.random.key(0), substeps=200
#         ).x[-1]
#     )
#     lanes = jax.vmap(solve)(jnp.ones((2, 3, 1)))
#     assert jnp.all(lanes[0] == lanes[1])  # one noise
#     rows = solve(jnp.ones((6, 1)))
#     assert jnp.all(rows[:3] != rows[3:])  # a path for each row
