r"""
Memorise a signal
=================

Compress a signal into a few numbers while it arrives, and reconstruct any part of its past from them. Three
functions do this for every memory: `memorize` processes the samples as they arrive, `project` computes the
exact coefficients afterwards, and `reconstruct` evaluates the remembered signal. You choose *what* to
remember, *how many* numbers to use, and *where* to reconstruct.

=================================  ==========================================================
You want to remember               Use
=================================  ==========================================================
everything so far, evenly          ``legs(order)``
everything, the recent part best   ``jacs(order, beta)``
the last `theta` samples           ``legt(order, theta)``; if it is periodic, ``fout(order, theta)``
the recent past, fading with age   ``lagt(order, timescale=...)``
=================================  ==========================================================

For a memory of your own, see :doc:`plot_2_own_measure`.
"""

# %%
# Remember everything
# -------------------
# The signal: 43 years of weekly CO2 measurements at Mauna Loa.

import matplotlib.pyplot as plt
import numpy as np

from diffmath import data, plot
from diffmath import statespace as ss

record = data.mauna_loa_co2()
year, u = np.asarray(record.year), np.asarray(record.ppm)
weeks = len(u)
print(f"{weeks} weeks, {u.min():.0f} to {u.max():.0f} ppm")

# %%
# `memorize` returns the memory after every sample, stepped by the bilinear rule by default; the last row is
# the current memory. ``every=weeks`` keeps only that row, so that the memory use does not grow with the
# signal.

memory = ss.legs(64)
c = ss.memorize(memory, u, every=weeks)
c.shape

# %%
# Where to reconstruct: the middle of the cell
# --------------------------------------------
# Sample k represents the signal on the cell from k to k + 1, of a history of length `weeks`. It is therefore
# reconstructed at the middle of the cell, ``(k + 0.5) / weeks``. This matters: at the left edge, everything
# is shifted by half a sample, and that error is larger than the error of the memory.

k = np.arange(weeks)
at_middle = ss.reconstruct(memory, c[-1], (k + 0.5) / weeks)
fig, axes = plt.subplots(2, 1, figsize=(8, 4.6), layout="constrained")
axes[0].plot(year, u, color="0.75", lw=3, label="signal")
axes[0].plot(year, at_middle, color=plot.COLORS["blue"], lw=1, label="64 numbers")
axes[0].legend(frameon=False, fontsize=9)
plot.tidy(axes[0], ylabel="CO2, ppm")
fine = ss.legs(256)
c_fine = ss.memorize(fine, u, every=weeks)[-1]
recent = slice(weeks - 400, weeks)
axes[1].plot(year[recent], u[recent], color="0.75", lw=3)
axes[1].plot(
    year[recent], ss.reconstruct(fine, c_fine, (k[recent] + 0.5) / weeks), color=plot.COLORS["blue"], lw=1.2
)
plot.tidy(axes[1], title="256 numbers, the last 400 weeks", ylabel="CO2, ppm")

# %%
# How many numbers
# ----------------
# A polynomial needs more than :math:`\pi` coefficients for each period that it is to follow. Below that it
# only follows the trend; above, the error falls fast. The seasons are 43 periods here, so the error drops at
# about 135. The online memory is nearly as accurate as the exact projection: the remaining error is that of
# the polynomial approximation itself.

orders = np.array([4, 8, 16, 32, 64, 128, 192, 256])
rms = {"memorize, online": [], "project, exact": []}
for order in orders:
    system = ss.legs(int(order))
    online, exact = ss.memorize(system, u, every=weeks)[-1], ss.project(system, u)
    for name, coefficients in (("memorize, online", online), ("project, exact", exact)):
        error = ss.reconstruct(system, coefficients, (k + 0.5) / weeks) - u
        rms[name].append(np.sqrt(np.mean(error**2)))
fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
plot.convergence(orders, rms, ax=ax, xlabel="numbers kept", ylabel="error, ppm")

