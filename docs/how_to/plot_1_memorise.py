r"""
Memorise a signal
=================

Keep a signal in a few numbers while it arrives, and read any part of its past back. Three functions do it for
every memory: `memorize` while the samples come in, `project` afterwards and exactly, `reconstruct` the way
back. What you choose is *what* to remember, *how many* numbers to spend, and *where* to read.

=================================  ==========================================================
You want to remember               Take
=================================  ==========================================================
everything so far, evenly          ``legs(order)``
everything, the recent part best   ``jacs(order, beta)``
the last `theta` samples           ``legt(order, theta)``; if it is periodic, ``fout(order, theta)``
what is recent, fading             ``lagt(order, timescale=...)``
=================================  ==========================================================

A memory of your own goes the same way up to its system: :doc:`plot_2_own_measure`.
"""

# %%
# Remember everything
# -------------------
# The signal: 43 years of CO2 over Mauna Loa, a value a week.

import matplotlib.pyplot as plt
import numpy as np

from diffmath import data, plot
from diffmath import statespace as ss

record = data.mauna_loa_co2()
year, u = np.asarray(record.year), np.asarray(record.ppm)
weeks = len(u)
print(f"{weeks} weeks, {u.min():.0f} to {u.max():.0f} ppm")

# %%
# `memorize` returns the memory after every sample, stepped by the bilinear rule unless you say otherwise; the
# last row is the memory now. ``every=weeks`` keeps that row alone, and the cost in memory does not grow with
# the signal.

memory = ss.legs(64)
c = ss.memorize(memory, u, every=weeks)
c.shape

# %%
# Where to read: the middle of the cell
# -------------------------------------
# Sample k is the signal on the whole cell from k to k + 1, of which the whole history has `weeks`. So it is
# read at the middle, ``(k + 0.5) / weeks``. This is not pedantry: read at the left edge, everything is half a
# sample off, and that error hides how good the memory is.

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
# A polynomial needs more than :math:`\pi` numbers for each period it is to follow. Below that it draws the
# trend; above, the error falls fast. Here the seasons are 43 periods: look for the step at about 135. The
# online memory is nearly as good as the exact projection: what is left is what so few polynomials cannot say.

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
# A window spends all its numbers on what is inside. `theta` is its length, here in weeks, as a sample lasts
# one unit of time by default. Ages count backwards from now: a moment t = 1 - age / theta is 1 now and 0 at
# the far end. To begin with, the signal is zero before it starts; subtract its mean, or wait a window.

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
# One row a sample is one memory a sample, so that a rolling feature is an output: the value two years ago and
# the mean of the last five, from the same states.

reader = ss.basis(window, [1 - 104 / theta])
two_years_ago, mean = rows @ reader[0], rows[:, 0]
j = np.arange(500, weeks)
print(f"value two years ago: error {np.sqrt(np.mean((two_years_ago[j] - u[j - 104]) ** 2)):.2f} ppm")
running = np.array([u[i - 259 : i + 1].mean() for i in j])
print(f"mean of five years:  error {np.sqrt(np.mean((mean[j] - running) ** 2)):.3f} ppm")

# %%
# Recent things well, old things roughly
# --------------------------------------
# Between the two: JacS holds the whole past, but weighs it by a power of the position; LagT fades with age.
# All memories below have 24 numbers.

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
# Live: in chunks, many channels, any library
# -------------------------------------------
# The last row is all that the next chunk needs; a memory of the whole past must also be told how many samples
# it has heard.

memory, state, heard = ss.legs(64), None, 0
for chunk in np.array_split(u, 7):
    state = ss.memorize(memory, chunk, every=len(chunk), state=state, heard=heard)[-1]
    heard += len(chunk)
print(f"in chunks against at once: {abs(state - c[-1]).max() / abs(c[-1]).max():.0e}")

# %%
# A signal may be (samples,), (samples, channels) or (batch, samples, channels); the states follow, and so do
# library, device and precision.

many = np.stack([u, np.sin(k / 9.0)], axis=1).astype(np.float32)
rows = ss.memorize(ss.legs(16), many, every=weeks // 4)
print(rows.shape, rows.dtype)
