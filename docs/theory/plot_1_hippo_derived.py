r"""
HiPPO derived
=============

A memory of a signal u is a small vector, the coefficients of the past in some basis,

.. math::
   c_n(t) &= \int_0^1 u(ts)\,K_n(s)\,ds  &&\text{(scaled: the whole past)} \\
   c_n(t) &= \int_0^\theta u(t-s)\,K_n(s)\,ds  &&\text{(translated: a window or a decay)}

with the kernels :math:`K_n = g_n w`: a basis :math:`g` that is orthonormal under a weight :math:`w`. The idea
of HiPPO is that such a memory can be updated without access to the past, by a linear equation. This page
derives that equation step by step for each measure of the literature. SymPy computed every formula in a box
below when the page was built; none was typed in.

Differentiate and integrate by parts. For a scaled memory,

.. math:: t\,c'(t) = K(1)\,u(t) - \int_0^1 u(ts)\,(sK)'(s)\,ds,

and for a translated one,

.. math:: c'(t) = K(0)\,u(t) - K(\theta)\,u(t-\theta) + \int_0^\theta u(t-s)\,K'(s)\,ds.

If :math:`-(sK)' = A K`, or :math:`K' = A K`, then the integral is :math:`A c`, and the equation is closed.
This is the only condition: *the span of the kernels must be invariant under one differentiation*.
"""

# %%
# LegS: the whole past, evenly
# ----------------------------
# Weight 1 on [0, 1], shifted Legendre polynomials, orthonormal.

import matplotlib.pyplot as plt
import numpy as np
import sympy

from diffmath import plot, symbolic
from diffmath import statespace as ss

s, t = sympy.symbols("s t", positive=True)
order = 4
K = sympy.Matrix([sympy.expand(symbolic.legs.basis(n, s) * symbolic.legs.weight(s)) for n in range(order)])
K

# %%
# They are orthonormal: the Gram matrix is the identity.

gram = (K * K.T).applyfunc(lambda entry: sympy.integrate(entry, (s, 0, 1)))
gram

# %%
# Differentiate them once:

moved = -(s * K).diff(s)
moved.applyfunc(sympy.expand)

# %%
# The results are polynomials of the same degrees, so they are linear combinations of the kernels. Since the
# kernels are orthonormal, the matrix of the combination consists of inner products. This matrix is A; the
# value of the kernels at the present is B.

A = (moved * K.T).applyfunc(lambda entry: sympy.integrate(sympy.expand(entry), (s, 0, 1)))
B = K.subs(s, 1)
A

# %%
# The equation *closes*: the difference of the derivatives and the combination is zero, as a polynomial in s.

(moved - A * K).applyfunc(sympy.expand).T

# %%
# `symbolic.derive_hippo` does this computation for any measure. It finds A by matching coefficients instead
# of integrating, so it also proves the closure.

derived_A, derived_B = symbolic.derive_hippo(symbolic.legs, order)
assert (derived_A, derived_B) == (A, B)
sympy.Matrix.hstack(derived_A, derived_B)

# %%
# None of these steps approximates anything: the LegS memory *is* the Legendre projection of the whole past at
# every time. The eigenvalues are :math:`-1, \ldots, -N`: it forgets like powers of the elapsed time.

sympy.Matrix(sorted(A.eigenvals(), reverse=True)).T

# %%
# JacS: the whole past with more weight on the present
# ----------------------------------------------------
# The weight :math:`s^\beta` with Jacobi polynomials also closes exactly, for all :math:`\beta` at once; LegS
# is :math:`\beta = 0`. (With a weight :math:`(1-s)^a`, the derivatives of the kernels have a pole at the
# present, and the equation does not close.)

beta = sympy.Symbol("beta", positive=True)
A, B = symbolic.derive_hippo(symbolic.jacs(beta), 3)
A

# %%
# LegT: a window, and the value that drops out of it
# --------------------------------------------------
# This is the translated form, with weight 1 on the ages [0, 1]. The derivatives of the kernels are
# polynomials of lower degree, so :math:`K' = A_0 K` holds.

K = sympy.Matrix([sympy.expand(symbolic.legt.basis(n, s)) for n in range(order)])
A_0 = (K.diff(s) * K.T).applyfunc(lambda entry: sympy.integrate(sympy.expand(entry), (s, 0, 1)))
assert (K.diff(s) - A_0 * K).applyfunc(sympy.expand).is_zero_matrix
A_0

# %%
# The boundary term :math:`-K(1)\,u(t-1)` remains: to move the window, one must know the value that drops out
# of it, one unit of time ago. The memory holds an approximation of this value, its own series at the end,
# :math:`u(t-1) \approx h \cdot c` with :math:`h = g(1)`. This is the *end closure*, the only approximation:

h = K.subs(s, 1)
A, B = A_0 - h * h.T, K.subs(s, 0)
assert symbolic.derive_hippo(symbolic.legt, order) == (A, B)
A

# %%
# How accurate is it? Drive the memory with :math:`e^{pt}`: its approximation of the value that drops out is
# :math:`h \cdot c`, a rational function of p. The exact value is the delay, :math:`e^{-p}`. Among all
# rational functions of these degrees it approximates the delay to the highest order at p = 0: it is the Padé
# approximant, and the error starts with the power 2N.

p = sympy.Symbol("p")
delayed = sympy.factor(sympy.simplify((h.T * (p * sympy.eye(order) - A).inv() * B)[0]))
delayed

# %%

sympy.series(delayed - sympy.exp(-p), p, 0, 2 * order + 1)

