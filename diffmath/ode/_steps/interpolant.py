"""The state inside a step for the solver: a sum of stages, or a cubic through both ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffmath._arrays.namespace import array_namespace, asarray_like, device, expand_like
from diffmath._core.typing import Array, Drift, Time
from diffmath._stepping.clocks import Rows
from diffmath._stepping.trial import Indices, Interpolation, StageSum, Trial
from diffmath.ode._explicit import interpolate

__all__ = ["Interpolant", "cubic", "interpolation", "slope_in"]

# Cubic Hermite: x0 + h00... in terms of dt f0, dt f1 and x1 - x0.
_HERMITE = np.array([[1.0, -2.0, 1.0], [0.0, -1.0, 1.0], [0.0, 3.0, -2.0]])


@dataclass(frozen=True, eq=False)
class Interpolant:
    """The state inside a step: ``x + sum_i w_i(theta) basis_i``, w_i polynomials, times dt if `times_dt`."""

    x: Array
    dt: Rows
    basis: Any  # one array per stage, or all stages in one array
    weights: Rows  # (len(basis), degree), of theta, theta^2, ...
    times_dt: bool

    def __call__(self, rows: Indices, theta: Rows) -> Array:
        """Return the states of the given rows at the given fractions, shape (pairs, *state)."""
        w = np.zeros((len(self.weights), len(theta)))
        for k in range(self.weights.shape[1] - 1, -1, -1):
            w = (w + self.weights[:, k, None]) * theta
        if self.times_dt:
            w *= self.dt[rows]
        if isinstance(self.basis, np.ndarray):
            shape = (self.basis.shape[1], math.prod(self.x.shape[1:]))
            flat = self.basis.reshape(len(self.basis), *shape)
            return interpolate(self.x.reshape(shape), rows, w, flat).reshape(len(rows), *self.x.shape[1:])
        xp = array_namespace(self.x)
        index = xp.asarray(rows, device=device(self.x))
        x = xp.take(self.x, index, axis=0)
        total, weights = 0.0 * x, asarray_like(w, x)
        for i, part in enumerate(self.basis):
            total = total + expand_like(weights[i, :], x) * xp.take(part, index, axis=0)
        return x + total


def cubic(x: Array, x_new: Array, slopes: Sequence[Array], dt: Rows, step: Time = None) -> Interpolant:
    """Return the cubic with the states and slopes of both ends: order 3; `step` is dt on the device of x."""
    if step is None:
        step = expand_like(asarray_like(dt, x), x)
    basis = [step * slopes[0], step * slopes[1], x_new - x]
    return Interpolant(x, dt, basis, _HERMITE, times_dt=False)


def slope_in(state: Any) -> Array | None:
    """Return the slope in the state of a method, if it has one."""
    slope: Array | None = getattr(state, "slope", None)
    return slope


def interpolation(
    f: Drift, trial: Trial, state: Any, times: tuple[Time, Time], dt: Rows | float, x: Array
) -> Interpolation:
    """Return the state inside a step that was tried from x; may evaluate f.

    `state` is that of the method before the step, `times` are t and dt as passed to the method.
    """
    rows = np.broadcast_to(dt, (x.shape[0],))
    if trial.dense is None:
        first, last = slope_in(state), slope_in(trial.state)
        first = f(times[0], x) if first is None else first
        last = f(times[0] + times[1], trial.x) if last is None else last
        return cubic(x, trial.x, [first, last], rows, times[1])
    found = trial.dense()
    return Interpolant(x, rows, *found) if isinstance(found, StageSum) else found
