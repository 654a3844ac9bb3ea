"""Which rows of a solve stopped, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from diffmath._arrays.namespace import all_finite
from diffmath._core.solution import Solution, Status
from diffmath._core.typing import Array
from diffmath._stepping.control import finite_rows

__all__ = ["Failures", "advice", "name_rows", "nonfinite_rows"]


@dataclass
class Failures:
    """The rows that stopped, why, and where; the first one determines the status and message of the solution.

    `first_row` is the number of the first row in the whole batch, if these rows are a chunk of it.
    """

    batch: int
    status: Status = "ok"
    message: str = ""
    rows: dict[int, Status] = field(default_factory=dict)
    first_row: int = 0

    def add(self, status: Status, rows: Iterable[int], message: str) -> None:
        """Record that `rows` stopped, unless already recorded; `message` may name them as ``{rows}``."""
        stopped = [row for row in map(int, rows) if row not in self.rows]
        if stopped and self.status in ("ok", "event"):
            named = name_rows(stopped, self.batch, self.first_row)
            self.status, self.message = status, message.replace("{rows}", named)
        self.rows.update(dict.fromkeys(stopped, status))

    def solution(self, saved: tuple[Any, Any], stats: dict[str, Any], per_row: bool, **more: Any) -> Solution:
        """Return the saved states with the status of the solve."""
        t, x = saved
        message = self.message
        failed = sum(status != "event" for status in self.rows.values())
        if per_row and failed > 1:
            message += f" ({failed} of {self.batch} rows failed: see row_status)"
        apart = per_row or 0 < len(self.rows) < self.batch
        row_status = tuple(self.rows.get(row, "ok") for row in range(self.batch)) if apart else None
        return Solution(
            t=t, x=x, status=self.status, message=message, stats=stats, row_status=row_status, **more
        )


def advice(kind: str, **place: Any) -> str:
    """Return the message of an ending, which names its rows as ``{rows}``."""
    return _ADVICE[kind].format(rows="{rows}", **place)


_ADVICE = {
    "x0": "x0 is nan or inf in {rows}, which cannot be solved; other rows are not affected",
    "start": (
        "f(t, x) is nan or inf at the initial time t={t:g} in {rows}: check f there for a log or root of a "
        "negative number, a division by zero, or an overflow"
    ),
    "nonfinite": (
        "the state or f(t, x) becomes nan or inf just after t={t:g} in {rows}, however small the step: the "
        "solution may blow up or leave the domain of f there; stop before that time, or bound f (with an "
        "implicit method, a Jacobian that is nan or inf has the same effect)"
    ),
    "newton_failed": (
        "Newton's iteration fails just after t={t:g} in {rows}, however small the step: a given Jacobian may "
        "be far from that of f, or f may jump or change faster than steps can follow; correct the Jacobian "
        "(ode.WithJacobian) or leave it out, end the solve before a jump, or use an explicit method"
    ),
    "step_too_small": (
        "the step fell to its floor {floor:.3g} at t={t:.15g} in {rows}: the solution may blow up or jump "
        "near that time; stop before it, start a new solve after it, or loosen rtol and atol"
    ),
    "max_steps": (
        "max_steps={max_steps} trial steps are spent at t={t:g} in {rows}: {cause}; loosen rtol and atol, "
        "raise max_steps, or use {other} (ode.kvaerno5, ode.radau5)"
    ),
    "more_steps": (
        "max_steps={max_steps} trial steps are spent at t={t:g} in {rows}: the steps are steady, and the "
        "rest would take about {more} more; raise max_steps to about {total}, loosen rtol and atol, or use a "
        "method of higher order (ode.dop853)"
    ),
    "unknown": "the problem may be stiff for an explicit method, or f may be noisy or discontinuous",
    "tight": "the tolerance may be tight for an estimate of order {order}, or f noisy or discontinuous",
    "blow_up": (
        "the solution blows up near t={t:.10g} in {rows}: it grows without bound as t approaches it; "
        "stop before that time, or end with a terminal event (ode.Event) when it is large enough"
    ),
    "fixed": (
        "{what} in {rows}: the step may be too large for the method to be stable, or for the equations of an "
        "implicit one to be solved (raise substeps), or f leaves its domain there"
    ),
    "event": "a terminal event ended {rows}: see t_events and x_events",
    "event_nan": (
        "event(t, x) is nan between t={t:.10g} and t={t_end:.10g} in {rows}, where a crossing may be missed: "
        "return a number for every state of the solution; outside the domain of the event, a number of the "
        "correct sign"
    ),
    "user_stop": "the callback stopped the solve at t={t:g}",
}


def nonfinite_rows(x: Array, first_row: int = 0) -> str:
    """Name the rows of the states x, (batch, ...), that hold nan or inf; an empty string if none does.

    Costs one reduction (and, on a GPU, one synchronisation) if all are finite.
    """
    if all_finite(x):
        return ""
    return name_rows(np.flatnonzero(~finite_rows(x)).tolist(), x.shape[0], first_row)


def name_rows(rows: Sequence[int], batch: int, first_row: int = 0) -> str:
    """Name rows of a batch, each by its number in the whole batch."""
    if len(rows) == batch > 1 and not first_row:
        return "all rows"
    numbers = [str(first_row + row) for row in rows[:5]]
    if len(rows) == 1:
        return f"row {numbers[0]}"
    more = f", ... ({len(rows)} of {batch})" if len(rows) > 5 else ""
    return f"rows {', '.join(numbers)}{more}"
