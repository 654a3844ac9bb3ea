r"""Parametrisations of a model: score, denoiser, noise, velocity, flow, all affine in the state and the data.

.. math:: p = a_t\,x + b_t\,D, \qquad D = c_t\,x + d_t\,p, \qquad D = E[x_0 \mid x_t = x]

With :math:`\varepsilon = (x - \alpha D)/\sigma`: score :math:`-\varepsilon/\sigma`, velocity
:math:`\alpha\varepsilon - \sigma D`, flow :math:`f x - \tfrac12 g^2\,\mathrm{score}`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diffmath._core.typing import Time
from diffmath.diffusion._process.process import Process

__all__ = ["DENOISER", "FLOW", "NOISE", "SCORE", "VELOCITY", "Pair", "Parametrisation"]

Pair = tuple[Any, Any]


@dataclass(frozen=True)
class Parametrisation:
    """What a model predicts: p = a x + b D (`from_data`) and D = c x + d p (`to_data`)."""

    name: str
    to_data: Callable[[Process, Time], Pair]
    from_data: Callable[[Process, Time], Pair]


def _score_to_data(process: Process, t: Time) -> Pair:
    alpha, sigma = process.marginal(t)
    return 1 / alpha, sigma**2 / alpha


def _score_from_data(process: Process, t: Time) -> Pair:
    alpha, sigma = process.marginal(t)
    return -1 / sigma**2, alpha / sigma**2


def _noise_to_data(process: Process, t: Time) -> Pair:
    alpha, sigma = process.marginal(t)
    return 1 / alpha, -sigma / alpha


def _noise_from_data(process: Process, t: Time) -> Pair:
    alpha, sigma = process.marginal(t)
    return 1 / sigma, -alpha / sigma


def _velocity_to_data(process: Process, t: Time) -> Pair:
    alpha, sigma = process.marginal(t)
    return alpha / (alpha**2 + sigma**2), -sigma / (alpha**2 + sigma**2)


def _velocity_from_data(process: Process, t: Time) -> Pair:
    alpha, sigma = process.marginal(t)
    return alpha / sigma, -(alpha**2 + sigma**2) / sigma


def _flow_to_data(process: Process, t: Time) -> Pair:
    (alpha, sigma), (f, g2) = process.marginal(t), process.coefficients(t)
    return (1 + 2 * f * sigma**2 / g2) / alpha, -2 * sigma**2 / (alpha * g2)


def _flow_from_data(process: Process, t: Time) -> Pair:
    (alpha, sigma), (f, g2) = process.marginal(t), process.coefficients(t)
    return f + g2 / (2 * sigma**2), -alpha * g2 / (2 * sigma**2)


SCORE = Parametrisation("score", _score_to_data, _score_from_data)
DENOISER = Parametrisation("denoiser", lambda process, t: (0.0, 1.0), lambda process, t: (0.0, 1.0))
NOISE = Parametrisation("noise", _noise_to_data, _noise_from_data)
VELOCITY = Parametrisation("velocity", _velocity_to_data, _velocity_from_data)
FLOW = Parametrisation("flow", _flow_to_data, _flow_from_data)
