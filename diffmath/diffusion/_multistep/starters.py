r"""Starters: one-step methods for the first steps of a multistep method.

A method of order p keeps it from a cold start if its first p - 1 steps have a local error of
:math:`O(h^p)`. In its own time each form is an equation without a linear part, so that the classical
Runge-Kutta methods of order p - 1 apply, at alpha = 0 too, and are exact for a constant prediction. Source:
Hairer, Norsett & Wanner (1993), Solving Ordinary Differential Equations I, section III.1, for starting
procedures; Ralston (1962), Math. Comp. 16, 431-437, and Kutta (1901), for the methods.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from diffmath.diffusion._methods import Stage, Step
from diffmath.diffusion._multistep.forms import (
    constant_weight,
    decay,
    level,
    level_at,
    own_time,
    scale,
    unit,
)
from diffmath.diffusion._process import Form, Process

__all__ = ["StarterCost", "starting_step"]

# Rows of the tableau, the last one the weights of the step; the nodes are the sums of the others.
_TABLEAUX: dict[int, tuple[tuple[float, ...], ...]] = {
    1: ((1.0,),),
    2: ((2 / 3,), (1 / 4, 3 / 4)),
    3: ((1 / 2,), (0.0, 3 / 4), (2 / 9, 1 / 3, 4 / 9)),
    4: ((1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
}


@dataclass(frozen=True)
class StarterCost:
    """The evaluations of a run whose first `count` steps, but never the last one, have `extra` more."""

    count: int
    extra: int

    def __call__(self, steps: int) -> int:
        return steps + self.extra * min(self.count, max(steps - 1, 0))


def starting_step(process: Process, form: Form, start: float, end: float, order: int) -> Step:
    """Return the Runge-Kutta step of this order (1 to 4) from time `start` to time `end`, in own time."""
    s, t = level(process, start), level(process, end)
    first = own_time(form, s)
    length = unit(form, s) * constant_weight(form, s, t) / scale(form, t)
    rows, times, levels = _TABLEAUX[order], [start], [s]
    for row in rows[:-1]:
        node = math.fsum(row)
        times.append(end if node == 1 else _time(process, form, first + node * length))
        levels.append(level(process, times[-1]))
    levels.append(t)
    updates = []
    for row, at in zip(rows, levels[1:], strict=True):
        size = scale(form, at) * length
        weights = [size * value / unit(form, known) for value, known in zip(row, levels, strict=False)]
        updates.append((decay(form, s, at), tuple(reversed(weights))))
    stages = [Stage(time, *update) for time, update in zip(times[1:], updates[1:], strict=True)]
    return Step(*updates[0], stages=tuple(stages))


def _time(process: Process, form: Form, own: float) -> float:
    return float(process.time_of_log_snr(level_at(form, own)))
