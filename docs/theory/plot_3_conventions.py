r"""
One memory, many matrices
=========================

"The HiPPO matrix" is printed in many forms, and users of the published code keep asking which one is right.
All but two are. A memory can be written with another sign, in another unit of time (the window's length), and
in another *gauge*, the scale of each coefficient: for :math:`\tilde c = \Lambda c`,

.. math:: \tilde A = \Lambda A \Lambda^{-1}, \qquad \tilde B = \Lambda B,

and no property of the memory depends on the gauge. This page writes the matrices as each source prints them,
and shows which system of diffmath each one is. The last column of each line is the largest difference between
the two, divided by the largest entry.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import binom, gammaln

from diffmath import plot, symbolic
from diffmath import statespace as ss

N = 8
n = np.arange(N)
row, column = n[:, None], n[None, :]
root = np.sqrt(2.0 * n + 1.0)


def compare(source, A, B, ours, system):
    """Print the difference between published matrices and a system, and require that it is rounding error."""
    error = max(abs(A - system.A).max() / abs(A).max(), abs(B - system.B).max() / abs(B).max())
    print(f"{source:48s} {ours:44s} {error:.0e}")
    assert error < 1e-14


# %%
# The whole past: LegS
# --------------------
# In diffmath the minus sign is part of A, and the basis is orthonormal on [0, 1].

legs = ss.legs(N)
tri = np.tril(root[:, None] * root, -1)
compare("HiPPO paper, theorem 2: c' = -A c/t + B f/t", -(tri + np.diag(n + 1.0)), root, "legs", legs)
# The code of the paper and S4: T M T^-1 with T the square roots.
M = -(np.tril(np.tile(2.0 * n + 1, (N, 1))) - np.diag(n))
compare("hippo-code and S4, 'legs'", root[:, None] * M / root, root, "legs", legs)
# The annotated S4: P P^T below the diagonal, minus n on it.
compare("annotated S4, make_HiPPO", -(np.tril(root[:, None] * root) - np.diag(n)), root, "legs", legs)
# Su's basis is orthonormal on [-1, 1]: sqrt(2) on every coefficient.
su = ss.change_gauge(legs, "su")
compare("Su 10137, LegS", -(tri + np.diag(n + 1.0)), np.sqrt(2) * root, 'change_gauge(legs, "su")', su)
plain = ss.change_gauge(legs, "plain")
M = -(np.tril(np.tile(2.0 * row + 1, N)) - np.diag(n))
compare("Su 10137, LegS, second form", M, 2.0 * n + 1, 'change_gauge(legs, "plain")', plain)

# %%
# A window: LegT and the Legendre Memory Unit
# -------------------------------------------
# The unit of time also differs here: halving A and B doubles the window.

theta = 3.0
sign = (-1.0) ** np.abs(row - column)
legt_1, legt_2 = ss.legt(N, theta=1.0), ss.legt(N, theta=2.0)
lmu = ss.change_gauge(ss.legt(N, theta), "lmu")
# Theorem 1 prints c' = -A c + B f.
paper = (2.0 * row + 1) * np.where(row >= column, sign, 1.0) / theta
compare(
    "HiPPO paper, theorem 1", -paper, (2.0 * n + 1) * (-1.0) ** n / theta, 'legt(theta), gauge "lmu"', lmu
)
code = -root[:, None] * np.where(row < column, sign, 1.0) * root
compare("hippo-code, 'legt'; HiPPO paper, appendix D.1", code, root, "legt(theta=1)", legt_1)
compare("S4, 'legt'", 0.5 * code, 0.5 * root, "legt(theta=2)", legt_2)
voelker = (2.0 * row + 1) / theta * np.where(row < column, -1.0, -sign)
B = (2.0 * n + 1) / theta * (-1.0) ** n
compare("LMU paper, KerasLMU, nengolib, 'lmu'", voelker, B, 'legt(theta), gauge "lmu"', lmu)

# %%
# Su's article 10114 obtains :math:`B_n = (2n+1)/w` from :math:`B_n = \sqrt{2(2n+1)}/w` by a gauge that is
# printed as :math:`2/\sqrt{2n+1}`. It must be :math:`\sqrt2/\sqrt{2n+1}`; the result is the LMU up to the
# signs
# :math:`(-1)^n`:

B_su = ss.change_gauge(legt_1, "su").B
print("printed  ", (B_su / (2 / root)).round(3))
print("corrected", (B_su / (np.sqrt(2) / root)).round(3))

# %%
# In exact form, from the derivation:

symbolic.change_gauge(symbolic.hippo_closure(symbolic.legt, 4), "lmu").A

# %%
# Decays: LagT
# ------------

compare("HiPPO paper, theorem 1: c' = -A c + B f", -np.tril(np.ones((N, N))), np.ones(N), "lagt", ss.lagt(N))
code = 0.5 * np.eye(N) - np.tril(np.ones((N, N)))
compare("hippo-code and S4, 'lagt'", code, np.ones(N), "lagt(beta=0)", ss.lagt(N, beta=0.0))
a, b = 0.3, 0.7
L = np.exp(0.5 * (gammaln(n + a + 1) - gammaln(n + 1)))
A = -np.eye(N) * (1 + b) / 2 - np.tril(np.ones((N, N)), -1)
B = binom(a + n, n) * np.exp(-0.5 * gammaln(1 - a)) * b ** ((1 - a) / 2)
compare("hippo-code and S4, 'glagt'", A * L / L[:, None], B / L, "lagt(alpha, beta)", ss.lagt(N, a, b))

# %%
# Fourier windows: the first real difference
# ------------------------------------------
# The real matrices of "How to Train Your HiPPO" and of S4 belong to a window of two units. The complex ones
# of the HiPPO paper (and of Su's 10114, and of WaLRUS) are in another gauge *and describe another memory*, an
# echo: see :doc:`plot_1_hippo_derived`. In diffmath they are ``as_published=True``.

waves = 2  # each with its cosine and its sine
order = 2 * waves + 1
b = np.array([1.0, *[np.sqrt(2), 0.0] * waves])
turn = np.zeros((order, order))
for k in range(1, waves + 1):
    turn[2 * k, 2 * k - 1], turn[2 * k - 1, 2 * k] = np.pi * k, -np.pi * k
compare(
    "S4, 'fout', less its dead state sin 0",
    turn - b[:, None] * b,
    b,
    "fout(theta=2)",
    ss.fout(order, theta=2.0),
)

# S4's "fourier_decay" halves the closure, which gives the published system of the HiPPO paper.
echo = ss.fout(order, theta=2.0, as_published=True)
compare("S4, 'fourier_decay'", turn - 0.5 * b[:, None] * b, 0.5 * b, "fout(theta=2, as_published=True)", echo)

k = np.array([0, 1, -1, 2, -2])  # complex waves in place of cosines and sines: a unitary gauge
pairs = np.eye(order, dtype=complex)
for j in range(1, order, 2):
    pairs[j : j + 2, j : j + 2] = np.array([[1, 1j], [1, -1j]]) / np.sqrt(2)
A = 2j * np.pi * np.diag(k) - np.ones((order, order))
published = ss.fout(order, as_published=True)
error = abs(pairs @ published.A @ pairs.conj().T - A).max(), abs(pairs @ published.B - 1.0).max()
print(
    "HiPPO paper, appendix D.4.1, is the published window in a unitary gauge:", *map("{:.0e}".format, error)
)

# %%
# The sample and the lag
# ----------------------
# In a discrete system of S4, sample k enters at step k: :math:`x_k = \bar A x_{k-1} + \bar B u_k`. In SciPy
# and MATLAB it enters one step later, :math:`x_{k+1} = \bar A x_k + \bar B u_k`; Su's 10162 prints S4's
# recurrence with the kernel index of the other convention. The S4 layer keeps C when it discretises. The
# bilinear transform of SciPy changes C and D, which gives a different filter: S4's is :math:`\tfrac{2}{1+z}`
# times it, with :math:`z = e^{-i\omega\,dt}`, equal at low frequencies and larger at high ones. `policy`
# selects one of them.

dt = 0.01
continuous = ss.legs(N).with_output(np.ones(N))
omega = np.linspace(1.0, 300.0, 60)
s4 = ss.frequency_response(ss.bilinear(continuous, dt), omega)
tustin = ss.frequency_response(ss.bilinear(continuous, dt, policy="scipy"), omega)
z = np.exp(-1j * omega * dt)
print(f"S4's bilinear rule times (1 + z)/2, against Tustin: {abs(s4 * (1 + z) / 2 - tustin).max():.0e}")

# %%
# The step of LegS
# ----------------
# This is the second real difference. :math:`t\,c' = A c + B u` must be discretised, and the published steps
# differ: the codes take :math:`A/k` on both sides of the bilinear rule, the paper :math:`A/k` on the right
# and
# :math:`A/(k+1)` on the left, both with :math:`B u_k/k`. These are first-order steps. In logarithmic time the
# equation has constant coefficients, the step is :math:`h = \ln\frac{k+1}{k}`, the order is two, and the cost
# is the same; `memorize` uses it. The plot shows the errors against the exact projection.


def steps(u, system, clock):
    """Run the bilinear rule with the steps ``clock(k)`` of the state, on both sides, and of the input."""
    identity, c = np.eye(system.order), np.eye(system.order)[0] * u[0]
    for k in range(1, len(u)):
        right, left, last = clock(k)
        c = c + 0.5 * right * (system.A @ c) + last * system.B * u[k]
        c = np.linalg.solve(identity - 0.5 * left * system.A, c)
    return c


clocks = {
    "code: 1/k, 1/k": lambda k: (1 / k, 1 / k, 1 / k),
    "paper: 1/k, 1/(k+1)": lambda k: (1 / k, 1 / (k + 1), 1 / k),
    "logarithm: ln((k+1)/k)": lambda k: 3 * (np.log1p(1 / k),),
}
system, lengths = ss.legs(32), np.array([125, 250, 500, 1000])
errors = {name: [] for name in clocks}
for length in lengths:
    u = np.sin(6 * np.pi * (np.arange(length) + 0.5) / length)
    exact = ss.project(system, u)
    for name, clock in clocks.items():
        found = steps(u, system, clock)
        errors[name].append(np.linalg.norm(found - exact) / np.linalg.norm(exact))
fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
plot.convergence(lengths, errors, ax=ax, xlabel="samples", ylabel="error of the coefficients")

# %%
# The library gives the same numbers:

u = np.sin(6 * np.pi * (np.arange(1000) + 0.5) / 1000)
by_hand = steps(u, system, clocks["logarithm: ln((k+1)/k)"])
memory = ss.memorize(system, u, ss.bilinear)[-1]
print(f"memorize against the loop above: {abs(memory - by_hand).max():.0e}")
