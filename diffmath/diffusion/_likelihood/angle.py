r"""The probability-flow ODE in the angle of the noise level, which is regular at both ends of time.

.. math:: \theta = \arctan(\sigma/\alpha), \quad r = \sqrt{\alpha^2 + \sigma^2}, \quad y = x/r, \qquad
   \frac{dy}{d\theta} = \frac{v}{r}, \qquad v = \alpha E - \sigma D

alpha may be 0 at `t_max`, where the drift of the process is infinite.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from diffmath._arrays.namespace import array_namespace
from diffmath._core.solution import Solution, SolveError
from diffmath._core.typing import Array
from diffmath.diffusion._model import Model
from diffmath.diffusion._process import Process

__all__ = ["AngleFlow", "check_start"]


def check_start(process: Process, t_start: float | None) -> float:
    """Return the time of given points: `t_min` by default, and where sigma > 0."""
    start = process.t_min if t_start is None else float(t_start)
    if not (0 <= start < process.t_max and process.marginal(start)[1] > 0):
        raise ValueError(f"t_start must lie in (0, t_max={process.t_max:g}), where sigma > 0; got {start}")
    return start


@dataclass(frozen=True)
class AngleFlow:
    """The flow of a model between a start and `t_max`, as an ODE in the angle."""

    model: Model
    process: Process
    start: float

    @property
    def ends(self) -> list[float]:
        """The angles at the start and at `t_max`."""
        return [self.angle(self.start), self.angle(self.process.t_max)]

    def angle(self, t: float) -> float:
        """Return the angle at a time."""
        alpha, sigma = self.process.marginal(t)
        return math.atan2(sigma, alpha)

    def time(self, theta: float) -> float:
        """Return the time at an angle, within the start and `t_max`."""
        low, high = self.ends
        if theta <= low or theta >= high:
            return self.start if theta <= low else self.process.t_max
        found = float(self.process.time_of_log_snr(-math.log(math.tan(theta))))
        return min(max(found, self.start), self.process.t_max)

    def failure(self, path: Solution) -> SolveError:
        """Return the error of a solve that failed, with angles of its message turned into times."""
        message = re.sub(r"\bt=([0-9.]+(?:e[+-]?[0-9]+)?)", self._timed, path.message)
        return SolveError(message, path)

    def _timed(self, found: re.Match[str]) -> str:
        return f"t={self.time(float(found[1])):.4g}"

    def radius(self, t: float) -> float:
        """Return sqrt(alpha^2 + sigma^2) at a time."""
        return math.hypot(*self.process.marginal(t))

    def slope(self, y: Array, t: float) -> tuple[Array, Array]:
        """Return x and dy/dtheta at a time, in the dtype of y."""
        r = self.radius(t)
        x = y * r
        velocity = array_namespace(y).astype(self.model.velocity(x, t), y.dtype, copy=False)
        return x, velocity / r
