"""The stages of an implicit step: their slopes, and in which rows their equations could not be solved.

On the host an iteration ends when its last row has converged. On a device the iterations are planned, and all
that the host must know about them is read once, at the end of the attempt (`until_solved`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from diffmath._arrays.devices import is_off_host
from diffmath._arrays.namespace import (
    array_namespace,
    asarray_like,
    device,
    expand_like,
    real_dtype,
    to_numpy,
)
from diffmath._core.typing import Array
from diffmath._newton.convergence import Judged
from diffmath._newton.jacobian import flat_size
from diffmath._newton.linearised import Linearised
from diffmath._newton.plan import Plan
from diffmath._stepping.clocks import Mask, Rows
from diffmath._stepping.control import Tolerance, sound_rows
from diffmath._stepping.fetch import fetch
from diffmath._stepping.trial import SlopeState, Trial

__all__ = ["Attempted", "Correction", "Stages", "largest", "sent", "take", "until_solved"]

# An iteration that increases a state to this many times its size has diverged.
_FAR = 1e6


class Correction(NamedTuple):
    """One iteration of a block of stages: where it was, how far from solved, and what it changes."""

    states: list[Array]
    residual: list[Array]
    change: list[Array]

    def diverged(self, base: Array) -> Array:
        """Return in which rows a failed iteration diverged by itself, and not because f is nan.

        Its numbers are finite but grow (or the matrix is singular), or it has diverged to where f overflows.
        """
        finite = sound_rows(self.residual[0])
        for part in self.residual[1:]:
            finite = finite & sound_rows(part)
        xp, shape = array_namespace(base), (base.shape[0], flat_size(base))
        before, after = (largest(xp.abs(xp.reshape(x, shape)))[:, 0] for x in (base, self.states[-1]))
        with np.errstate(all="ignore"):
            return finite | ((before > 0) & ~(after <= _FAR * before))


class Attempted(NamedTuple):
    """The planned iterations of a block of stages, until it is known whether one has failed."""

    base: Array
    corrections: list[Correction]
    judged: Judged

    def unsolved(self) -> Array:
        """Return in which rows the iteration failed by itself."""
        needed, converged = self.judged.needed, self.judged.converged
        found = converged & ~converged
        for k, correction in enumerate(self.corrections, 1):
            found = found | ((needed == k) & ~converged & correction.diverged(self.base))
        return found


@dataclass
class Stages:
    """The scaled slopes Z of a step so far, and the state of their iterations in every row.

    With a `plan`, the rows `failed` and `rate` are on the device of the states, otherwise on the host.
    """

    slopes: list[Array]
    failed: Mask | Array
    rate: Rows | Array  # of convergence: the remaining correction as a fraction of the last one
    allowed: Tolerance | None = None  # what the solver tolerates in a step, if it adapts
    guess: Array | None = None  # start of the next iteration; away from a stiff solution only 0 is safe
    unsolved: Mask | None = None  # rows whose iteration failed although all numbers were finite
    watcher: Any = None  # counts the calls of f that a row needs, if given
    plan: Plan | None = None  # of the iterations, if the host does not follow them
    made: list[int] = field(default_factory=list)  # planned iterations of every stage
    needed: list[Array] = field(default_factory=list)  # how many of them every row needed
    attempted: list[Attempted] = field(default_factory=list)
    lost: bool = False  # whether planned iterations have failed in some row

    @classmethod
    def begin(cls, linear: Linearised, f: Any = None, plan: Plan | None = None) -> Stages:
        """Begin without stages: only rows without a finite Jacobian have failed. `f` gets `unsolved`."""
        hJ, allowed = linear.matrix, getattr(f, "tolerance", None)
        unsolved = np.zeros(hJ.shape[0], dtype=bool)
        if plan is None:
            stages = cls([], ~linear.finite, np.ones(len(unsolved)), allowed)
        else:
            rate = array_namespace(hJ).ones(hJ.shape[0], dtype=real_dtype(hJ), device=device(hJ))
            stages = cls([], ~linear.sound, rate, allowed, plan=plan)
        stages.unsolved = unsolved
        if hasattr(f, "unsolved"):
            f.unsolved = unsolved  # updated during the iterations
            stages.watcher = f
        return stages

    def spare(self, rows: Rows | Mask, calls: int) -> None:
        """Do not count calls for rows whose iteration has ended: alone, they would not be made."""
        if self.watcher is not None:
            self.watcher.spared = self.watcher.spared + calls * rows

    def record(self, block: Attempted, stages: int) -> None:
        """Append the planned iterations of a block of stages."""
        judged = block.judged
        self.attempted.append(block)
        self.made.extend([len(block.corrections)] * stages)
        self.needed.extend([judged.needed] * stages)
        self.failed, self.rate = ~judged.converged, judged.rate  # what had failed has not converged

    def ended(self, x: Array) -> Array:
        """Return `x`, with NaN in the rows that failed, which the solver then rejects."""
        return take(sent(~self.failed, x), x, array_namespace(x).full_like(x, math.nan))

    def kept(self, slopes: Sequence[Array] | None = None) -> list[Array]:
        """Return the slopes of all stages, or the given slopes, with NaN in the rows that failed."""
        return [self.ended(slope) for slope in (self.slopes if slopes is None else slopes)]

    def settle(self, linear: Linearised, x: Array, trial: Trial | None = None, calls: int = 0) -> bool:
        """Read what planned iterations did, in one copy; return whether every row had enough of them.

        `calls` is the number of calls of f in this attempt: they count for no row if it is repeated. With a
        watcher, the copy is shared with the solver, which reads the `trial`.
        """
        if self.plan is None or not self.needed:
            return True
        xp, kind = array_namespace(x), real_dtype(x)
        needed, lost = xp.stack(self.needed), xp.astype(self.failed & linear.sound, kind)
        rows = [sum(self.made) - xp.sum(needed, axis=0), lost, xp.max(needed, axis=1)]
        shared: Any = getattr(self.watcher, "fetch", None)
        alone = shared is None or trial is None
        spared, lost, most = fetch(rows) if alone else shared.along(trial, x, rows)
        self.plan = self.plan.after(most.astype(int).tolist(), self.made)
        if (most > self.made).any():
            self.spare(np.ones(len(spared), dtype=int), calls)
            return False
        self.spare(spared.astype(int), 1)
        self.lost = bool(lost.any())
        if self.lost and self.watcher is not None:  # a second copy, in attempts that fail
            for block in self.attempted:
                self.unsolved |= to_numpy(block.unsolved())
        self.attempted.clear()
        return True


def until_solved(
    linear: Linearised, f: Any, x: Array, state: SlopeState, attempt: Callable[[Stages], Trial]
) -> Trial:
    """Return the trial of an attempt in which every row had the iterations that it needs.

    On the host, this is the first. On a device, the attempt is repeated with more iterations if some row has
    neither converged nor failed; the state of the trial has the plan for the next one.
    """
    plan = Plan(*state.plan) if is_off_host(x) and x.shape[0] else None
    while True:
        calls = getattr(f, "calls", 0)
        stages = Stages.begin(linear, f, plan)
        trial = attempt(stages)
        solved = stages.settle(linear, x, trial, getattr(f, "calls", 0) - calls)
        plan = stages.plan
        if solved:
            if plan is not None:
                trial.state = replace(trial.state, plan=plan)
            return trial


def largest(values: Array) -> Array:
    """Return the largest component of every row, shape (..., batch, 1)."""
    xp = array_namespace(values)
    if not values.shape[-1]:
        return xp.zeros((*values.shape[:-1], 1), dtype=values.dtype, device=device(values))
    return xp.max(values, axis=-1, keepdims=True)


def sent(mask: Mask | Array, like: Array) -> Array | None:
    """Return a mask on the device of `like`, or None for all rows, which avoids the copy."""
    if type(mask) is not np.ndarray:
        return mask
    return None if mask.all() else asarray_like(mask, like, array_namespace(like).bool)


def take(mask: Array | None, new: Array, old: Array) -> Array:
    """Return `new` in the rows of the mask (None: in all), `old` in the others."""
    return new if mask is None else array_namespace(new).where(expand_like(mask, new), new, old)
