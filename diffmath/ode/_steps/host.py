"""Trial steps of explicit Runge-Kutta methods on NumPy arrays, by kernels with one pass per loop."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays.namespace import real_dtype
from diffmath._core.typing import Array, Drift
from diffmath._stepping.clocks import Rows
from diffmath._stepping.control import Tolerance
from diffmath._stepping.trial import SlopeState
from diffmath.ode._explicit import UNKNOWN, ExplicitRungeKutta, combine, estimate
from diffmath.ode._steps.interpolant import Interpolant, cubic
from diffmath.ode._steps.outcome import Outcome

__all__ = ["KernelAttempt", "kernels_serve"]

HostArray = npt.NDArray[Any]


def kernels_serve(x: Array) -> bool:
    """Whether kernels can be used for arrays like x."""
    return type(x) is np.ndarray and combine.kernel_for(x) is not None


class KernelAttempt:
    """Try steps of an explicit Runge-Kutta method with an error estimate."""

    def __init__(self, f: Drift, method: ExplicitRungeKutta, tolerance: Tolerance, own_clocks: bool) -> None:
        self._f, self._tolerance, self._own_clocks = f, tolerance, own_clocks
        self._fsal, self._stages = method.tableau.is_fsal, method.tableau.stages
        self._a, self._b, self._error, self._low, c = method.arrays
        self._c, self._nodes, self._method = c[:, None], c.tolist(), method
        self._combine: Any = combine.kernel_for(self._b)
        self._estimate: Any = estimate.kernel_for(self._b)
        self._allowed: tuple[Any, Any] | None = None

    def __call__(self, t: Rows, dt: Rows, x: HostArray, state: SlopeState) -> Outcome:
        f, merge, a, shape, stages = self._f, self._combine, self._a, x.shape, self._stages
        slopes = np.empty((stages, *shape), dtype=x.dtype)
        if self._own_clocks:
            times = self._columns(t + self._c * dt, x)
        else:
            now, step = t.item(), dt.item()
            times = [now + c * step for c in self._nodes]
        flat = len(shape) == 2
        start, table = (
            (x, slopes) if flat else (x.reshape(shape[0], -1), slopes.reshape(stages, shape[0], -1))
        )
        slopes[0] = f(times[0], x) if state.slope is None else state.slope
        inner = start
        for i in range(1, stages):
            inner = merge(start, dt, a[i], table, i)
            slopes[i] = f(times[i], inner if flat else inner.reshape(shape))
        x_new = inner if self._fsal else merge(start, dt, self._b, table, stages)
        if self._allowed is None:
            self._allowed = self._tolerance.flat(shape)
        error = self._estimate(table, dt, self._error, self._low, start, x_new, *self._allowed)
        x_new, known = x_new.reshape(shape), SlopeState(slopes[-1]) if self._fsal else UNKNOWN
        return Outcome(x_new, error, known, partial(self._inside, t, dt, x, x_new, slopes))

    def _columns(self, times: Rows, x: HostArray) -> Any:
        """Return times (nodes, rows) as arrays that broadcast against x, one per node."""
        times = times[:, :, None] if x.ndim == 2 else times.reshape(*times.shape, *(1,) * (x.ndim - 1))
        return times if x.dtype == np.float64 else times.astype(real_dtype(x))

    def _inside(self, t: Rows, dt: Rows, x: HostArray, x_new: HostArray, slopes: HostArray) -> Interpolant:
        """Return the state inside a step; evaluates f if the extension has more stages."""
        rows = np.broadcast_to(dt, (x.shape[0],))
        extension = self._method.extension
        if extension is None:
            last = slopes[-1] if self._fsal else self._f(self._at(1.0, t, dt, x), x_new)
            return cubic(x, x_new, [slopes[0], last], rows)
        if extension.a_extra:
            flat = x.reshape(x.shape[0], -1)
            slopes = np.concatenate([slopes, np.empty((len(extension.a_extra), *x.shape), dtype=x.dtype)])
            table = slopes.reshape(len(slopes), *flat.shape)
            for i, node in list(enumerate(extension.nodes()))[self._stages :]:
                row = np.array(extension.a[i], dtype=float)
                inner = self._combine(flat, dt, row, table, i).reshape(x.shape)
                slopes[i] = self._f(self._at(float(node), t, dt, x), inner)
        return Interpolant(x, rows, slopes, self._method.extension_weights, times_dt=True)

    def _at(self, node: float, t: Rows, dt: Rows, x: HostArray) -> Any:
        """Return the times of one node of the step."""
        if not self._own_clocks:
            return float(t[0]) + node * float(dt[0])
        return self._columns(t + np.array([[node]]) * dt, x)[0]
