"""One trial step as the solver sees it: the new state, the error of every row, and the state inside the step.

Two ways lead there with the same numbers to round-off: the protocol of `Method`, on arrays of any library;
and, for explicit Runge-Kutta methods on the host, kernels that walk each loop once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import array_api_compat as compat
import numpy as np

from diffmath._arrays.namespace import (
    array_namespace,
    asarray_like,
    device,
    expand_like,
    real_dtype,
    to_numpy,
)
from diffmath._core.typing import Array, Drift, Time
from diffmath._stepping.clocks import Mask, Rows
from diffmath._stepping.control import Tolerance
from diffmath.ode._explicit import (
    ExplicitRungeKutta,
    Method,
    StagedMethod,
    check_state,
    checked_step_with_error,
    combine,
    estimate,
    interpolate,
)

__all__ = ["Interpolant", "Living", "Trial", "Trier", "choose", "hermite", "send", "trier"]

Indices: TypeAlias = Any

# Cubic Hermite: x0 + h00... in terms of dt f0, dt f1 and x1 - x0.
_HERMITE = np.array([[1.0, -2.0, 1.0], [0.0, -1.0, 1.0], [0.0, 3.0, -2.0]])


@dataclass(frozen=True, eq=False)
class Interpolant:
    """The state inside a step: ``x + sum_i w_i(theta) basis_i`` w_i polynomials, times dt if `scaled`."""

    x: Array
    dt: Rows
    basis: Any
    weights: Any  # (len(basis), degree), of theta, theta^2, ...
    scaled: bool

    def __call__(self, rows: Indices, theta: Rows) -> Array:
        """Return the states of the given rows at the given fractions, shape (pairs, *state)."""
        w = np.zeros((len(self.weights), len(theta)))
        for k in range(self.weights.shape[1] - 1, -1, -1):
            w = (w + self.weights[:, k, None]) * theta
        if self.scaled:
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


@dataclass(eq=False, slots=True)
class Trial:
    """A step tried from x: `error` is in units of the tolerance, `slope` that at the new state if known."""

    x: Array
    error: Rows
    slope: Array | None
    stages: Any = None
    times: Any = None  # t and dt as the method saw them
    size: Array | None = None  # the error on the device
    maker: Any = None  # what tried the step, where there is a choice

    def passed(self) -> Array | None:
        """Which rows are accepted, as the device finds it: the host need not send what it decided.

        The very comparison of `advance`, for rows that have ended take steps of length zero.
        """
        if self.size is None or isinstance(self.times[1], float):
            return None
        xp = array_namespace(self.size)
        moving = xp.reshape(self.times[1], self.size.shape) != 0
        return (self.size <= 1) & moving


# (t, dt, x, slope) -> Trial; t and dt hold one entry per clock.
Trier: TypeAlias = Callable[[Rows, Rows, Array, Any], Trial]


def send(values: Rows, x: Array, per_row: bool) -> Time:
    """Times as f and the method see them: a float, or one per row broadcasting against x."""
    return expand_like(asarray_like(values, x), x) if per_row else float(values[0])


def choose(rows: Mask | Array, new: Array, old: Array) -> Array:
    """Return the new values in some rows, the old ones elsewhere; a mask of the host is sent."""
    xp = array_namespace(new)
    if isinstance(rows, np.ndarray):
        rows = asarray_like(rows, new, xp.bool)
    return xp.where(expand_like(rows, new), new, old)


class Living:
    """The mask of the rows that go on, where the states are: sent again only when it has changed."""

    def __init__(self) -> None:
        self._known, self._sent = b"", list[Array]()

    def __call__(self, alive: Mask, like: Array) -> Array:
        """Return the mask on the device of `like`."""
        if not self._sent or self._known != alive.tobytes():
            self._sent = [asarray_like(alive, like, array_namespace(like).bool)]
            self._known = alive.tobytes()
        return self._sent[0]


def send_both(t: Rows, dt: Rows, x: Array, per_row: bool) -> tuple[Time, Time]:
    """Times and steps as `send` gives them, in one copy."""
    if not per_row:
        return float(t[0]), float(dt[0])
    both = asarray_like(np.stack([t, dt]), x)
    return expand_like(both[0, :], x), expand_like(both[1, :], x)


def hermite(x: Array, x_new: Array, slopes: Sequence[Array], dt: Rows, step: Any = None) -> Interpolant:
    """Return the cubic with the states and slopes of both ends: order 3; `step` is dt where x is."""
    if step is None:
        step = expand_like(asarray_like(dt, x), x)
    return Interpolant(x, dt, [step * slopes[0], step * slopes[1], x_new - x], _HERMITE, scaled=False)


class _General:
    """Any method, by its protocol."""

    def __init__(self, f: Drift, method: Method, tolerance: Tolerance | None, per_row: bool) -> None:
        self._f, self._method, self._tolerance, self._per_row = f, method, tolerance, per_row
        self._stages = isinstance(method, StagedMethod) and bool(method.dense_order)
        adaptive: Any = method
        self._step: Any = checked_step_with_error(adaptive) if tolerance is not None else None

    def __call__(self, t: Rows, dt: Rows, x: Array, slope: Any) -> Trial:
        times = send_both(t, dt, x, self._per_row)
        method: Any = self._method
        if self._tolerance is None:
            plain = (self._f, times[0], x, times[1])
            x_new, stages = method.staged_step(*plain) if self._stages else (method.step(*plain), None)
            check_state("method.step(f, t, x, dt)", x_new, x)
            return Trial(x_new, np.zeros(x.shape[0]), None, stages, times)
        if self._stages:
            x_new, change, slope_new, stages = method.step_with_stages(self._f, times[0], x, times[1], slope)
        else:
            x_new, change, slope_new = self._step(self._f, times[0], x, times[1], slope)
            stages = None
        # NaN in rows whose new state is not finite: one copy to the host tells both.
        size = self._tolerance.measure(change + 0.0 * x_new, x, x_new)
        return Trial(x_new, to_numpy(size).astype(np.float64), slope_new, stages, times, size)

    def inside(self, trial: Trial, t: Rows, dt: Rows, x: Array, slope: Any) -> Any:
        """Return the state inside the step of a trial, an `Interpolant` or the like; may evaluate f."""
        times, rows = trial.times, np.broadcast_to(dt, (x.shape[0],))
        if self._stages:
            method: Any = self._method
            found = method.inside(self._f, times[0], x, times[1], trial.stages)
            if callable(found):
                return found
            basis, weights = found
            return Interpolant(x, rows, basis, weights, scaled=not method.scaled_stages)
        if hasattr(self._method, "inside_step"):  # a method that knows the state inside its step
            return self._method.inside_step(self._f, times[0], x, rows)
        first = self._f(times[0], x) if slope is None else slope
        last = self._f(times[0] + times[1], trial.x) if trial.slope is None else trial.slope
        return hermite(x, trial.x, [first, last], rows, times[1])


class _OnTheHost:
    """An explicit Runge-Kutta method on NumPy arrays, by the kernels."""

    def __init__(self, f: Drift, method: ExplicitRungeKutta, tolerance: Tolerance, per_row: bool) -> None:
        self._f, self._tolerance, self._per_row = f, tolerance, per_row
        tableau = method.tableau
        self._fsal, self._stages = tableau.is_fsal, tableau.stages
        self._a = [np.array(row, dtype=float) for row in tableau.a]
        self._b, self._error = np.array(tableau.b, dtype=float), np.array(tableau.b_error, dtype=float)
        self._low = np.array(tableau.b_error_low or (), dtype=float)
        self._c = np.array(tableau.c, dtype=float)[:, None]
        self._extension = method.extension
        self._combine: Any = combine.kernel_for(self._b)
        self._estimate: Any = estimate.kernel_for(self._b)

    def __call__(self, t: Rows, dt: Rows, x: Array, slope: Any) -> Trial:
        f, merge = self._f, self._combine
        shape, flat = x.shape, x.reshape(x.shape[0], -1)
        slopes = np.empty((self._stages, *shape), dtype=x.dtype)
        table = slopes if x.ndim == 2 else slopes.reshape(self._stages, *flat.shape)
        times = self._times(t, dt, self._c, x)
        slopes[0] = f(times[0], x) if slope is None else slope
        inner = flat
        for i in range(1, self._stages):
            inner = merge(flat, dt, self._a[i], table, i)
            slopes[i] = f(times[i], inner if table is slopes else inner.reshape(shape))
        x_new = inner if self._fsal else merge(flat, dt, self._b, table, self._stages)
        rtol, atol = self._tolerance.flat(shape)
        error = self._estimate(table, dt, self._error, self._low, flat, x_new, rtol, atol)
        return Trial(x_new.reshape(shape), error, slopes[-1] if self._fsal else None, slopes)

    def _times(self, t: Rows, dt: Rows, c: Rows, x: Array) -> Any:
        times = t + c * dt
        if not self._per_row:
            return [float(time[0]) for time in times]
        times = times[:, :, None] if x.ndim == 2 else times.reshape(*times.shape, *(1,) * (x.ndim - 1))
        return times if x.dtype == np.float64 else times.astype(real_dtype(x))

    def inside(self, trial: Trial, t: Rows, dt: Rows, x: Array, slope: Any) -> Interpolant:
        """Return the state inside the step of a trial; evaluates f where the extension has more stages."""
        rows = np.broadcast_to(dt, (x.shape[0],))
        extension = self._extension
        if extension is None:
            first, last = trial.stages[0], trial.slope
            if last is None:
                last = self._f(self._times(t, dt, np.ones((1, 1)), x)[0], trial.x)
            return hermite(x, trial.x, [first, last], rows)
        slopes, flat = trial.stages, x.reshape(x.shape[0], -1)
        if extension.a_extra:
            slopes = np.concatenate([slopes, np.empty((len(extension.a_extra), *x.shape), dtype=x.dtype)])
            table = slopes.reshape(len(slopes), *flat.shape)
            times = self._times(t, dt, np.array(extension.nodes(), dtype=float)[:, None], x)
            for i in range(self._stages, len(slopes)):
                row = np.array(extension.a[i], dtype=float)
                slopes[i] = self._f(times[i], self._combine(flat, dt, row, table, i).reshape(x.shape))
        return Interpolant(x, rows, slopes, np.array(extension.matrix()), scaled=True)


def _kernels(x: Array) -> bool:
    """Whether kernels serve these arrays, here and now."""
    return combine.kernel_for(x) is not None


def trier(f: Drift, method: Method, x: Array, tolerance: Tolerance | None, per_row: bool) -> Any:
    """Return what tries steps of `method` on arrays like x: the kernels if they serve, else the protocol."""
    on_host = compat.is_numpy_array(x) and type(x) is np.ndarray
    if (
        isinstance(method, ExplicitRungeKutta)
        and tolerance is not None
        and method.tableau.b_error is not None
        and on_host
        and _kernels(x)
    ):
        return _OnTheHost(f, method, tolerance, per_row)
    return _General(f, method, tolerance, per_row)
