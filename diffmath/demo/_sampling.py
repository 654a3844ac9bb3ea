"""Part 2: sample real data by an exact score, in the plane and as images; likelihood of held-out digits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import diffusion, plot, random
from diffmath._core.solution import Solution
from diffmath.demo._digits import Digits, Sampled
from diffmath.demo._part import Figure, Part, Settings, save

__all__ = ["sample_digits"]

HostArray = npt.NDArray[np.float64]

_CODE = """\
import numpy as np
import diffmath as dm
from diffmath import data, diffusion
images = data.digits().images / 8 - 1
process = diffusion.vp()
target = diffusion.EmpiricalData(images[:1500], bandwidth=0.275)
score = target.score(process)                        # score(x, t): any callable of yours goes here
key = dm.random.key(0)
x_T = process.sample_prior(key, (12, 64), like=np.empty(0))
times = diffusion.log_snr_times(process, 40)
by_ode = diffusion.sample(process, score, x_T, times, method=diffusion.dpmpp_2m)
by_sde = diffusion.sample(process, score, x_T, times, method=diffusion.sde_dpmpp_2m, key=key)
log_p = diffusion.log_likelihood(process, score, images[1500:], rtol=1e-5)
"""


def sample_digits(plane: Sampled, images: Sampled, settings: Settings) -> Part:
    """Run part 2 on given samples."""
    numbers = _likelihood(images.digits, images.process, settings)
    points = len(images.digits.target.points)
    return Part(
        title="Sample from real data by any score: handwritten digits",
        text=(
            f"The score is that of {points} real digits smoothed by a Gaussian kernel, exact at every noise "
            "level, so that nothing but the sampler is on trial: from the same noise, the probability-flow "
            "ODE and the reverse SDE both arrive at digits, along different paths. With this score a sample "
            "is, by construction, one of the training digits plus kernel noise; a network's score goes in "
            "the same place."
        ),
        numbers=(
            ("kernel width by leave-one-out likelihood, 2-D", _grey_levels(plane.digits)),
            ("kernel width by leave-one-out likelihood, 64-D", _grey_levels(images.digits)),
            ("sampler steps (score evaluations)", f"{len(plane.times) - 1}"),
            *numbers,
        ),
        figures=(_draw_plane(plane, settings), _draw_images(images, settings)),
        code=_CODE.replace("0.275", f"{images.digits.target.bandwidth:.3g}"),
    )


def _grey_levels(digits: Digits) -> str:
    return f"{digits.target.bandwidth * digits.unit:.2f} grey levels of 16"


def _likelihood(
    digits: Digits, process: diffusion.Process, settings: Settings
) -> tuple[tuple[str, str], ...]:
    """Log-likelihood of held-out digits: by the flow, exact, and of a shuffled control."""
    x = digits.held_out[: settings.size(len(digits.held_out), 16)]
    order = np.argsort(random.uniform(random.key(settings.seed), x.shape, like=np.empty(0)), axis=1)
    shuffled = np.take_along_axis(x, order, axis=1)
    score = digits.target.score(process)
    by_flow = diffusion.log_likelihood(
        process, score, np.concatenate([x, shuffled]), rtol=1e-5, atol=1e-6, progress=settings.progress
    )
    exact = digits.target.log_density(np.concatenate([x, shuffled]), process, process.t_min)
    # A density per pixel value (0 to 16) instead of per unit of these coordinates.
    nats = by_flow - digits.target.dim * math.log(digits.unit)
    held, control = float(nats[: len(x)].mean()), float(nats[len(x) :].mean())
    bits = -1 / (digits.target.dim * math.log(2))
    # The prior omits the remaining signal at t_max, alpha x_0; there is no other difference.
    apart = float(np.abs(by_flow - exact)[: len(x)].max())
    return (
        (f"log-likelihood of {len(x)} held-out digits", f"{held:.2f} nats, {bits * held:.2f} bits per pixel"),
        ("the same, pixels shuffled", f"{control:.2f} nats, {bits * control:.2f} bits per pixel"),
        ("probability flow against exact density, held-out", f"at most {apart:.2g} nats apart"),
    )


def _draw_plane(sampled: Sampled, settings: Settings) -> Figure:
    figure = plot.new_figure(width=12.6, height=4.5)
    panels = figure.subplots(1, 3)
    x, y, p = _contours(sampled)
    (_, by_ode), (_, by_sde) = sampled.samples.items()
    shown = settings.size(1500, 200)
    titles = (
        "Probability flow carries noise to the data",
        f"{shown} samples by the ODE fill the density",
        "So do the reverse SDE's, from the same noise",
    )
    for ax, title in zip(panels, titles, strict=True):
        plot.density(x, y, p, ax=ax, title=title)
    paths = _paths(sampled, 40)
    plot.trajectories(paths, rows=40, ax=panels[0], title=titles[0])
    ink = plot.COLORS["ink"]
    starts: dict[str, Any] = {"s": 12, "facecolor": "white", "edgecolor": ink, "lw": 0.7, "zorder": 3}
    panels[0].scatter(paths.x[0, :, 0], paths.x[0, :, 1], **starts)
    for ax, points in zip(panels[1:], (by_ode, by_sde), strict=True):
        plot.samples(points[:shown], ax=ax, size=5)
    for ax in panels:
        ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), xlabel="first principal component", ylabel="")
    panels[0].set_ylabel("second principal component")
    caption = (
        "Two principal components of the digits. Blue: the exact density at the last time, contours around "
        "95, 80, 60, 40 and 20 % of its mass. Left: trajectories from noise (circles) to samples (red). "
        "Middle and right: samples of the two samplers."
    )
    return save(figure, settings, "digits_plane", caption)


def _contours(sampled: Sampled) -> tuple[HostArray, HostArray, HostArray]:
    """Exact density at the last time, on a grid around the data."""
    points = sampled.digits.target.points
    cells = 120
    low, high = points.min(axis=0) - 0.6, points.max(axis=0) + 0.6
    x, y = (np.linspace(low[i], high[i], cells) for i in range(2))
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    log_p = sampled.digits.target.log_density(grid, sampled.process, float(sampled.times[-1]))
    return x, y, np.exp(log_p).reshape(cells, cells)


def _paths(sampled: Sampled, rows: int) -> Solution:
    return diffusion.trajectory(
        sampled.process, sampled.digits.target.score(sampled.process), sampled.prior[:rows], sampled.times,
        method=diffusion.dpmpp_2m,
    )  # fmt: skip


def _draw_images(sampled: Sampled, settings: Settings) -> Figure:
    columns = 16
    paths = _paths(sampled, columns)
    (_, by_ode), (_, by_sde) = sampled.samples.items()
    stops = [int(np.argmin(np.abs(sampled.times - t))) for t in (0.3, 0.2, 0.12, 0.06)]
    times = [float(t) for t in sampled.times]
    lines = [
        ("noise, t = 1", _grey(paths.x[0], sampled, times[0])),
        *((f"t = {times[i]:.2f}", _grey(paths.x[i], sampled, times[i])) for i in stops),
        ("ODE samples", _grey(by_ode[:columns], sampled, 0.0)),
        ("SDE samples", _grey(by_sde[:columns], sampled, 0.0)),
    ]
    figure = plot.new_figure(width=9.0, height=4.35)
    ax = figure.add_subplot()
    plot.images(
        np.concatenate([pixels for _, pixels in lines]),
        columns=columns,
        limits=(0, 1),
        ax=ax,
        title="From pure noise to digits: the probability-flow ODE, and the reverse SDE from the same noise",
    )
    for i, (label, _) in enumerate(lines):
        # A line of images is 9 pixels high: 8 and the gap.
        words = {"ha": "right", "va": "center", "fontsize": 9, "color": plot.COLORS["ink"]}
        ax.text(-1.5, 9 * i + 4.5, label, **words)
    caption = (
        "Each column starts from one draw of noise (top). Rows: the state of the probability-flow ODE on its "
        "way; its sample; the sample of the reverse SDE from the same noise."
    )
    return save(figure, settings, "digits", caption)


def _grey(x: HostArray, sampled: Sampled, t: float) -> HostArray:
    """Map states at t to grey levels: data from -1 to 1, widened by the noise at that time."""
    alpha, sigma = sampled.process.marginal(t)
    reach = alpha + 1.5 * sigma
    return np.asarray(np.clip((x + reach) / (2 * reach), 0.0, 1.0))
