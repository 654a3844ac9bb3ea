r"""The fields of an interpolant made of models: score, flow, and the drift and diffusion of its SDE.

.. math:: s = -E[z \mid x_t]/\gamma, \qquad u = v - \gamma\dot\gamma\,s, \qquad
   f = \pm u + \epsilon s, \quad g = \sqrt{2\epsilon}

Classes instead of closures, so that they can be sent to worker processes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diffmath._core.typing import Array, Score, Time
from diffmath.diffusion._paths.checks import strength_at, times_inside

__all__ = ["Diffusion", "Drift", "FlowOf", "ScoreOfNoise"]


@dataclass(frozen=True)
class ScoreOfNoise:
    """The score of a prediction of the noise."""

    noise: Score
    gamma: Callable[[Any], Any]

    def __call__(self, x: Array, t: Time) -> Array:
        return -self.noise(x, t) / self.gamma(times_inside(t, x))


@dataclass(frozen=True)
class FlowOf:
    """The flow of a velocity and a score."""

    velocity: Score
    score: Score
    gamma_rate: Callable[[Any], Any]

    def __call__(self, x: Array, t: Time) -> Array:
        return self.velocity(x, t) - self.gamma_rate(times_inside(t, x)) * self.score(x, t)


@dataclass(frozen=True)
class Drift:
    """The drift of the SDE of strength epsilon; reversed, in the time 1 - t."""

    flow: Score
    score: Score
    epsilon: Callable[[float], float]
    reverse: bool

    def __call__(self, t: float, x: Array) -> Array:
        at = 1 - t if self.reverse else t
        own = self.flow(x, at)
        strength = strength_at(self.epsilon, at)
        along = -own if self.reverse else own
        return along + strength * self.score(x, at) if strength else along


@dataclass(frozen=True)
class Diffusion:
    """The diffusion of the SDE of strength epsilon."""

    epsilon: Callable[[float], float]
    reverse: bool

    def __call__(self, t: float, x: Array) -> float:
        return math.sqrt(2 * strength_at(self.epsilon, 1 - t if self.reverse else t))
