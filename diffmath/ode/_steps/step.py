"""One step that rows of a batch took, and the state inside it, made and paid for when it is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath._arrays.devices import on_device_of
from diffmath._core.typing import Array
from diffmath._stepping.clocks import Mask, Rows
from diffmath.ode._steps.trial import Interpolant, Trial

__all__ = ["Step"]


class Step:
    r"""A step that some rows took: from ``t0`` to ``t``, and the state anywhere in between.

    Attributes
    ----------
    t0, t : numpy.ndarray, shape (batch,)
        Time of every row before and after; equal for the rows that did not move.
    x0, x : array, shape (batch, \*state)
        State of every row before and after.
    accepted : numpy.ndarray of bool, shape (batch,)
        Which rows moved.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import ode
    >>> step = next(ode.steps(lambda t, x: -x, np.ones((1, 1)), [0.0, 1.0], first_step=0.25, rtol=1e-3))
    >>> step.t, step.at(np.array([0]), np.array([0.5])).round(4)
    (array([0.25]), array([[0.8825]]))
    """

    __slots__ = (
        "_cost",
        "_inside",
        "_run",
        "_slope",
        "_trial",
        "_unpaid",
        "accepted",
        "dt",
        "t",
        "t0",
        "x",
        "x0",
    )

    def __init__(
        self,
        run: Any,
        trial: Trial,
        spans: tuple[Rows, Rows, Rows],
        accepted: Mask,
        x0: Array,
        x: Array,
        slope: Any,
    ) -> None:
        self.t0, self.dt, self.t = spans
        self.accepted, self.x0, self.x = accepted, x0, x
        self._run, self._trial, self._slope = run, trial, slope
        self._inside: Interpolant | None = None
        self._cost, self._unpaid = 0, accepted.copy()

    def at(self, rows: Any, theta: Rows) -> Array:
        r"""Return the states of `rows` at the fractions `theta` of their steps, shape (pairs, \*state)."""
        with on_device_of(self.x0):
            return self.inside(rows)(rows, theta)

    def inside(self, rows: Any) -> Interpolant:
        """Return the state inside the step; those of `rows` that moved pay for it, each once."""
        if self._inside is None:
            self._inside, self._cost = self._run.inside(self)
        if self._cost:
            asking = np.zeros_like(self._unpaid)
            asking[rows] = True
            self._run.charge(asking & self._unpaid, self._cost)
            self._unpaid &= ~asking if self._run.per_row else False
        return self._inside

    def __repr__(self) -> str:
        moved = f"{int(self.accepted.sum())} of {len(self.accepted)} rows"
        return f"Step({moved}, t: {self.t0.min():g} -> {self.t.max():g})"
