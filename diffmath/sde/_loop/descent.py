"""The binary tree of adaptive steps: try a node, accept it in rows with a small error, halve it in the
others.

Depth first, from left to right: after a step, a row tries the largest node that begins there. All rows at a
node share its times, which stay floats. A row leaves the group as soon as it needs other steps, and its steps
depend only on its own state. Every end of a trial step is also an end of accepted steps, so the solution uses
all parts of the path that a decision used (Foster & Jelincic, arXiv:2311.14201, "no skip").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffmath._arrays.callables import check_result
from diffmath._arrays.models import SDE
from diffmath._core.typing import Array
from diffmath._stepping.control import PIDController, Tolerance, finite_rows
from diffmath._stepping.failures import Failures
from diffmath.sde._brownian import Indices, Node, take_rows
from diffmath.sde._loop.groups import Group, join, nans
from diffmath.sde._loop.steps import first_state, take_step
from diffmath.sde._methods import Method, Trial
from diffmath.sde._model import rows_of

__all__ = ["Descent", "Steps"]


@dataclass(frozen=True)
class Steps:
    """Step options: tolerances, controller, limits; `exponent` is that of the local error in the step."""

    tolerance: Tolerance
    controller: PIDController
    exponent: float
    max_steps: int
    first_step: float
    max_step: float
    min_step: float


@dataclass(frozen=True, eq=False)
class _Merge:
    """Rows that have finished a node wait here for the rows that take its halves."""

    settled: Group
    order: Indices


class Descent:
    """The rows of a solve: their next steps, their work, and which of them have stopped."""

    def __init__(
        self, model: SDE, method: Method, nodes: Any, options: Steps, batch: int, first_row: int = 0
    ) -> None:
        self._model, self._method, self._nodes, self._options = model, method, nodes, options
        self._rows = rows_of(model)
        self._doubling = not method.has_estimate
        self._wanted = np.full(batch, options.first_step)
        self._past = np.ones(batch)
        self.alive = np.ones(batch, dtype=bool)
        self._trials, self._steps = np.zeros((2, batch), dtype=np.int64)
        self._calls = 0
        self.failures = Failures(batch, first_row=first_row)

    def begin(self, t: float, x: Array) -> Group:
        """Return all rows at the start, with the state of the method there."""
        with self._called_on(np.arange(x.shape[0])):
            return Group(x, first_state(self._model, x, t, self._method))

    def cross(self, node: Node, group: Group) -> Group:
        """Take all rows from the beginning of a node to its end; rows that stop become nan."""
        tasks: list[Any] = [node]
        while tasks:
            task = tasks.pop()
            if isinstance(task, _Merge):
                group = join([task.settled, group], task.order)
            else:
                group, more = self._visit(task, group)
                tasks += more
        return group

    def stats(self) -> dict[str, Any]:
        """Return the work done, per row, and the steps evaluated for groups of rows."""
        evaluations = self._trials * (3 if self._doubling else 1) * self._method.evaluations
        rejected = self._trials - self._steps
        return {"steps": self._steps, "rejected": rejected, "evaluations": evaluations, "calls": self._calls}

    def _visit(self, node: Node, group: Group) -> tuple[Group, list[Any]]:
        """Try a node with the rows whose steps are long enough; other and rejected rows take its halves."""
        rows, h, options = node.rows, node.length, self._options
        # Half steps need the halves, and their halves if the node is rejected.
        divisible = node.depth + (2 if self._doubling else 1) <= node.deepest and h / 2 >= options.min_step
        fits = h <= np.minimum(self._wanted[rows], options.max_step) * (1 + 1e-9)
        go = self.alive[rows] & (fits | (not divisible))
        spent = go & (self._trials[rows] >= options.max_steps)
        self._stop("max_steps", rows[spent], node)
        go &= ~spent
        tried = np.flatnonzero(go)
        alive = self.alive[rows]
        if not alive.any():
            return group._replace(x=nans(group.x, len(rows))), []
        parts = self._nodes.halves(node) if self._doubling else None
        accepted, after = self._try(node, group, parts, tried, divisible)
        dead = np.flatnonzero(~self.alive[rows])
        settled, new = np.concatenate([dead, tried[accepted]]), after.take(np.flatnonzero(accepted))
        kept = None if group.state is None else group.take(dead).state
        lost = Group(nans(group.x, len(dead)), kept)
        rest = np.setdiff1d(np.arange(len(rows)), settled)
        order = np.argsort(np.concatenate([settled, rest]), kind="stable")
        if not len(rest):
            return join([lost, new], order), []
        parts = self._nodes.halves(node) if parts is None else parts
        right, left = (node.half(side, rows[rest], take_rows(parts[side], rest)) for side in (1, 0))
        return group.take(rest), [_Merge(join([lost, new]), order), right, left]

    def _try(
        self, node: Node, group: Group, parts: Any, tried: Indices, divisible: bool
    ) -> tuple[Any, Group]:
        """Take the step with some rows of the node; return which rows were accepted, and all states."""
        if not len(tried):
            return np.zeros(0, dtype=bool), group.take(tried)
        rows, before = node.rows[tried], group.take(tried)
        noise = take_rows(node.state, tried)
        with self._called_on(rows):
            trial, whole = self._step(node, before, noise, take_rows(parts, tried))
        options, x_new = self._options, trial.x
        with np.errstate(all="ignore"):
            change = trial.error if whole is None else x_new - whole
            norm = options.tolerance.norm(change, before.x, x_new)
        error = np.where(finite_rows(x_new), norm, np.nan)
        accepted, finite = error <= 1, np.isfinite(error)
        self._trials[rows] += 1
        self._steps[rows] += accepted
        known = np.where(finite, error, 1.0)
        factor = options.controller.factor(known, self._past[rows], options.exponent - 1)  # type: ignore[arg-type]
        h = node.length
        # A node may be shorter than the planned step; such a small error confirms the plan.
        longer = np.where(
            factor >= options.controller.max_factor, np.maximum(self._wanted[rows], h * factor), h * factor
        )
        shorter = h * np.where(finite, np.minimum(factor, 0.5), 0.5)
        self._wanted[rows] = np.where(accepted, longer, shorter)
        self._past[rows] = np.where(accepted, known, self._past[rows])
        if not divisible:
            self._stop("nonfinite", rows[~finite], node)
            self._stop("step_too_small", rows[finite & ~accepted], node)
        return accepted, Group(x_new, trial.state)

    @contextmanager
    def _called_on(self, rows: Indices) -> Iterator[None]:
        """Call the callables with the parameters of these rows; note in an error if rows are missing."""
        if self._rows is not None:
            self._rows.choose(rows)
        try:
            yield
        except (TypeError, ValueError, IndexError, RuntimeError) as error:
            if len(rows) < len(self.alive):
                error.add_note(_SOME_ROWS)
            raise

    def _step(self, node: Node, group: Group, state: Any, parts: Any) -> tuple[Trial, Array | None]:
        """Return the trial over a node; without an estimate that of two half steps, and the state of one."""
        a, mid, b = (node.time(k) for k in range(3))
        noise = self._nodes.noise
        if not self._doubling:
            return self._take(group, a, b, noise(state, b - a), estimate=True), None
        whole = self._take(group, a, b, noise(state, b - a))
        half = self._take(group, a, mid, noise(parts[0], mid - a))
        fine = self._take(Group(half.x, half.state), mid, b, noise(parts[1], b - mid))
        return fine, whole.x

    def _take(self, group: Group, t: float, after: float, noise: Any, *, estimate: bool = False) -> Trial:
        self._calls += 1
        method = self._method
        trial = take_step(self._model, group.state, group.x, t, after - t, method, noise, estimate)
        check_result(f"{method.name}, called on some of the rows,", trial.x, group.x)
        return trial

    def _stop(self, status: Any, rows: Indices, node: Node) -> None:
        place: dict[str, Any] = {"t": node.time(0), "h": node.length, "max_steps": self._options.max_steps}
        place |= {"trouble": self._method.trouble, "remedy": self._method.remedy}
        ending = self._method.failure if status == "nonfinite" else status
        self.failures.add(ending, rows, _ADVICE[status].format(rows="{rows}", **place))
        self.alive[rows] = False


_SOME_ROWS = (
    "solve_adaptive calls drift and diffusion on some of the rows: arrays of one row for each row of x0 "
    "must be given in parameters=, as in drift(t, x, parameters)"
)

_ADVICE = {
    "nonfinite": (
        "{trouble} just after t={t:g} in {rows}, however small the step: the solution may explode, or leave "
        "the domain of drift or diffusion; stop before that time, or {remedy}"
    ),
    "step_too_small": (
        "the step fell to its floor {h:.3g} at t={t:.15g} in {rows}: the drift may be stiff or jump there; "
        "loosen rtol and atol, lower min_step, use an implicit method (sde.implicit_milstein), or, with "
        "path=, a path of more levels"
    ),
    "max_steps": (
        "max_steps={max_steps} trial steps are spent at t={t:g} in {rows}: loosen rtol and atol, raise "
        "max_steps, or use a method of higher order, or an implicit one (sde.implicit_milstein)"
    ),
}
