r"""
Forms that lose accuracy
========================

Three forms of a HiPPO system are found in published code but not in diffmath, because they are numerically
unstable in float64. This page measures the loss. The reference is the kernel of a LegS system, discretised by
the bilinear rule and computed by powers.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import scipy.signal

from diffmath import plot
from diffmath import statespace as ss

length = 1024
dt = 4 / length
orders = (2, 4, 6, 8, 10, 12, 14, 16, 20, 24)


def system_and_kernel(order):
    C = np.random.default_rng(0).standard_normal(order)
    continuous = ss.legs(order).with_output(C)
    return continuous, ss.kernel(ss.bilinear(continuous, dt), length, method="powers")


def loss(kernel, reference):
    """The largest error relative to the largest lag; infinite if no correct value remains."""
    error = np.max(np.abs(kernel - reference)) / np.max(np.abs(reference))
    return error if np.isfinite(error) else np.inf


# %%
# The companion form, and rational transfer functions
# ---------------------------------------------------
# A kernel is a rational function of the shift, :math:`\hat K(z) = b(z)/a(z)`, where a is the characteristic
# polynomial. One may run the recurrence :math:`y_k = \sum b_j u_{k-j} - \sum a_j y_{k-j}`, whose matrix is
# the companion matrix, or divide two discrete Fourier transforms. But the poles of a slow system all lie
# close to 1, and clustered roots are extremely sensitive to the coefficients of the polynomial: rounding the
# *last bit* of a moves them apart. The coefficients here are better than in practice: a comes from the exact
# poles, and b from the reference itself.


def companion(order):
    """The recurrence with the coefficients of the characteristic polynomial."""
    _, reference = system_and_kernel(order)
    half = 0.5 * dt * np.arange(1, order + 1)
    a = np.poly((1 - half) / (1 + half))
    b = np.convolve(a, reference[:order])[:order]
    with np.errstate(all="ignore"):
        return loss(scipy.signal.lfilter(b, a, np.eye(1, length)[0]), reference)


def quotient(order):
    """The transform of b divided by that of a; b of the kernel cut after `length` lags."""
    _, reference = system_and_kernel(order)
    half = 0.5 * dt * np.arange(1, order + 1)
    a = np.poly((1 - half) / (1 + half))
    b = np.convolve(a, reference)
    b = b[:order] + np.concatenate([b[length:], np.zeros(max(0, order - b[length:].size))])[:order]
    with np.errstate(all="ignore"):
        return loss(np.fft.irfft(np.fft.rfft(b, n=length) / np.fft.rfft(a, n=length), n=length), reference)


# %%
# The eigenvectors of LegS
# ------------------------
# In diagonal form, a kernel is a sum of powers. This is fast and simple, and accurate for matrices whose
# eigenvectors are nearly orthogonal. Those of LegS are not: their condition number grows by a factor of more
# than five per state, and so does the loss. `diagonalize` warns, and refuses if no correct digit would
# remain.


def eigenvectors(order):
    """The sum over the eigenvalues of A, with weights from numpy.linalg.eig."""
    continuous, reference = system_and_kernel(order)
    poles, V = np.linalg.eig(continuous.A)
    weights = (continuous.C @ V) * np.linalg.solve(V, continuous.B)
    z, gain = (1 + 0.5 * dt * poles) / (1 - 0.5 * dt * poles), dt / (1 - 0.5 * dt * poles)
    return loss(((weights * gain) @ z[:, None] ** np.arange(length)).real, reference)


def doubling(order):
    """What `kernel` does."""
    continuous, reference = system_and_kernel(order)
    return loss(ss.kernel(ss.bilinear(continuous, dt), length, method="doubling"), reference)


forms = {
    "companion recurrence": companion,
    "quotient of transforms": quotient,
    "eigenvectors of A": eigenvectors,
    "kernel(method='doubling')": doubling,
}
losses = {name: np.array([form(order) for order in orders]) for name, form in forms.items()}
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for (name, values), color in zip(losses.items(), ("red", "orange", "purple", "blue")):
    shown = np.isfinite(values) & (values < 1e6)
    ax.semilogy(np.array(orders)[shown], values[shown], "o-", ms=4, color=plot.COLORS[color], label=name)
ax.axhline(1, color="0.6", lw=1, ls="--")
ax.legend(frameon=False, fontsize=9, loc="upper right")
ax.set_ylim(1e-17, 1e9)
plot.tidy(ax, title="Error of a LegS kernel (1: nothing is left)", xlabel="states", ylabel="relative error")

# %%
# The same as numbers; ``inf`` is a kernel of NaN.

print("states  " + "".join(f"{order:>9d}" for order in orders))
for name, values in losses.items():
    print(f"{name:26s}", " ".join(f"{value:.0e}" for value in values))

# %%
# A clipped input
# ---------------
# The S4 code computes the normal-plus-low-rank form of A, which is unitarily equivalent to HiPPO, and then
# clips the transformed B at 2 by default. That changes the system. The fraction of B that is lost:

for name, system in (("legs", ss.legs(64)), ("legt, theta 2", ss.legt(64, 2.0))):
    B = ss.dplr(system).B
    clipped = np.clip(B.real, -2, 2) + 1j * np.clip(B.imag, -2, 2)
    print(f"{name:14s} {np.linalg.norm(B - clipped) / np.linalg.norm(B):.0%}")

# %%
# There is a stable way to be fast: `nplr` and `dplr` use a unitary basis, which amplifies nothing, and
# represent the rest as a low-rank matrix. `diagonalize` reports what it would lose:

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    ss.diagonalize(ss.legs(12).with_output(np.ones(12)))
print(caught[0].message)
