r"""
Build an S4 layer's kernel in your framework
============================================

An S4 layer is a linear state-space model per channel, :math:`x' = A x + B u`, :math:`y = C x + D u`. It is
evaluated in two ways that must agree: in training as a convolution with a long kernel, at inference as a
recurrence over the samples. diffmath computes both on arrays of any library. This page runs on NumPy; the
PyTorch and JAX versions of the same lines are below.
"""

# %%
# Kernel, convolution, recurrence
# -------------------------------
# Four channels of one HiPPO system, each with its own output vector: row i of C gives row i of K.

import time

import matplotlib.pyplot as plt
import numpy as np

from diffmath import plot
from diffmath import statespace as ss

order, channels, length, dt = 64, 4, 1024, 1 / 1024
rng = np.random.default_rng(0)
C = rng.standard_normal((channels, order)) / order
D = np.ones(channels)
system = ss.bilinear(ss.legs(order).with_output(C, D), dt)
K = ss.kernel(system, length)

u = np.cumsum(rng.standard_normal((length, channels)), axis=0) / 30
y = ss.convolve(u, K)
y.shape

# %%
# The recurrence gives the same numbers. (It applies every output of the system to every channel of u; the
# output of row i of C is used for channel i.)

recurrent = np.stack([ss.simulate(system, u[:, i])[:, i] for i in range(channels)], axis=1)
print(f"convolution against recurrence: {abs(y - recurrent).max() / abs(y).max():.0e}")
assert abs(y - recurrent).max() < 1e-12 * abs(y).max()

# %%
# In a layer each channel also has its own step: `kernel_bank` computes all kernels together.

steps = np.geomspace(1e-3, 1e-1, channels)
bank = ss.kernel_bank(ss.legs(order), length, dt=steps, C=C)
alone = ss.kernel(ss.bilinear(ss.legs(order).with_output(C[2]), steps[2]), length)
print(bank.shape, f"{abs(bank[2] - alone).max() / abs(alone).max():.0e}")

# %%
# Is it the S4 layer of the papers? A, B and the recurrence are S4's: `bilinear` keeps C and drives step k
# with sample k. It differs from the published code where that has errors: nothing is clipped (S4 clips B),
# and the unit of time of each window is stated, see :doc:`/auto_theory/plot_3_conventions`.
#
# Streaming
# ---------
# For online use, pass the state on: `step` processes one sample; `simulate` returns the outputs of a chunk
# and `advance` the state after it.

one = ss.bilinear(ss.legs(order).with_output(C[0], 1.0), dt)
state, outputs = np.zeros(order), []
for chunk in np.split(u[:, 0], [1, 2, 3, 100, 612]):
    outputs.append(ss.simulate(one, chunk, state=state))
    state = ss.advance(one, chunk, state=state)
print(f"in chunks against at once: {abs(np.concatenate(outputs) - y[:, 0]).max() / abs(y[:, 0]).max():.0e}")

state, outputs = None, []
for sample in u[:200, 0]:
    output, state = ss.step(one, sample, state)
    outputs.append(float(output))
print(f"sample by sample:          {abs(np.array(outputs) - y[:200, 0]).max() / abs(y[:, 0]).max():.0e}")

# %%
# Convolution can also be streamed: `convolve` takes the samples *before* a chunk.

first, second = u[:600], u[600:]
print(f"{abs(ss.convolve(second, K, before=first) - y[600:]).max() / abs(y).max():.0e}")

# %%
# In your framework
# -----------------
# All arrays of a call belong to one library and one device. A system is built on NumPy and converted to the
# library of the data. The example uses the array standard's strict implementation, which provides only what
# the standard guarantees; code that runs on it runs on every conforming library.

import array_api_strict as xp

strict = ss.bilinear(ss.legs(order).with_output(xp.asarray(C), xp.asarray(D)), dt)
K_strict = ss.kernel(strict, length)
print(type(K_strict), f"{abs(np.asarray(K_strict) - K).max():.0e}")

