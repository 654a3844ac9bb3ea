"""The solution as a function of time, from the steps of a solve."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import array_api_compat as compat
import numpy as np

from diffmath._arrays.devices import on_device_of
from diffmath._arrays.namespace import array_namespace, device
from diffmath._core.typing import Array
from diffmath._stepping.clocks import Rows
from diffmath.ode._steps import Step

__all__ = ["DenseOutput"]


class DenseOutput:
    r"""The solution between the save times, a callable of times.

    Parameters
    ----------
    steps : sequence of Step
        All steps of a solve.
    x0 : array, shape (batch, \*state)
        Initial states.
    start, stop : float
        First and last time of the solve.
    reached : numpy.ndarray, shape (batch,)
        Time reached by every row.
    order : int
        Order of the interpolation inside a step.

    Notes
    -----
    The error inside a step is of order ``order + 1`` in its length; if this is the order of the method, or
    one less, it is about as small as that of the steps. Cost of a call: a weighted sum of the stages per time
    and row. The object keeps all stages of all steps.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> x = ode.solve(lambda t, x: -x, np.ones((1, 1)), [0.0, 1.0], dense=True).dense
    >>> x
    DenseOutput(t: 0 -> 1, 1 rows, ... steps, order 4)
    >>> x([0.25, 0.5]).shape, x(0.5).round(4)
    ((2, 1, 1), array([[0.6065]]))
    """

    def __init__(
        self, steps: Sequence[Step], x0: Array, start: float, stop: float, reached: Rows, order: float
    ) -> None:
        self._steps, self._x0, self._start, self._stop = steps, x0, start, stop
        self._reached, self.order = reached, order
        self._direction = 1.0 if stop >= start else -1.0
        shape = (len(steps), x0.shape[0])
        accepted = np.array([step.accepted for step in steps], dtype=bool).reshape(shape)
        ends = np.array([step.t for step in steps], dtype=float).reshape(shape) * self._direction
        self._own = [np.flatnonzero(accepted[:, row]) for row in range(shape[1])]  # steps of every row
        self._ends = [ends[own, row] for row, own in enumerate(self._own)]

    def __call__(self, t: Any) -> Array:
        r"""Return the states at given times.

        Parameters
        ----------
        t : float or array_like, shape (times,)
            Host times between the first and the last time of the solve, in any order.

        Returns
        -------
        array, shape (\*state of the batch) or (times, batch, \*state)
            NaN if a row had ended before.

        Raises
        ------
        TypeError, ValueError
            Times that are not host numbers, or outside the solve.
        """
        times = self._check(t)
        with on_device_of(self._x0):
            return self._states(times, scalar=not np.ndim(t))

    def _states(self, times: Rows, *, scalar: bool) -> Array:
        place, theta = self._locate(times)
        flat = place.ravel()
        order = np.argsort(flat, kind="stable")
        rows = np.tile(np.arange(place.shape[1]), len(times))
        chunks: list[Array] = []
        bounds = np.searchsorted(flat[order], np.arange(-2, len(self._steps) + 1))
        for k, (first, last) in enumerate(itertools.pairwise(bounds), start=-2):
            chosen = order[first:last]
            if len(chosen):
                chunks.append(self._evaluate(k, rows[chosen], theta.ravel()[chosen]))
        x0 = self._x0
        shape = x0.shape if scalar else (len(times), *x0.shape)
        if not chunks:
            return array_namespace(x0).zeros(shape, dtype=x0.dtype, device=device(x0))
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return array_namespace(x0).reshape(_gather(chunks, back), shape)

    def _evaluate(self, step: int, rows: Any, theta: Rows) -> Array:
        """The states of rows in a step; step -1 means the initial state, step -2 NaN."""
        if step >= 0:
            return self._steps[step].at(rows, theta)
        xp, x0 = array_namespace(self._x0), self._x0
        if step == -2:
            return xp.full((len(rows), *x0.shape[1:]), math.nan, dtype=x0.dtype, device=device(x0))
        return xp.take(x0, xp.asarray(rows, device=device(x0)), axis=0)

    def _locate(self, times: Rows) -> tuple[Any, Rows]:
        """Return for every time and row the step that contains it, and the fraction of that step."""
        place = np.empty((len(times), self._x0.shape[0]), dtype=np.intp)
        theta = np.zeros(place.shape)
        ahead = self._direction * times
        for row, (own, ends) in enumerate(zip(self._own, self._ends, strict=True)):
            at = np.searchsorted(ends, ahead, side="left")
            inside = at < len(own)
            place[:, row] = np.where(times == self._start, -1, -2)
            place[inside, row] = own[at[inside]]
            place[times == self._start, row] = -1
            place[ahead > self._direction * self._reached[row], row] = -2
        for k in np.unique(place[place >= 0]):
            which, step = place == k, self._steps[k]
            rows = np.nonzero(which)[1]
            theta[which] = (times[np.nonzero(which)[0]] - step.t0[rows]) / step.dt[rows]
        return place, theta

    def _check(self, t: Any) -> Rows:
        if compat.is_array_api_obj(t) and not compat.is_numpy_array(t):
            raise TypeError("t must be a host number or a NumPy array; time stays on the host")
        times = np.asarray(t)
        if times.dtype.kind not in "fiu":
            raise TypeError(f"t must be real numbers; got dtype {times.dtype}")
        if times.ndim > 1:
            raise ValueError(f"t must be a number or a vector; got shape {times.shape}")
        times = np.atleast_1d(times.astype(np.float64))
        low, high = sorted((self._start, self._stop))
        bad = np.flatnonzero(~((times >= low) & (times <= high)))
        if bad.size:
            raise ValueError(f"t must lie between {low:g} and {high:g}; t[{bad[0]}] is {times[bad[0]]}")
        return times

    def __repr__(self) -> str:
        span = f"t: {self._start:g} -> {self._stop:g}"
        return f"DenseOutput({span}, {self._x0.shape[0]} rows, {len(self._steps)} steps, order {self.order})"


def _gather(chunks: list[Array], index: Any) -> Array:
    xp = array_namespace(chunks[0])
    return xp.take(xp.concat(chunks, axis=0), xp.asarray(index, device=device(chunks[0])), axis=0)
