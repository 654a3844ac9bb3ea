r"""
Define your own measure
=======================

A memory is a basis, a weight and a clock. If the span of your basis is closed under differentiation, the
matrices of its memory follow exactly, and every solver, kernel and discretization of `statespace` applies to
it. This page builds two memories that no paper has published: one that remembers the whole past in fractional
powers, with the most detail near its *beginning*, and a bank of leaky integrators.
"""

# %%
# A basis with detail at the start: Müntz polynomials
# ---------------------------------------------------
# Combinations of :math:`1, s^{1/2}, s, s^{3/2}, \ldots`, where s is the position in the whole past, 0 its
# start and 1 the present. They change fast near 0. Each power is an eigenfunction of :math:`s\,d/ds`, so the
# span closes for any exponents. `Measure` needs an orthonormal basis; Gram-Schmidt computes one exactly.

from functools import lru_cache

import matplotlib.pyplot as plt
import numpy as np
import sympy

from diffmath import plot, symbolic
from diffmath import statespace as ss

half = sympy.Rational(1, 2)
x = sympy.Symbol("x", positive=True)


@lru_cache
def orthonormal(n):
    """Gram-Schmidt on the powers x^(n/2), under weight 1 on [0, 1]."""
    g = x ** (n * half)
    for k in range(n):
        g -= sympy.integrate(sympy.expand(g * orthonormal(k)), (x, 0, 1)) * orthonormal(k)
    return sympy.expand(g / sympy.sqrt(sympy.integrate(sympy.expand(g**2), (x, 0, 1))))


muntz = symbolic.Measure(
    name="Müntz, exponents n/2",
    basis=lambda n, s: orthonormal(n).subs(x, s),
    weight=lambda s: sympy.S.One,
)
plot.basis(muntz, 5)

# %%
# Derive
# ------
# The closure is proven, not assumed: `hippo_closure` solves :math:`-(sK)' = A K` by matching coefficients in
# exact arithmetic.

found = symbolic.hippo_closure(muntz, 4)
print(found.equation, "  closure:", found.closure)
found.A

# %%
# The eigenvalues are -(1 + exponent), as expected.

sympy.Matrix(sorted(found.A.eigenvals(), reverse=True)).T

# %%
# If your basis does not close, the error states the norm of what is left out. Sines are orthonormal, but
# their derivatives are cosines:


def sines(n, s):
    return sympy.sqrt(2) * sympy.sin(sympy.pi * (n + 1) * s)


try:
    symbolic.derive_hippo(symbolic.Measure(name="sines", basis=sines, weight=lambda s: sympy.S.One), 2)
except ValueError as error:
    print(error)

# %%
# Run
# ---
# Convert the matrices to numbers and build a system. The equation is :math:`t\,c' = A c + B u`. In the time
# :math:`\ln t` its coefficients are constant, and a sample that is constant over the cell from k to k + 1 is
# integrated *without error* by a zero-order hold with step :math:`h = \ln\frac{k+1}{k}`. (`memorize` does
# this for the shipped measures; for your own, write the loop below.)

order, samples = 6, 400
A, B = symbolic.derive_hippo(muntz, order)
system = ss.StateSpace(np.array(A, dtype=float), np.array(B, dtype=float)[:, 0])

s = (np.arange(samples) + 0.5) / samples
u = np.sin(7 * np.sqrt(s)) + 0.3 * s

c = np.zeros(order)
c[0] = u[0]  # after one sample the past is constant, and g_0 = 1
for k in range(1, samples):
    step = ss.zoh(system, np.log1p(1 / k))
    c = step.A @ c + step.B * u[k]

# %%
# Check against quadrature
# ------------------------
# The exact coefficients are the integrals :math:`\int_0^1 u(s)\,g_n(s)\,ds` of the sampled signal. An
# antiderivative of :math:`g_n` gives the exact integral over each cell.

knots = np.arange(samples + 1) / samples
z = sympy.Symbol("z", positive=True)
antiderivatives = symbolic.lower([sympy.integrate(orthonormal(n), (x, 0, z)) for n in range(order)], (z,), x)
cells = np.diff(antiderivatives(0.0, knots[:, None]), axis=0)
exact = u @ cells
print("memory    ", c.round(12))
print("quadrature", exact.round(12))
assert abs(c - exact).max() < 1e-12

# %%
# Reconstruct the past, and compare with a LegS memory with the same number of states. Both hold the best
# approximation in their span; this signal is smooth in :math:`\sqrt{s}`, which suits the Müntz basis.

basis = symbolic.lower([orthonormal(n) for n in range(order)], (x,), z)
legs = ss.legs(order)
history = {"Müntz": basis(0.0, s[:, None]) @ c, "LegS": ss.reconstruct(legs, ss.project(legs, u), s)}
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.plot(s, u, color="0.75", lw=5, label="signal")
for (name, u_hat), color in zip(history.items(), ("blue", "red")):
    error = np.sqrt(np.mean((u_hat - u) ** 2))
    ax.plot(s, u_hat, color=plot.COLORS[color], lw=1.3, label=f"{name}, 6 states: error {error:.4f}")
ax.legend(frameon=False)
plot.tidy(ax, title="Two memories of the whole past", xlabel="position in the past (1 is now)")

# %%
# A bank of leaky integrators
# ---------------------------
# The same method with another clock: ages from 0 to infinity, and combinations of :math:`e^{-s}, e^{-2s},
# e^{-4s}, \ldots`, made orthonormal under weight 1. Exponentials are eigenfunctions of :math:`d/ds`, so the
# span closes for any rates.

rates = [1, 2, 4, 8, 16]


@lru_cache
def leaky(n):
    g = sympy.exp(-rates[n] * x)
    for k in range(n):
        g -= sympy.integrate(sympy.expand(g * leaky(k)), (x, 0, sympy.oo)) * leaky(k)
    return sympy.expand(g / sympy.sqrt(sympy.integrate(sympy.expand(g**2), (x, 0, sympy.oo))))


bank = symbolic.Measure(
    name="leaky integrators",
    basis=lambda n, s: leaky(n).subs(x, s),
    weight=lambda s: sympy.S.One,
    memory="translated",
    length=sympy.oo,
)
A, B = symbolic.derive_hippo(bank, 4)
A

# %%
# A translated memory is an ordinary time-invariant system: `kernel`, `convolve`, `simulate`, `nplr` and the
# other functions accept it. The kernels of its states are the basis functions:

A, B = symbolic.derive_hippo(bank, 5)
states = ss.StateSpace(np.array(A, dtype=float), np.array(B, dtype=float)[:, 0], C=np.eye(5))
dt, lags = 1 / 64, 256
K = ss.kernel(ss.zoh(states, dt), lags)
primitive = symbolic.lower([sympy.integrate(leaky(n), (x, 0, z)) for n in range(5)], (z,), x)
cells = np.diff(primitive(0.0, dt * np.arange(lags + 1)[:, None]), axis=0).T
print(f"kernels against quadrature: {abs(K - cells).max():.0e}")
assert abs(K - cells).max() < 1e-12
plot.basis(bank, 5)
