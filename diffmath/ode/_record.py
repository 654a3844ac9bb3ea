"""Where a solve puts what it saves: rows arrive at their save times in any order, and leave as one array."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from diffmath._arrays import array_namespace, device
from diffmath._solution import Solution, Status
from diffmath._typing import Array

__all__ = ["Failures", "Recorder"]

Indices = npt.NDArray[np.intp]


class Recorder:
    """Collect the rows of x that have reached a save time; assemble them in order at the end.

    Rows are gathered, never scattered: the standard has no indexed assignment, and the work is one copy of
    what is saved, however the rows are spread over the save times.
    """

    def __init__(self, times: npt.NDArray[np.float64], x0: Array) -> None:
        self._times, self._x0 = times, x0
        self._chunks: list[Array] = []
        self._place = np.full((len(times), x0.shape[0]), -1, dtype=np.intp)
        self._count = 0
        rows = np.arange(x0.shape[0])
        self.save(x0, rows, np.zeros_like(rows))

    def save(self, x: Array, rows: Indices, times: Indices) -> None:
        """Save the given rows of `x` at the given save indices."""
        if not len(rows):
            return
        xp = array_namespace(x)
        whole = len(rows) == x.shape[0]
        self._chunks.append(x if whole else xp.take(x, xp.asarray(rows, device=device(x)), axis=0))
        self._place[times, rows] = self._count + np.arange(len(rows))
        self._count += len(rows)

    def assemble(self) -> tuple[npt.NDArray[np.float64], Array]:
        """Return the times that some row reached, and the states there; rows that did not are NaN."""
        x0, xp = self._x0, array_namespace(self._x0)
        if x0.shape[0] == 0:
            return self._times, xp.zeros((len(self._times), *x0.shape), dtype=x0.dtype, device=device(x0))
        reached = int(np.flatnonzero((self._place >= 0).any(axis=1))[-1]) + 1
        place = self._place[:reached]
        chunks = list(self._chunks)
        if (place < 0).any():
            chunks.append(xp.full((1, *x0.shape[1:]), math.nan, dtype=x0.dtype, device=device(x0)))
            place = np.where(place < 0, self._count, place)
        flat = xp.asarray(np.ravel(place), device=device(x0))
        x = xp.take(xp.concat(chunks, axis=0), flat, axis=0)
        return self._times[:reached], xp.reshape(x, (reached, *x0.shape))


@dataclass
class Failures:
    """Which rows stopped, why, and where; the first to stop gives the solution its status and message."""

    batch: int
    status: Status = "ok"
    message: str = ""
    rows: dict[int, Status] = field(default_factory=dict)

    def add(self, status: Status, rows: Iterable[int], message: str) -> None:
        """Record that `rows` stopped; `message` may name them as ``{rows}``."""
        stopped = [int(row) for row in rows]
        if stopped and self.status == "ok":
            self.status, self.message = status, message.format(rows=_name_rows(stopped, self.batch))
        self.rows.update(dict.fromkeys(stopped, status))

    def solution(self, recorder: Recorder, stats: dict[str, Any], per_row: bool) -> Solution:
        """Return what was saved, with how it ended."""
        t, x = recorder.assemble()
        message = self.message
        if per_row and len(self.rows) > 1:
            message += f" ({len(self.rows)} of {self.batch} rows failed: see row_status)"
        row_status = tuple(self.rows.get(row, "ok") for row in range(self.batch)) if per_row else None
        return Solution(t=t, x=x, status=self.status, message=message, stats=stats, row_status=row_status)


def _name_rows(rows: list[int], batch: int) -> str:
    if len(rows) == batch:
        return "row 0" if batch == 1 else "all rows"
    if len(rows) == 1:
        return f"row {rows[0]}"
    more = ", ..." if len(rows) > 5 else ""
    return f"rows {', '.join(map(str, rows[:5]))}{more}"
