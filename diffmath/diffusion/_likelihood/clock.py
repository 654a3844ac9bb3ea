r"""The probability-flow ODE in a variable that names the noise level, for solvers that choose their steps.

.. math:: \theta = \operatorname{atan2}(\sigma, \alpha), \quad \lambda = \ln(\alpha/\sigma) = -\ln\tan\theta,
   \qquad y = \frac{x}{\sqrt{\alpha^2 + \sigma^2}} = \cos\theta\,D + \sin\theta\,E

.. math:: \frac{dy}{d\theta} = v = \cos\theta\,E - \sin\theta\,D, \qquad
   \frac{dy}{d\lambda} = -\sin\theta\cos\theta\,v

Both variables exist on every process; the angle is finite, and v regular, where sigma or alpha is 0.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.gradients import keeping_gradients
from diffmath._arrays.host_numbers import host_times
from diffmath._arrays.namespace import array_namespace, asarray_like, check_array, expand_like, to_numpy
from diffmath._arrays.tracing import refuse_traced
from diffmath._core.solution import Solution, check_on_failure, finish
from diffmath._core.typing import Array, Score, Time
from diffmath.diffusion._model import Model, as_model
from diffmath.diffusion._process import VELOCITY, Process, log_snr_at
from diffmath.ode import solve

__all__ = ["NoiseClock", "check_start", "checked_times", "radius", "solve_flow"]

Host = npt.NDArray[np.float64]
Variable = Literal["angle", "log_snr"]


def checked_times(process: Process, times: Any) -> list[float]:
    """Return host times in [0, t_max], increasing or decreasing."""
    grid = [float(t) for t in host_times(times)]
    if min(grid) < 0 or max(grid) > process.t_max:
        raise ValueError(f"times must lie in [0, t_max={process.t_max:g}]; got {grid[0]:g} ... {grid[-1]:g}")
    return grid


def check_start(process: Process, t_start: float | None) -> float:
    """Return the time of given points: `t_min` by default, and where sigma > 0."""
    start = process.t_min if t_start is None else float(t_start)
    if not (0 <= start < process.t_max and process.marginal(start)[1] > 0):
        raise ValueError(f"t_start must lie in (0, t_max={process.t_max:g}), where sigma > 0; got {start}")
    return start


@on_its_device
def solve_flow(
    process: Process,
    model: Model | Score,
    x_T: Array,
    times: Any,
    variable: Variable,
    *,
    name: str = "x_T",
    batch: Literal["rows", "shared"],
    with_gradient: bool,
    on_failure: Literal["raise", "return"],
    **options: Any,
) -> Solution:
    """Return the probability-flow ODE solved by `ode.solve`, with states x and times of the process."""
    check_on_failure(on_failure)
    model = as_model(model, process)
    x = check_array(name, x_T, min_ndim=2)
    refuse_traced(name, "adaptive steps depend on numbers", "use diffusion.sample", x)
    grid = checked_times(process, times)
    clock = NoiseClock(process, grid[0], grid[-1], variable)
    values = clock.values(grid)
    for t in (grid[0], grid[-1]):
        model.conversion(VELOCITY, t, process)

    def slope(value: Time, y: Array) -> Array:
        t = clock.rows(value, y)
        (alpha, sigma), size = process.marginal(t), radius(process, t)
        rate = 1.0 / size if variable == "angle" else -alpha * sigma / size**3
        return array_namespace(y).astype(rate * model.velocity(size * y, t), y.dtype, copy=False)

    with keeping_gradients(x, with_gradient):
        found = solve(
            slope,
            x / radius(process, grid[0]),
            values,
            batch=batch,
            on_failure="return",
            save="land",
            **options,
        )
        states = [radius(process, t) * found.x[n, ...] for n, t in enumerate(grid[: len(found.t)])]
    told = replace(found, x=array_namespace(x).stack(states), **clock.told(found, grid))
    return finish(told, on_failure)


def radius(process: Process, t: Time) -> Any:
    """Return the norm of (alpha, sigma), by which a state is scaled."""
    alpha, sigma = process.marginal(t)
    return (alpha**2 + sigma**2) ** 0.5


@dataclass(frozen=True)
class NoiseClock:
    """The angle or the log-SNR as the time of a solver; `first` and `last` are times of the process."""

    process: Process
    first: float
    last: float
    variable: Variable = "angle"

    def values(self, grid: list[float]) -> list[float]:
        """Return the values of the clock at all times of a grid."""
        values = [self._value(t) for t in grid]
        for t, value in zip(grid, values):
            if math.isinf(value):
                raise ValueError(
                    "times must have a finite log-SNR, which needs alpha > 0 and sigma > 0; it is "
                    f"{value} at t={t:g}: use a time between, or diffusion.probability_flow"
                )
        return values

    def rows(self, value: Time, x: Array) -> Time:
        """Return the times at the values that a solver passes: a float, or one per row, to broadcast."""
        if isinstance(value, float):
            return float(self.times(np.asarray([value]))[0])
        host = np.asarray(to_numpy(value), dtype=np.float64).reshape(-1)
        return expand_like(asarray_like(self.times(host), x), x)

    def times(self, values: Host) -> Host:
        """Return the times of the process at values of the clock, on the host."""
        first, last = self._value(self.first), self._value(self.last)
        inside = (values > min(first, last)) & (values < max(first, last))
        # At an end the time is that of the grid: the log-SNR may be infinite there.
        found = np.where(np.abs(values - first) < np.abs(values - last), self.first, self.last)
        if inside.any():
            chosen = values[inside]
            lam = chosen if self.variable == "log_snr" else np.log(np.cos(chosen) / np.sin(chosen))
            found[inside] = self.process.time_of_log_snr(lam)
        low, high = sorted((self.first, self.last))
        return np.minimum(np.maximum(found, low), high)

    def told(self, found: Solution, grid: list[float]) -> dict[str, Any]:
        """Return the fields of a solution whose times are values of the clock, in times of the process."""
        end = np.asarray(found.t_end, dtype=np.float64)
        return {
            "t": np.asarray(grid[: len(found.t)]),
            "t_end": self.times(end.reshape(-1)).reshape(end.shape)[()],
            "message": self.in_times(found.message),
        }

    def in_times(self, message: str) -> str:
        """Return a message of the solver, with times of the process and with the model in place of f."""
        message = re.sub(r"\bt=([-+0-9.]+(?:e[-+]?[0-9]+)?)", self._in_time, message)
        return re.sub(r"\bf\b(?:\(t, x\))?", "the model", message)

    def _in_time(self, found: re.Match[str]) -> str:
        ends = {f"{self._value(t):g}": t for t in (self.first, self.last)}  # which are printed inexactly
        t = ends.get(found[1])
        return f"t={float(self.times(np.asarray([float(found[1])]))[0]) if t is None else t:.5g}"

    def _value(self, t: float) -> float:
        if self.variable == "log_snr":
            return log_snr_at(self.process, t)
        alpha, sigma = self.process.marginal(t)
        return math.atan2(sigma, alpha)
