r"""
What each memory remembers
==========================

Feed a unit pulse into each memory, wait, and reconstruct. In the pictures the horizontal axis is the age of
the pulse, up to three windows (or its position in the whole past); the vertical axis is the age at which the
memory is evaluated. A perfect memory would be a thin diagonal. A polynomial memory is sharp at both ends and
blurred in the middle; Fourier memories are blurred equally everywhere. *Off the diagonal, there should be
nothing.*
"""

# %%
# Windows and decays
# ------------------
# The reconstruction at age a of a pulse at age s is :math:`g(a)^\mathsf{T} e^{sA} B`: the kernel of a system
# whose output is the basis at a. Right of the dashed line, the pulse is older than the window.

import matplotlib.pyplot as plt
import numpy as np

from diffmath import plot
from diffmath import statespace as ss

order, step, windows = 33, 1 / 128, 3
ages = (np.arange(128) + 0.5) * step


def read_back(system, length=1.0, unit=1.0):
    """Rows: the age that is evaluated, divided by length; columns: the age of the pulse."""
    g = ss.basis(system, 1 - length * ages / unit)
    discrete = ss.zoh(system.with_output(g), length * step)
    return ss.kernel(discrete, windows * 128) / (length * step)


def panel(ax, picture, extent, title):
    # Gibbs' ripples have both signs: blue is the sign of the pulse, red the opposite sign.
    limit = 0.5 * order
    ax.imshow(picture, origin="lower", extent=extent, aspect="auto", cmap="RdBu", vmin=-limit, vmax=limit)
    ax.set_xticks(range(extent[1] + 1))
    plot.tidy(ax, title=title)


memories = {
    "legt": ss.legt(order),
    "fout": ss.fout(order),
    "fout, as published": ss.fout(order, as_published=True),
    "foud, retention 0.6": ss.foud(order, 0.6),
}
pictures = {name: read_back(system) for name, system in memories.items()}
fig, axes = plt.subplots(2, 2, figsize=(8.5, 5), sharex=True, sharey=True, layout="constrained")
for ax, (name, picture) in zip(axes.flat, pictures.items()):
    panel(ax, picture, (0, windows, 0, 1), name)
    ax.axvline(1, color="0.3", lw=1, ls="--")
fig.supxlabel("age of the pulse, in windows", fontsize=10)
fig.supylabel("age looked at, in windows", fontsize=10)

# %%
# The published window is an echo: a pulse that should have dropped out reappears one window later, with a
# third of its mass. Fourier decay does the same on purpose. Averaged over the evaluated ages and over the
# pulses of each window, this mass remains:

print(f"{'mass in window':22s}" + "".join(f"{j:>9d}" for j in range(windows)))
for name, picture in pictures.items():
    mean = picture.mean(axis=0)
    masses = mean.reshape(windows, -1).mean(axis=1)
    print(f"{name:22s}" + "".join(f"{mass:9.4f}" for mass in masses))
print(f"{'2/3, 2/9, 2/27':22s}" + "".join(f"{2 / 3**j:9.4f}" for j in range(1, windows + 1)))

# %%
# The weight that the mean gives to every age. Both windows end within a ripple whose width is about the
# window divided by the order. Beyond the window, the Legendre weight is zero; the Fourier weight keeps a fine
# ripple with zero mean, because the midpoint of the jump is exact only in the limit of many waves.

fig, axes = plt.subplots(2, 2, figsize=(8.5, 4), sharex=True, sharey=True, layout="constrained")
everywhere = (np.arange(windows * 128) + 0.5) * step
for ax, (name, system) in zip(axes.flat, memories.items()):
    first = np.eye(order)[0]
    weight = ss.kernel(ss.zoh(system.with_output(first), step), windows * 128) / step
    ax.plot(everywhere, weight, color=plot.COLORS["blue"], lw=1.2)
    ax.axhline(0, color="0.85", lw=0.8, zorder=0)
    ax.axvline(1, color="0.3", lw=1, ls="--")
    plot.tidy(ax, title=name)
axes[0, 0].set_ylim(-0.35, 2.2)
fig.supxlabel("age, in windows", fontsize=10)
fig.supylabel("weight in the mean", fontsize=10)

# %%
# A decay has no window. Laguerre functions cover the ages up to about four times order times timescale; the
# picture resembles a window with a blurred far end.

timescale = 1 / (4 * order)
laguerre = read_back(ss.lagt(order, beta=0.0, timescale=timescale), unit=timescale)
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
panel(ax, laguerre, (0, windows, 0, 1), "lagt, beta 0")
plot.tidy(ax, xlabel="age of the pulse / (4 order timescale)", ylabel="age looked at")

# %%
# The whole past
# --------------
# Here a pulse is one sample of the history; `project` computes its coefficients and `reconstruct` evaluates
# them. LegS is sharpest at both ends of the past. JacS is sharper at the present and less sharp at the
# beginning. FouS, if it closed, would be equally sharp everywhere, but it would connect the beginning with
# the present.

cells = 128
position = (np.arange(cells) + 0.5) / cells
pulses = np.eye(cells) * cells
scaled = {
    name: ss.reconstruct(system, ss.project(system, pulses), position).T
    for name, system in (("legs", ss.legs(order)), ("jacs(1)", ss.jacs(order, 1.0)), ("fous", ss.fous(order)))
}
fig, axes = plt.subplots(1, 3, figsize=(8.5, 3.2), sharex=True, sharey=True, layout="constrained")
for ax, (name, picture) in zip(axes, scaled.items()):
    panel(ax, picture, (0, 1, 0, 1), name)
fig.supxlabel("position of the pulse in the past (1 is now)", fontsize=10)
fig.supylabel("position looked at", fontsize=10)
