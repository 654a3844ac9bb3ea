r"""
The bases
=========

The first five functions :math:`g_n` of every shipped measure, in which its memory reconstructs the past. Time
runs from left to right; the present is at the right edge: position 1 of the whole past, or age 0.
"""

# %%
# The whole past
# --------------
# LegS weighs all times equally. JacS weighs them by a power of the position, and its functions are large
# where the weight is small. FouS has sines and cosines at all positions.

import matplotlib.pyplot as plt
import sympy

from diffmath import plot, symbolic

half = sympy.Rational(1, 2)


def show(measures, *, kernels=False, highest=None):
    """One panel a measure, one legend for all; curves are cut at `highest`."""
    fig, axes = plt.subplots(
        1, len(measures), figsize=(3.6 * len(measures) + 1, 3), layout="constrained", squeeze=False
    )
    for ax, measure in zip(axes[0], measures):
        plot.basis(measure, 5, kernels=kernels, ax=ax)
        ax.get_legend().remove()
        if highest is not None:
            ax.set_ylim(-highest, highest)
        ax.axhline(0, color="0.85", lw=0.8, zorder=0)
    for ax in axes[0, 1:]:
        ax.set_ylabel("")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center", frameon=False)


show([symbolic.legs, symbolic.jacs(2), symbolic.fous], highest=4)

# %%
# Windows
# -------
# The last unit of time. The waves of a Fourier window have the same values at both of its ends, which its end
# closure must account for; Fourier decay, `foud`, has the same waves. A tilt reduces the weight of old ages,
# and the basis functions grow there accordingly. A window with Chebyshev or other Jacobi polynomials is the
# Legendre window in other coordinates.

show([symbolic.legt, symbolic.fout(), symbolic.tilt(symbolic.legt, 1)])

# %%
# Decays
# ------
# Laguerre polynomials under :math:`e^{-s}`; their kernels :math:`g_n w`; and the orthonormal Laguerre
# functions of ``beta=0``, whose weight is 1, so that basis and kernels are equal.

show([symbolic.lagt(), symbolic.lagt(beta=0)], highest=1.5)

# %%

show([symbolic.lagt(), symbolic.lagt(half, half)], kernels=True)