# %%
# Only the last five years
# ------------------------
# A window uses all its coefficients for the samples inside it. `theta` is its length, here in weeks, as a
# sample lasts one unit of time by default. Ages count backwards from now: the position t = 1 - age / theta is
# 1 now and 0 at the far end. The signal is taken as zero before its start; subtract its mean, or wait for one
# window length.

theta = 260.0
window = ss.legt(33, theta)
rows = ss.memorize(window, u, every=1)
ages = np.arange(260) + 0.5
fig, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=False, layout="constrained")
for ax, now in zip(axes, (600, 1400, weeks - 1)):
    inside = slice(now, now - 260, -1)
    ax.plot(year[inside], u[inside], color="0.75", lw=3)
    ax.plot(
        year[inside], ss.reconstruct(window, rows[now], 1 - ages / theta), color=plot.COLORS["blue"], lw=1.2
    )
    plot.tidy(ax, title=f"remembered in week {now}")
axes[0].set_ylabel("CO2, ppm")

# %%
# One row per sample is one memory per sample, so a rolling feature is a linear output of the states. From the
# same states follow the value two years ago and the mean of the last five years:

reader = ss.basis(window, [1 - 104 / theta])
two_years_ago, mean = rows @ reader[0], rows[:, 0]
j = np.arange(500, weeks)
print(f"value two years ago: error {np.sqrt(np.mean((two_years_ago[j] - u[j - 104]) ** 2)):.2f} ppm")
running = np.array([u[i - 259 : i + 1].mean() for i in j])
print(f"mean of five years:  error {np.sqrt(np.mean((mean[j] - running) ** 2)):.3f} ppm")

# %%
# Recent things well, old things roughly
# --------------------------------------
# JacS and LagT are between these two: JacS holds the whole past but weighs it by a power of the position;
# LagT fades with age. All memories below have 24 coefficients.

memories = {
    "legs": ss.legs(24),
    "jacs, beta 8": ss.jacs(24, 8.0),
    "legt, 260 weeks": ss.legt(24, theta),
    "lagt, timescale 10 weeks": ss.lagt(24, beta=0.0, timescale=10.0),
}
ages = np.arange(1000) + 0.5
fig, axes = plt.subplots(len(memories), 1, figsize=(8, 7), sharex=True, sharey=True, layout="constrained")
centred = u - u.mean()
for ax, (name, system) in zip(axes, memories.items()):
    last = ss.memorize(system, centred, every=weeks)[-1]
    length = weeks if name.startswith(("legs", "jacs")) else 260.0 if name.startswith("legt") else 10.0
    t = 1 - ages / length
    seen = t >= 0 if not name.startswith("lagt") else ages < 4 * 24 * 10
    ax.plot(-ages, centred[::-1][:1000], color="0.75", lw=3)
    ax.plot(-ages[seen], ss.reconstruct(system, last, t[seen]), color=plot.COLORS["blue"], lw=1.2)
    ax.set_ylim(5, 40)
    plot.tidy(ax, title=name)
axes[-1].set_xlabel("weeks before now")

# %%
# Online: in chunks, with many channels, with any library
# -------------------------------------------------------
# The next chunk needs only the last row. A memory of the whole past also needs the number of samples already
# processed, `heard`.

memory, state, heard = ss.legs(64), None, 0
for chunk in np.array_split(u, 7):
    state = ss.memorize(memory, chunk, every=len(chunk), state=state, heard=heard)[-1]
    heard += len(chunk)
print(f"in chunks against at once: {abs(state - c[-1]).max() / abs(c[-1]).max():.0e}")

# %%
# A signal may have the shape (samples,), (samples, channels) or (batch, samples, channels). The states have
# the corresponding shape and the same library, device and precision.

many = np.stack([u, np.sin(k / 9.0)], axis=1).astype(np.float32)
rows = ss.memorize(ss.legs(16), many, every=weeks // 4)
print(rows.shape, rows.dtype)
