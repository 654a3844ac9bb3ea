"""The time of every row: the length of the next step, its acceptance, and the end of a row.

All values are host float64, one entry per clock (a row, or the whole batch if its rows share steps).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from diffmath._arrays.accelerate import accelerated
from diffmath._stepping.one_clock import BROKEN, LEAST_ERROR, ROUNDED, SPENT, STRETCH, STUCK, Law, Limits

__all__ = ["Law", "Mask", "Rows", "advance_clocks", "filled", "plan_steps"]

Rows: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]


def filled(count: int, value: float) -> Rows:
    """Return an array with the same value for every clock; `numpy.full` takes longer for one."""
    values = np.empty(count)
    values.fill(value)
    return values


@accelerated
def plan_steps(
    t: Rows, h: Rows, goal: Rows, running: Mask, direction: float, max_step: float, dt: Rows,
    reaches_goal: Mask,
) -> None:  # fmt: skip
    """Write the signed step of every clock into `dt`, and into `reaches_goal` whether it ends on the goal."""
    remaining = goal - t
    reach = np.minimum(h * STRETCH, max_step * ROUNDED)
    np.logical_and(running, reach >= np.abs(remaining), out=reaches_goal)
    # The state must advance by exactly the step of the clock: far from t = 0, t + h is rounded.
    dt[:] = np.where(running, np.where(reaches_goal, remaining, (t + direction * h) - t), 0.0)


@accelerated
def advance_clocks(
    t: Rows, h: Rows, goal: Rows, running: Mask, error: Rows, past: Rows, recovering: Mask,
    counts: npt.NDArray[np.int64], dt: Rows,
    reaches_goal: Mask, law: Law, limits: Limits,
    accepted: Mask, ended: npt.NDArray[np.int8],
) -> int:  # fmt: skip
    """Accept or reject the steps, move the clocks, choose the next steps; return the number of accepted
    steps.

    These arrays are changed in place: t, h, running, past (2, clocks) with the last two errors, recovering,
    counts (2, clocks) with trials and steps. These are written: accepted, ended. `limits` holds min_step,
    max_step, the last time and max_steps.
    """
    safety, least, most, e0, e1, e2, again = law
    min_step, max_step, stop, max_steps = limits
    size, finite = np.abs(dt), np.isfinite(error)
    np.logical_and(running, error <= 1, out=accepted)
    rejected = running & ~accepted
    counts += np.stack((running, accepted))
    tiny = np.finfo(np.float64).tiny
    known = np.maximum(np.where(accepted, error, 1.0), tiny)
    memory = np.maximum(past[0], LEAST_ERROR) ** e1 * np.maximum(past[1], LEAST_ERROR) ** e2
    growth = np.clip(safety * known**e0 * memory, least, most)
    # A step shortened to end on its goal says little about the planned step: keep the plan.
    cut = accepted & reaches_goal & (size < h) & (growth >= most)
    growth = np.where(recovering, np.minimum(growth, 1.0), growth)
    proposed = np.where(cut, np.maximum(h, size * growth), size * growth)
    excess = np.maximum(np.where(finite, error, 1.0), 1.0)
    shrunk = size * np.where(finite, np.maximum(safety * excess**again, least), 0.5)
    h[:] = np.where(accepted, proposed, np.where(rejected, shrunk, h))
    learned = accepted & ~cut
    past[1] = np.where(learned, past[0], past[1])
    past[0] = np.where(learned, error, past[0])
    recovering[:] = rejected
    t[:] = np.where(accepted, np.where(reaches_goal, goal, t + dt), t)
    grain = np.spacing(np.abs(t))
    floor = np.maximum(min_step, 4 * grain)
    h[:] = np.where(running, np.minimum(np.maximum(h, floor), max_step), h)
    # A step of minimum length may have been rounded up by a unit in the last place of t.
    stuck = rejected & (size <= floor + grain)
    finished = accepted & reaches_goal & (goal == stop)
    spent = running & ~stuck & ~finished & (counts[0] >= max_steps)
    ended[:] = np.where(stuck, np.where(finite, STUCK, BROKEN), np.where(spent, SPENT, 0))
    running &= ~(finished | stuck | spent)
    return int(np.count_nonzero(accepted))