# %%
# In PyTorch, the lines are the same. Gradients flow to C, D and u, and for `diagonal_kernel` also to the
# poles and the steps, since everything is computed with PyTorch operations:
#
# .. code-block:: python
#
#     import torch
#
#     C = torch.randn(4, 64, dtype=torch.float64, requires_grad=True)
#     u = torch.randn(1024, 4, dtype=torch.float64)
#     system = ss.bilinear(ss.legs(64).with_output(C), 1 / 1024)
#     y = ss.convolve(u, ss.kernel(system, 1024))
#     y.square().mean().backward()
#     assert C.grad.shape == (4, 64)
#
# The same lines work under `jit`, `vmap` and `grad` of JAX (:doc:`/auto_how_to/plot_6_differentiate`). If
# only C is learned, compute the kernels of all states once, outside; the part that depends on C is one matrix
# product:
#
# .. code-block:: python
#
#     import jax
#     import jax.numpy as jnp
#
#     states = ss.bilinear(ss.legs(64).with_output(jnp.eye(64)), 1 / 1024)
#     K_states = ss.kernel(states, 1024)  # (64, 1024): one row per state
#
#     @jax.jit
#     def layer(C, u):  # (channels, 64), (1024, channels)
#         spectrum = jnp.fft.rfft(C @ K_states, n=2048) * jnp.fft.rfft(u.T, n=2048)
#         return jnp.fft.irfft(spectrum, n=2048)[:, :1024].T
#
#     C, u = jnp.ones((4, 64)) / 64, jnp.ones((1024, 4))
#     gradient = jax.grad(lambda C: jnp.mean(layer(C, u) ** 2))(C)
#     assert gradient.shape == (4, 64)

K_states = ss.kernel(ss.bilinear(ss.legs(order).with_output(np.eye(order)), dt), length)
by_states = C @ K_states
by_states[:, 0] += D
print(f"C times the kernels of the states: {abs(by_states - K).max():.0e}")

# %%
# Which method, at what cost
# --------------------------
# ``method="auto"`` uses the method that `kernel_method` returns. All methods give the same kernel; `product`
# takes the spectrum from the structure of the system, `cauchy` from the normal-plus-low-rank form of `nplr`.

single = ss.bilinear(ss.legs(order).with_output(C[0]), dt)
print(f"auto: {ss.kernel_method(single, length)} for {length} lags, {ss.kernel_method(single, 20)} for 20")
reference = ss.kernel(single, length, method="powers")
for method in ("auto", "powers", "doubling", "cauchy", "product"):
    ss.kernel(single, length, method=method)
    start = time.perf_counter()
    found = ss.kernel(single, length, method=method)
    took = time.perf_counter() - start
    error = abs(found - reference).max() / abs(reference).max()
    print(f"{method:9s} {1e3 * took:7.2f} ms   against powers {error:.0e}")

# %%

print(ss.nplr(ss.legs(order)), ss.nplr(ss.legt(order)), sep="\n")

# %%
# Diagonal layers: S4D
# --------------------
# A diagonal system needs no matrices, only poles and the weights C times B. `diagonal_kernel` computes the
# kernels of all channels at once, each with its own step, and never allocates an array of states times lags.
# The published initialisations are available: `s4d_legs`, `s4d_inv`, `s4d_lin`, `s4d_real`, `s5_blocks`. Each
# pole represents a conjugate pair.

poles, B = ss.s4d_legs(order)
C_modes = rng.standard_normal((channels, order // 2)) + 1j * rng.standard_normal((channels, order // 2))
K_diagonal = ss.diagonal_kernel(poles, C_modes * B, length, dt=steps)
K_diagonal.shape

# %%
# `modal` converts a diagonal system into a real system with 2 x 2 blocks for the pairs, so that everything
# else on this page applies to it. Its kernel is the same.

modal = ss.zoh(ss.modal(poles, B, C_modes[0]), steps[0])
error = abs(ss.kernel(modal, length) - K_diagonal[0]).max() / abs(K_diagonal[0]).max()
print(f"diagonal kernel against the kernel of its real system: {error:.0e}")
assert error < 1e-10

# %%
# Is S4D-LegS close to LegS? Only weakly: as a filter of slow signals, not pointwise. The plot shows the
# kernel of the first coefficient, which for LegS is :math:`e^{-t}`: pointwise, and averaged by a hold of
# 1/500. With more states the spikes get narrower, not lower; in the average they vanish. If a system must be
# LegS, use `legs`: its kernel costs no more.

fig, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
fine = 1 / 500
t = fine * (np.arange(1500) + 0.5)
for ax, states in zip(axes, (32, 256)):
    modes = ss.dplr(ss.legs(states))
    weights = modes.V[0] * modes.B / 2
    for method, name, color in (("impulse", "S4D-LegS", "orange"), ("zoh", "averaged", "blue")):
        found = ss.diagonal_kernel(modes.eigenvalues, weights, 1500, dt=fine, method=method, pairs=False)
        ax.plot(t, found / fine, color=plot.COLORS[color], lw=0.7, label=name)
    ax.plot(t, np.exp(-t), color=plot.COLORS["ink"], lw=1.5, label="LegS")
    plot.tidy(ax, title=f"{states} states", xlabel="age")
axes[0].legend(frameon=False)
axes[0].set_ylabel("kernel of the first coefficient")
