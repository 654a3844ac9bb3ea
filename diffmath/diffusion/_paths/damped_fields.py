r"""Drifts of critically damped Langevin diffusion: forward, reversed, and without noise.

.. math:: f = \frac\beta M (v,\; -M x - \Gamma v), \qquad
   -f + (0, 2\Gamma\beta s), \qquad f - (0, \Gamma\beta s)

with s the score in v. Source: Dockhorn, Vahdat & Kreis (2022), arXiv:2112.07068, section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array, Score, Time
from diffmath.diffusion._paths.damped_kernel import mean_entries
from diffmath.diffusion._process import row_times

__all__ = ["DampedDiffusion", "DampedDrift", "DampedFlow", "GaussianScore"]


class Damped(Protocol):
    """What the fields need of a `DampedLangevin`."""

    @property
    def mass(self) -> float: ...
    @property
    def t_max(self) -> float: ...
    def beta(self, t: Time) -> Any: ...
    def total(self, t: Any) -> Any: ...
    def covariance(self, t: float, *, data_variance: float = 0.0) -> Any: ...


@dataclass(frozen=True)
class DampedDrift:
    """The drift of the forward SDE, or with a score, of the reverse SDE in the time t_max - t."""

    process: Damped
    score: Score | None

    def __call__(self, t: float, u: Array) -> Array:
        if self.score is None:
            return _drift(self.process, t, u)
        at = max(self.process.t_max - t, 0.0)
        gain = 4 * math.sqrt(self.process.mass) * self.process.beta(at)
        return _plus(-_drift(self.process, at, u), gain * self.score(u, at))


@dataclass(frozen=True)
class DampedDiffusion:
    """The diffusion, which is 0 in x."""

    process: Damped
    reverse: bool

    def __call__(self, t: float, u: Array) -> Array:
        at = max(self.process.t_max - t, 0.0) if self.reverse else t
        xp, v = array_namespace(u), u[:, 1, ...]
        strength = math.sqrt(4 * math.sqrt(self.process.mass) * self.process.beta(at))
        return xp.stack([xp.zeros_like(v), xp.full_like(v, strength)], axis=1)


@dataclass(frozen=True)
class DampedFlow:
    """The probability-flow ODE."""

    process: Damped
    score: Score

    def __call__(self, t: float, u: Array) -> Array:
        gain = 2 * math.sqrt(self.process.mass) * self.process.beta(t)
        return _plus(_drift(self.process, t, u), -gain * self.score(u, t))


@dataclass(frozen=True)
class GaussianScore:
    """The score in v for normal data of one mean and variance in every component."""

    process: Damped
    mean: float
    variance: float

    def __call__(self, u: Array, t: float) -> Array:
        row_times(t, u)
        to_x, _, to_v, _ = mean_entries(self.process.total(float(t)), self.process.mass)
        (xx, xv), (_, vv) = self.process.covariance(t, data_variance=self.variance).tolist()
        if not xx * vv - xv**2 > 0:
            raise ValueError(f"the score of a point mass is infinite at t={t:g}; use t > 0")
        x, v = u[:, 0, ...] - to_x * self.mean, u[:, 1, ...] - to_v * self.mean
        return (xv * x - xx * v) / (xx * vv - xv**2)


def _drift(process: Damped, t: float, u: Array) -> Array:
    x, v = u[:, 0, ...], u[:, 1, ...]
    beta, mass = process.beta(t), process.mass
    return array_namespace(u).stack([beta / mass * v, -beta * x - 2 * beta / math.sqrt(mass) * v], axis=1)


def _plus(drift: Array, force: Array) -> Array:
    """Add to the part of v."""
    return array_namespace(drift).stack([drift[:, 0, ...], drift[:, 1, ...] + force], axis=1)