# %%
# The Fourier window: the jump at the ends
# ----------------------------------------
# The same with :math:`g = (1, \sqrt2\cos 2\pi s, \sqrt2\sin 2\pi s, \ldots)`. Differentiation maps each
# cosine to its sine: :math:`K' = A_0 K` with a rotation, and :math:`b = g(0) = g(1)`.

order = 5
K = sympy.Matrix([symbolic.fout().basis(n, s) for n in range(order)])
A_0 = (K.diff(s) * K.T).applyfunc(lambda entry: sympy.integrate(entry, (s, 0, 1)))
assert (K.diff(s) - A_0 * K).applyfunc(sympy.expand).is_zero_matrix
b = K.subs(s, 0)
sympy.Matrix.hstack(A_0, b)

# %%
# For the end, the HiPPO paper again takes the series, :math:`u(t-1) \approx b \cdot c`. But a Fourier series
# is periodic: it identifies the two ends of the window, where it has a jump from u(t - 1) to u(t), and *there
# it converges to the middle of the jump*, :math:`b \cdot c \to \tfrac12(u(t) + u(t-1))`, for any number of
# terms. Solved for the value that drops out, this is :math:`u(t-1) = 2\,b \cdot c - u(t)`:

A, B = A_0 - 2 * b * b.T, 2 * b
assert symbolic.derive_hippo(symbolic.fout(), order) == (A, B)
A

# %%
# What does the published closure do instead? It computes :math:`c' = A_0 c - b\,(b \cdot c) + b\,u`, so its
# coefficients are those of *some* signal f on the window, which moves with age. At the joint, f jumps from
# f(1) to f(0). The rotation alone would carry f(1) over to f(0); the last two terms add the jump
# :math:`f(0) - f(1) = u - b \cdot c`, where the series is again the middle. Solve for the value that enters:

f_0, f_1, u = sympy.symbols("f_0 f_1 u")
entering = sympy.solve(sympy.Eq(f_0 - f_1, u - (f_0 + f_1) / 2), f_0)[0]
sympy.Eq(f_0, sympy.expand(entering))

# %%
# Two thirds of the input enter, and *one third of the value that drops out enters again*: the last window is
# remembered with the factor 2/3, the one before with 2/9, the next with 2/27. This memory is not a window but
# a fading echo. The numerical system shows it: the weight that the memory's mean, :math:`c_0`, gives to every
# age.

step, windows = 1 / 256, 4
closures = {"midpoint": ss.fout(129), "as published": ss.fout(129, as_published=True)}
mean = np.eye(129)[0]
ages = (np.arange(windows * 256) + 0.5) * step
fig, axes = plt.subplots(2, 1, figsize=(7, 4.2), sharex=True, sharey=True, layout="constrained")
for ax, (name, system) in zip(axes, closures.items()):
    weight = ss.kernel(ss.zoh(system.with_output(mean), step), windows * 256) / step
    ax.plot(ages, weight, color=plot.COLORS["blue"], lw=1)
    for j, mass in enumerate(step * weight.reshape(windows, -1).sum(axis=1)):
        ax.text(j + 0.5, 1.12, f"{mass:.3f}", ha="center")
    ax.set_xticks(range(windows + 1))
    plot.tidy(ax, title=f"end closure {name}: weight of each age, and of each window", ylabel="weight")
axes[0].set_ylim(-0.25, 1.45)
axes[1].set_xlabel("age, in windows")

# %%
# One family contains both. With a retention r, the value that drops out enters again with the factor r:
# `symbolic.foud`. The published equation is r = 1/3, the window r = 0.

assert symbolic.derive_hippo(symbolic.foud(sympy.Rational(1, 3)), order) == symbolic.derive_hippo(
    symbolic.fout(as_published=True), order
)

# %%
# LagT: no end
# ------------
# On the ages from 0 to infinity, with the weight :math:`e^{-s}` and Laguerre polynomials, nothing drops out,
# because the kernels vanish at infinite age. The equation closes exactly:

order = 4
K = sympy.Matrix([sympy.expand(sympy.laguerre(n, s)) * sympy.exp(-s) for n in range(order)])
A, B = symbolic.derive_hippo(symbolic.lagt(), order)
assert (K.diff(s) - A * K).applyfunc(sympy.simplify).is_zero_matrix
assert K.subs(s, 0) == B
A

# %%
# Tilted by another exponential, this is the generalised measure of the HiPPO paper; its code takes
# :math:`\beta = 0`, where the kernels are the orthonormal Laguerre functions.

rate = sympy.Symbol("beta", positive=True)
symbolic.derive_hippo(symbolic.lagt(0, rate), 3)[0]

# %%
# One derivation, two clocks
# --------------------------
# The scaled form is the translated form in another clock: with :math:`s = e^{-\tau}`, :math:`t\,d/dt` is
# :math:`d/d\ln t`, and a position in the whole past becomes an age in logarithmic time. Run at a constant
# speed, as in S4, LegS has exponentially stretched Legendre polynomials as kernels, :math:`e^{\tau A} B =
# K(e^{-\tau})\,e^{-\tau}`:

A, B = symbolic.derive_hippo(symbolic.legs, 3)
tau = sympy.Symbol("tau", positive=True)
stretched = sympy.Matrix([symbolic.legs.basis(n, sympy.exp(-tau)) * sympy.exp(-tau) for n in range(3)])
assert ((tau * A).exp() * B - stretched).applyfunc(sympy.simplify).is_zero_matrix
stretched.applyfunc(sympy.expand)
