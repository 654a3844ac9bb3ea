r"""Runge-Kutta steps in a coordinate in which the probability-flow ODE has a simple slope.

.. math:: \text{sigma}:&\quad \frac{d}{d\kappa}\frac{x}{\alpha} = E, \qquad \kappa = \sigma/\alpha \\
   \text{flow}:&\quad \frac{d}{d\tau}\frac{x}{\alpha + \sigma} = E - D, \qquad
   \tau = \sigma/(\alpha + \sigma) \\
   \text{theta}:&\quad \frac{d}{d\theta}\frac{x}{r} = \frac{\alpha E - \sigma D}{r}, \qquad
   r = \sqrt{\alpha^2 + \sigma^2}, \quad \theta = \arctan(\sigma/\alpha)

A classical tableau in one of them is a sampler of the same order. Flow and theta are regular where alpha or
sigma is 0. Constant data and noise are exact in sigma and flow. Source: Karras et al. (2022),
arXiv:2206.00364, section 3, for sigma; Liu, Gong & Liu (2023), arXiv:2209.03003, for the flow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from diffmath.diffusion._methods import Method, Stage, Step
from diffmath.diffusion._process import Form, Process
from diffmath.diffusion._singlestep.interval import between, first_order
from diffmath.ode import Tableau

__all__ = ["COORDINATES", "Coordinate", "CoordinateName", "RungeKuttaStep", "explicit", "time_at"]

CoordinateName = Literal["sigma", "flow", "theta"]


@dataclass(frozen=True)
class Coordinate:
    """A coordinate of the noise level: its form, the scale of the state, and its value and inverse.

    `value` maps (alpha, sigma) to the coordinate, and `pair` the coordinate to a multiple of (alpha, sigma);
    `weight` is the factor of the form in the slope.
    """

    form: Form
    scale: Callable[[float, float], float]
    value: Callable[[float, float], float]
    pair: Callable[[float], tuple[float, float]]
    weight: Callable[[float, float], float]


COORDINATES: dict[CoordinateName, Coordinate] = {
    "sigma": Coordinate(
        form="noise",
        scale=lambda alpha, sigma: alpha,
        value=lambda alpha, sigma: sigma / alpha,
        pair=lambda kappa: (1.0, kappa),
        weight=lambda alpha, sigma: 1.0,
    ),
    "flow": Coordinate(
        form="flow",
        scale=lambda alpha, sigma: alpha + sigma,
        value=lambda alpha, sigma: sigma / (alpha + sigma),
        pair=lambda tau: (1 - tau, tau),
        weight=lambda alpha, sigma: 1.0,
    ),
    "theta": Coordinate(
        form="velocity",
        scale=math.hypot,
        value=lambda alpha, sigma: math.atan2(sigma, alpha),
        pair=lambda theta: (math.cos(theta), math.sin(theta)),
        weight=lambda alpha, sigma: 1 / math.hypot(alpha, sigma),
    ),
}


@dataclass(frozen=True)
class RungeKuttaStep:
    """The step of an explicit tableau in a coordinate; at sigma = 0 a noise form takes a step of order 1."""

    tableau: Tableau
    coordinate: CoordinateName

    def __call__(self, process: Process, times: Sequence[float], n: int) -> Step:
        return self.between(process, times[n], times[n + 1])

    def between(self, process: Process, s: float, t: float) -> Step:
        """Return the step from s to t."""
        at = COORDINATES[self.coordinate]
        step = between(process, s, t)
        if at.form == "noise" and (step.sigma_t == 0 or step.is_infinite):
            return first_order(step, "noise")
        start, end = at.value(step.alpha_s, step.sigma_s), at.value(step.alpha_t, step.sigma_t)
        nodes = [float(c) for c in self.tableau.c or ()]
        places = [
            s if not c else t if c == 1 else time_at(process, at, start + c * (end - start)) for c in nodes
        ]
        scales = [process.marginal(place) for place in (*places, t)]
        initial = at.scale(step.alpha_s, step.sigma_s)

        def update(row: Sequence[Any], k: int) -> tuple[float, tuple[float, ...]]:
            size = at.scale(*scales[k])
            slopes = [float(entry) * at.weight(*scales[j]) for j, entry in enumerate(row)]
            return size / initial, tuple(size * (end - start) * slope for slope in reversed(slopes))

        updates = [update(row[:i], i) for i, row in enumerate(self.tableau.a) if i]
        updates.append(update(self.tableau.b, len(nodes)))
        stages = tuple(Stage(place, *found) for place, found in zip(places[1:], updates[1:], strict=True))
        return Step(*updates[0], stages=stages)


def time_at(process: Process, coordinate: Coordinate, value: float) -> float:
    """Return the time at which a coordinate has a value."""
    alpha, sigma = coordinate.pair(value)
    if sigma <= 0:
        return 0.0
    lam = math.log(alpha / sigma) if alpha > 0 else -math.inf
    return float(process.time_of_log_snr(lam))


def explicit(name: str, tableau: Tableau, coordinate: CoordinateName, reference: str) -> Method:
    """Return the sampler of a tableau in a coordinate."""
    return Method(
        name, tableau.order, tableau.order, reference, RungeKuttaStep(tableau, coordinate),
        evaluations=tableau.stages, form=COORDINATES[coordinate].form,
    )  # fmt: skip
