"""A step that rows of a batch took, and the state inside it, computed and counted when it is requested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from diffmath._arrays.devices import on_device_of
from diffmath._core.typing import Array
from diffmath._stepping.clocks import Mask, Rows
from diffmath._stepping.dynamics import Dynamics
from diffmath._stepping.trial import Interpolation

__all__ = ["Account", "Clock", "Step"]

# Time before, step, and time after: floats for a clock that all rows share, or one per row.
Clock: TypeAlias = tuple[float, float, float] | tuple[Rows, Rows, Rows]


class Account:
    """The evaluations of f that every clock needed."""

    def __init__(self, f: Dynamics, clocks: int, own_clocks: bool) -> None:
        self._f, self.own_clocks = f, own_clocks
        self.evaluations: npt.NDArray[np.int64] = np.zeros(clocks, dtype=np.int64)

    def priced(self, make: Callable[[], Interpolation]) -> tuple[Interpolation, int]:
        """Return the result of `make`, and the number of evaluations it took."""
        calls = self._f.calls
        return make(), self._f.calls - calls

    def charge(self, rows: Mask, evaluations: int) -> None:
        """Count evaluations for some rows, or for the clock that they share."""
        self.evaluations += evaluations * (rows if self.own_clocks else rows.any())


class Step:
    r"""A step that some rows took, from ``t0`` to ``t``, with the state anywhere in between.

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

    __slots__ = ("_account", "_cost", "_inside", "_make", "_unpaid", "accepted", "clock", "x", "x0")

    def __init__(
        self,
        clock: Clock,
        accepted: Mask,
        x0: Array,
        x: Array,
        make: Callable[[], Interpolation],
        account: Account | None = None,
    ) -> None:
        self.clock, self.accepted, self.x0, self.x = clock, accepted, x0, x
        self._make: Callable[[], Interpolation] | None = make
        self._account, self._cost = account, 0
        self._inside: Interpolation | None = None

    def one_clock(self) -> tuple[float, float, float]:
        """Return the shared clock, or that of the single row."""
        t0, dt, t = self.clock
        if isinstance(t, float):
            return t0, dt, t  # type: ignore[return-value]
        return float(t0[0]), float(dt[0]), float(t[0])  # type: ignore[index]

    @property
    def t0(self) -> Rows:
        """Time of every row before the step."""
        return self._by_row(self.clock[0])

    @property
    def dt(self) -> Rows:
        """Step of every row."""
        return self._by_row(self.clock[1])

    @property
    def t(self) -> Rows:
        """Time of every row after the step."""
        return self._by_row(self.clock[2])

    def _by_row(self, time: float | Rows) -> Rows:
        return time if isinstance(time, np.ndarray) else np.full(len(self.accepted), time)

    def at(self, rows: Any, theta: Rows) -> Array:
        r"""Return the states of `rows` at the fractions `theta` of their steps, shape (pairs, \*state)."""
        with on_device_of(self.x0):
            return self.inside(rows)(rows, theta)

    def inside(self, rows: Any) -> Interpolation:
        """Return the state inside the step; its evaluations count once for the accepted rows of `rows`."""
        if self._make is not None:
            make, self._make = self._make, None
            if self._account is None:
                self._inside = make()
            else:
                self._inside, self._cost = self._account.priced(make)
                self._unpaid = self.accepted.copy()
        found: Interpolation = self._inside  # type: ignore[assignment]
        if self._cost and self._account is not None:
            asking = np.zeros_like(self._unpaid)
            asking[rows] = True
            self._account.charge(asking & self._unpaid, self._cost)
            self._unpaid &= ~asking if self._account.own_clocks else False
        return found

    def __repr__(self) -> str:
        moved = f"{int(self.accepted.sum())} of {len(self.accepted)} rows"
        return f"Step({moved}, t: {self.t0.min():g} -> {self.t.max():g})"
