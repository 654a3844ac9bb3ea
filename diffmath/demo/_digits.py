"""The digits as targets with an exact score, in the plane and as images, and the samples of both samplers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath import data, diffusion, random
from diffmath.demo._part import Settings

__all__ = ["Digits", "Sampled", "draw_samples", "image_digits", "plane_digits"]

HostArray = npt.NDArray[np.float64]

# The first 1500 images define the density; the last 297 are held out.
TRAINING = 1500

SAMPLERS: dict[str, diffusion.Method] = {
    "probability-flow ODE (dpmpp_2m)": diffusion.dpmpp_2m,
    "reverse SDE (sde_dpmpp_2m)": diffusion.sde_dpmpp_2m,
}


@dataclass(frozen=True)
class Digits:
    """Digits in some coordinates: their Gaussian-kernel density, and held-out images.

    `unit` is the length 1 of these coordinates in pixel values (0 to 16).
    """

    name: str
    target: diffusion.EmpiricalData
    held_out: HostArray = field(repr=False)
    unit: float


@dataclass(frozen=True)
class Sampled:
    """Samples of both samplers from the same noise; `samples` has the keys of `SAMPLERS`."""

    digits: Digits
    process: diffusion.Process
    times: HostArray = field(repr=False)
    prior: HostArray = field(repr=False)
    samples: dict[str, HostArray] = field(repr=False)


def image_digits(settings: Settings) -> Digits:
    """Return the images themselves, 64 pixels from -1 (paper) to 1 (ink)."""
    images = data.digits().images / 8 - 1
    training = images[: settings.size(TRAINING, 200)]
    width = diffusion.likely_bandwidth(training)
    return Digits("64-D", diffusion.EmpiricalData(training, bandwidth=width), images[TRAINING:], unit=8.0)


def plane_digits(settings: Settings) -> Digits:
    """Return the first two principal components of the images, the first with unit variance."""
    images = data.digits().images
    training = images[: settings.size(TRAINING, 200)]
    centre = training.mean(axis=0)
    axes = np.linalg.svd(training - centre, full_matrices=False)[2][:2]
    unit = float(((training - centre) @ axes[0]).std())
    plane = (images - centre) @ axes.T / unit
    points = plane[: len(training)]
    width = diffusion.likely_bandwidth(points)
    return Digits("2-D", diffusion.EmpiricalData(points, bandwidth=width), plane[TRAINING:], unit)


def draw_samples(digits: Digits, n: int, settings: Settings, *, model: Any = None) -> Sampled:
    """Run both samplers from the same noise; `model` replaces the exact score (to test that this fails)."""
    process = diffusion.vp()
    key = random.key(settings.seed)
    prior = process.sample_prior(key, (n, digits.target.dim), like=np.empty(0))
    times = diffusion.log_snr_times(process, settings.size(40, 20))
    score = digits.target.score(process) if model is None else model
    samples = {
        name: diffusion.sample(
            process, score, prior, times,
            method=method, key=key if method.needs_key else None, progress=settings.progress,
        )
        for name, method in SAMPLERS.items()
    }  # fmt: skip
    return Sampled(digits, process, times, prior, samples)
