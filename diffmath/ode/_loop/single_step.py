"""A step of one state, without the batch axis, which `ode.steps` yields for a number or a vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath._core.typing import Array
from diffmath.ode._problem import Single
from diffmath.ode._steps import Step

__all__ = ["SingleStep"]


class SingleStep:
    r"""A step of one state: from ``t0`` to ``t``, and the state anywhere in between.

    Attributes
    ----------
    t0, t : float
        Time before and after.
    x0, x : array, shape (\*state)
        State before and after.

    Examples
    --------
    >>> from diffmath import ode
    >>> step = next(ode.steps(lambda t, x: -x, 1.0, [0.0, 1.0], first_step=0.25, rtol=1e-3))
    >>> step, step.at([0.0, 0.5]).round(4)
    (SingleStep(t: 0 -> 0.25), array([1.    , 0.8825]))
    """

    __slots__ = ("_single", "_step", "t", "t0", "x", "x0")

    def __init__(self, step: Step, single: Single) -> None:
        self._step, self._single = step, single
        self.t0, self.t = float(step.t0[0]), float(step.t[0])
        self.x0, self.x = single.one(step.x0), single.one(step.x)

    def at(self, theta: Any) -> Array:
        r"""Return the states at fractions `theta` of the step, shape (\*theta, \*state)."""
        fractions = np.asarray(theta, dtype=float)
        flat = fractions.reshape(-1)
        x = self._single.each(self._step.at(np.zeros(len(flat), dtype=int), flat))
        return x[0, ...] if fractions.ndim == 0 else x

    def __repr__(self) -> str:
        return f"SingleStep(t: {self.t0:g} -> {self.t:g})"
