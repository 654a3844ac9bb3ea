r"""
What closes, and what does not
==============================

Not every basis and weight give a memory that satisfies a linear equation. `symbolic.hippo_closure` classifies
a measure: *exact*; *end*, exact except for the value that drops out of a window; or *truncated*, with the
norm of what a projection would cut off. `symbolic.derive_hippo` returns matrices in the first two cases and
refuses the third. The cases below ran when the page was built.
"""

# %%
# The shipped measures
# --------------------

import matplotlib.pyplot as plt
import numpy as np
import sympy

from diffmath import plot, symbolic

half = sympy.Rational(1, 2)
measures = [symbolic.legs, symbolic.jacs(half), symbolic.lagt(half, half), symbolic.legt]
measures += [symbolic.fout(), symbolic.fout(as_published=True), symbolic.foud(half), symbolic.fous]
for measure in measures:
    found = symbolic.hippo_closure(measure, 3)
    residual = "" if found.residual == 0 else f"   residual {found.residual} = {float(found.residual):.3f}"
    print(f"{measure.name:40s} {found.equation:18s} {found.closure:9s}{residual}")

# %%
# The report also holds the unit of time and the gauge, the factors by which the basis must be divided to be 1
# at the present.

found = symbolic.hippo_closure(symbolic.legt, 4)
print(found.equation, "| time:", found.unit)
found.gauge

# %%
# FouS: a truncated memory
# ------------------------
# The Fourier series of the whole past does not close: :math:`-(s\,g_n)'` contains :math:`s \sin 2\pi n s`,
# which is not in the span. The norm of what is left out grows with the order, so more states do not improve
# the approximation. Check its accuracy in each application.

for order in (1, 3, 5, 7):
    found = symbolic.hippo_closure(symbolic.fous, order)
    print(order, found.closure, found.residual, f"= {float(found.residual):.3f}")

# %%
# `derive_hippo` refuses it, with the norm and a remedy:

try:
    symbolic.derive_hippo(symbolic.fous, 3)
except ValueError as error:
    print(error)

# %%
# The projection is available: the matrices of Su's article 10137 in real form.

symbolic.hippo_closure(symbolic.fous, 5).A

# %%
# An even number of waves
# -----------------------
# A Fourier window of even order has a cosine without its sine. (The S4 code fills the place with
# :math:`\sin 0 = 0`, a state that is always zero.)

try:
    symbolic.derive_hippo(symbolic.fout(), 4)
except ValueError as error:
    print(error)

# %%
# A basis that is not orthonormal
# -------------------------------
# The powers :math:`1, s, s^2, \ldots` do close, but their moments are not coefficients: the past cannot be
# reconstructed from them.

powers = symbolic.Measure(name="powers", basis=lambda n, s: s**n, weight=lambda s: sympy.S.One)
try:
    symbolic.derive_hippo(powers, 3)
except ValueError as error:
    print(error)

# %%
# Hermite functions
# -----------------
# They are defined on the whole line, including the future. The even ones are a basis of the past under the
# weight :math:`e^{-s^2}`; their derivatives are odd and leave the span.


def even_hermite(n, s):
    norm = sympy.sqrt(2 / (sympy.sqrt(sympy.pi) * 4**n * sympy.factorial(2 * n)))
    return norm * sympy.hermite(2 * n, s)


gauss = symbolic.Measure(
    name="even Hermite functions",
    basis=even_hermite,
    weight=lambda s: sympy.exp(-(s**2)),
    memory="translated",
    length=sympy.oo,
)
try:
    symbolic.derive_hippo(gauss, 3)
except ValueError as error:
    print(error)

# %%
# A weight that vanishes at the present
# -------------------------------------
# Jacobi polynomials under :math:`1 - s`: the derivative of a kernel, divided by the weight, has a pole.

distant = symbolic.Measure(
    name="weight 1 - s",
    basis=lambda n, s: sympy.sqrt(2 * n + 2) * sympy.jacobi(n, 1, 0, 2 * s - 1),
    weight=lambda s: 1 - s,
)
try:
    symbolic.derive_hippo(distant, 3)
except ValueError as error:
    print(error)

# %%
# A memory of infinite age that does not fade
# -------------------------------------------

endless = symbolic.Measure(
    name="one endless wave",
    basis=lambda n, s: sympy.cos(s),
    weight=lambda s: sympy.S.One,
    memory="translated",
    length=sympy.oo,
)
try:
    symbolic.derive_hippo(endless, 1)
except (ValueError, NotImplementedError) as error:
    print(error)

# %%
# What the closure of a window costs
# ----------------------------------
# The two windows differ only in their end closure. LegT takes the value that drops out from its own
# polynomial. It is almost exact once the order well exceeds half the window length times the angular
# frequency; below that it does not resolve the wave. A Fourier window is exact at the frequencies that fit
# its length, and inaccurate between them. The plot shows the error of the value that drops out, for a wave
# :math:`e^{i\omega t}`: for LegT it is :math:`h (i\omega - A)^{-1} B`, compared with :math:`e^{-i\omega}`.

from diffmath import statespace as ss

omega = np.linspace(0.5, 60, 500)
delay = np.exp(-1j * omega)
fig, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True, layout="constrained")
for order, color in ((9, "orange"), (17, "red"), (33, "blue")):
    n = np.arange(order)
    end = (-1.0) ** n * np.sqrt(2 * n + 1)
    found = ss.frequency_response(ss.legt(order).with_output(end), omega)
    axes[0].semilogy(omega, np.abs(found - delay), color=plot.COLORS[color], label=f"order {order}")
    # 2 b.c - u, and 2 b is the B of the system.
    system = ss.fout(order)
    found = ss.frequency_response(system.with_output(system.B, -1.0), omega)
    axes[1].semilogy(omega, np.abs(found - delay), color=plot.COLORS[color], label=f"order {order}")
axes[0].set_ylim(1e-12, 10)
axes[0].legend(frameon=False, fontsize=9)
for ax, name in zip(axes, ("Legendre window", "Fourier window")):
    plot.tidy(ax, title=name, xlabel="angular frequency times window")
axes[0].set_ylabel("error of what drops out")
