r"""
HiPPO derived
=============

A memory of a signal u is a handful of numbers, the coefficients of the past in some basis,

.. math::
   c_n(t) &= \int_0^1 u(ts)\,K_n(s)\,ds  &&\text{(scaled: the whole past)} \\
   c_n(t) &= \int_0^\theta u(t-s)\,K_n(s)\,ds  &&\text{(translated: a window or a decay)}

with the kernels :math:`K_n = g_n w`: a basis :math:`g` that is orthonormal under a weight :math:`w`. HiPPO
is the observation that such a memory can be kept up to date without the past, by a linear equation. This
page derives that equation, for each of the measures of the literature, step by step. Every formula in a box
below was computed by SymPy when the page was built; nothing was typed in.

Differentiate and integrate by parts. For a scaled memory,

.. math:: t\,c'(t) = K(1)\,u(t) - \int_0^1 u(ts)\,(sK)'(s)\,ds,

and for a translated one,

.. math:: c'(t) = K(0)\,u(t) - K(\theta)\,u(t-\theta) + \int_0^\theta u(t-s)\,K'(s)\,ds.

If :math:`-(sK)' = A K`, or :math:`K' = A K`, then the integral is :math:`A c`, and the equation is closed.
That is all of HiPPO: *the span of the kernels must be invariant under one differentiation*.
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
# What one differentiation makes of them:

moved = -(s * K).diff(s)
moved.applyfunc(sympy.expand)

# %%
# Polynomials again, of the same degrees: so these are combinations of the kernels, and since the kernels are
# orthonormal the combination is a matrix of inner products. This is A; the value at the present is B.

A = (moved * K.T).applyfunc(lambda entry: sympy.integrate(sympy.expand(entry), (s, 0, 1)))
B = K.subs(s, 1)
A

# %%
# It *closes*: what is left of the derivatives after the combination is zero, as a polynomial in s.

(moved - A * K).applyfunc(sympy.expand).T

# %%
# `symbolic.derive_hippo` is this computation, for any measure. It finds A by matching coefficients instead of
# integrating, so that it also proves the closure.

derived_A, derived_B = symbolic.derive_hippo(symbolic.legs, order)
assert (derived_A, derived_B) == (A, B)
sympy.Matrix.hstack(derived_A, derived_B)

# %%
# No step above approximates anything: the LegS memory *is* the Legendre projection of the whole past, at
# every time. The eigenvalues are :math:`-1, \ldots, -N`: it forgets like powers of the time elapsed.

sympy.Matrix(sorted(A.eigenvals(), reverse=True)).T

# %%
# JacS: the whole past, the present preferred
# -------------------------------------------
# The weight :math:`s^\beta` with Jacobi polynomials closes as well, exactly, and for every :math:`\beta` at
# once; LegS is :math:`\beta = 0`. (With a weight :math:`(1-s)^a`, the kernels' derivatives have a pole at
# the present, and nothing closes.)

beta = sympy.Symbol("beta", positive=True)
A, B = symbolic.derive_hippo(symbolic.jacs(beta), 3)
A

# %%
# LegT: a window, and what it has to forget
# -----------------------------------------
# Now the translated recipe, with weight 1 on the ages [0, 1]. The kernels' derivatives are polynomials of
# lower degree: :math:`K' = A_0 K`, no problem so far.

K = sympy.Matrix([sympy.expand(symbolic.legt.basis(n, s)) for n in range(order)])
A_0 = (K.diff(s) * K.T).applyfunc(lambda entry: sympy.integrate(sympy.expand(entry), (s, 0, 1)))
assert (K.diff(s) - A_0 * K).applyfunc(sympy.expand).is_zero_matrix
A_0

# %%
# But there is the boundary term :math:`-K(1)\,u(t-1)`: to slide the window, one must know the value that
# drops out of it, one unit of time ago. The memory holds an approximation of it, its own series at the end,
# :math:`u(t-1) \approx h \cdot c` with :math:`h = g(1)`. This is the *end closure*, the only approximation:

h = K.subs(s, 1)
A, B = A_0 - h * h.T, K.subs(s, 0)
assert symbolic.derive_hippo(symbolic.legt, order) == (A, B)
A

# %%
# How good is it? Drive the memory with :math:`e^{pt}`: what it believes to drop out is :math:`h \cdot c`, a
# rational function of p. It should be :math:`e^{-p}`, the delay. Of all rational functions of these degrees
# it is the one that meets the delay best at p = 0, the Padé approximant: the error begins with the power 2N.

p = sympy.Symbol("p")
delayed = sympy.factor(sympy.simplify((h.T * (p * sympy.eye(order) - A).inv() * B)[0]))
delayed

# %%

sympy.series(delayed - sympy.exp(-p), p, 0, 2 * order + 1)

# %%
# The Fourier window: mind the jump
# ---------------------------------
# The same with :math:`g = (1, \sqrt2\cos 2\pi s, \sqrt2\sin 2\pi s, \ldots)`. Differentiation turns each
# cosine into its sine: :math:`K' = A_0 K` with a rotation, and :math:`b = g(0) = g(1)`.

order = 5
K = sympy.Matrix([symbolic.fout().basis(n, s) for n in range(order)])
A_0 = (K.diff(s) * K.T).applyfunc(lambda entry: sympy.integrate(entry, (s, 0, 1)))
assert (K.diff(s) - A_0 * K).applyfunc(sympy.expand).is_zero_matrix
b = K.subs(s, 0)
sympy.Matrix.hstack(A_0, b)

# %%
# For the end, the HiPPO paper again takes the series, :math:`u(t-1) \approx b \cdot c`. But a Fourier series
# is periodic: the window's two ends are one point to it, where it has a jump from u(t - 1) to u(t), and
# *there it converges to the middle of the jump*, :math:`b \cdot c \to \tfrac12(u(t) + u(t-1))`, however
# many terms one takes. Solved for what drops out, that is :math:`u(t-1) = 2\,b \cdot c - u(t)`:

A, B = A_0 - 2 * b * b.T, 2 * b
assert symbolic.derive_hippo(symbolic.fout(), order) == (A, B)
A

# %%
# What does the published closure do instead? It runs :math:`c' = A_0 c - b\,(b \cdot c) + b\,u`, and so keeps
# the coefficients of *some* signal f on the window, which moves along with age. At the joint, f jumps from
# f(1) to f(0). The rotation alone would carry f(1) around to f(0); the last two terms add the jump
# :math:`f(0) - f(1) = u - b \cdot c`, where the series is again the middle. Solve for what enters:

f_0, f_1, u = sympy.symbols("f_0 f_1 u")
entering = sympy.solve(sympy.Eq(f_0 - f_1, u - (f_0 + f_1) / 2), f_0)[0]
sympy.Eq(f_0, sympy.expand(entering))

# %%
# Two thirds of the input enter, and *one third of what drops out comes back in*: a window ago is remembered
# by 2/3, two windows ago by 2/9, three by 2/27. This memory is no window but a fading echo. The numerical
# system shows it: the weight that the memory's mean, :math:`c_0`, gives to every age.

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
# One family holds both. With a retention r, what drops out comes back by the factor r on purpose:
# `symbolic.foud`; the published equation is r = 1/3, the window r = 0.

assert symbolic.derive_hippo(symbolic.foud(sympy.Rational(1, 3)), order) == symbolic.derive_hippo(
    symbolic.fout(as_published=True), order
)

# %%
# LagT: no end at all
# -------------------
# On the ages from 0 to infinity, with the weight :math:`e^{-s}` and Laguerre polynomials, nothing drops out,
# because the kernels vanish at infinite age. The recipe closes exactly:

order = 4
K = sympy.Matrix([sympy.expand(sympy.laguerre(n, s)) * sympy.exp(-s) for n in range(order)])
A, B = symbolic.derive_hippo(symbolic.lagt(), order)
assert (K.diff(s) - A * K).applyfunc(sympy.simplify).is_zero_matrix
assert K.subs(s, 0) == B
A

# %%
# Tilted by a further exponential, the generalised measure of the HiPPO paper; its code takes
# :math:`\beta = 0`, where the kernels are the orthonormal Laguerre functions.

rate = sympy.Symbol("beta", positive=True)
symbolic.derive_hippo(symbolic.lagt(0, rate), 3)[0]

# %%
# One recipe, two clocks
# ----------------------
# The scaled recipe is the translated one in another clock: with :math:`s = e^{-\tau}`, :math:`t\,d/dt` is
# :math:`d/d\ln t`, and a position in the whole past becomes an age in logarithmic time. Run LegS at a
# constant speed, as S4 does, and its kernels are Legendre polynomials stretched exponentially,
# :math:`e^{\tau A} B = K(e^{-\tau})\,e^{-\tau}`:

A, B = symbolic.derive_hippo(symbolic.legs, 3)
tau = sympy.Symbol("tau", positive=True)
stretched = sympy.Matrix([symbolic.legs.basis(n, sympy.exp(-tau)) * sympy.exp(-tau) for n in range(3)])
assert ((tau * A).exp() * B - stretched).applyfunc(sympy.simplify).is_zero_matrix
stretched.applyfunc(sympy.expand)
