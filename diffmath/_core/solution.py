"""What every time-stepping call returns: saved states, how it ended, and what it cost.

`SolveError` is the one exception of diffmath's own. A wrong kind is a `TypeError`, a wrong value a
`ValueError`; everything that fails *while computing* is a `SolveError`. Its message is the remedy, and its
`solution` is the valid part of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from diffmath._core.html import html_report
from diffmath._core.typing import Array

__all__ = ["Solution", "SolveError", "Status", "check_on_failure", "finish"]

Status = Literal[
    "ok",
    "event",
    "max_steps",
    "step_too_small",
    "nonfinite",
    "newton_failed",
    "blow_up",
    "budget",
    "user_stop",
]
_STATUSES = get_args(Status)


@dataclass(frozen=True, eq=False)
class Solution:
    """States saved at given times, with the status and statistics of the solve.

    Parameters
    ----------
    t : numpy.ndarray, shape (times,)
        Host float64 times of the saved states (a valid prefix of the requested times if the solve failed, and
        up to the last terminal event if no row continued). Shape (times, batch) if every row has its own
        times.
    x : array, shape (times, batch, \\*state)
        Saved states, in the dtype and on the device of the initial state.
    status : {"ok", "event", "max_steps", "step_too_small", "nonfinite", "newton_failed", ...}
        Status of the solve; a batch reports its first failure. "event": a terminal event ended a row, as
        requested; "user_stop": a callback stopped the solve.
    message : str
        Empty on success, otherwise the failure and its remedy.
    stats : mapping
        Work done, by name (`evaluations`, `steps`, ...): integers, or one integer per row.
    row_status : tuple of str, optional
        One status per row, if rows are solved independently.
    dense : callable, optional
        ``dense(t)``: the state at any time in between, if dense output was requested.
    t_events, x_events : tuple of tuples, optional
        For every event and row, the times (a NumPy vector) and the states (an array (events, \\*state)) at
        which it occurred; without the row level if one state was solved instead of a batch.
    t_end : float or numpy.ndarray of shape (batch,), optional
        Time reached by the solve, or by every row: the last time, that of the terminal event, or of the
        failure.
    curve : callable, optional
        ``curve()``: times and states of the natural steps, as with ``save="steps"``, if they were kept for
        plots.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import Solution
    >>> Solution(t=np.linspace(0, 1, 3), x=np.zeros((3, 5, 2)), stats={"steps": 2})
    Solution(ok, t: 0 -> 1 (3 times), x: (3, 5, 2) float64, steps=2)
    """

    t: npt.NDArray[np.float64]
    x: Array
    status: Status = "ok"
    message: str = ""
    stats: Mapping[str, Any] = field(default_factory=dict)
    row_status: tuple[Status, ...] | None = None
    dense: Callable[[Any], Array] | None = None
    t_events: tuple[Any, ...] | None = None
    x_events: tuple[Any, ...] | None = None
    t_end: Any = None
    curve: Callable[[], tuple[npt.NDArray[np.float64], Array]] | None = None

    def __post_init__(self) -> None:
        for status in (self.status, *(self.row_status or ())):
            if status not in _STATUSES:
                raise ValueError(f"status must be one of {_STATUSES}; got {status!r}")

    @property
    def success(self) -> bool:
        """Whether every row reached its last time, or ended by a terminal event."""
        return self.status in ("ok", "event")

    def __repr__(self) -> str:
        times = "{:g} -> {:g}".format(*_ends(self.t)) if len(self.t) else "none"
        dtype = str(self.x.dtype).rpartition(".")[2]
        stats = "".join(f", {name}={_brief(value)}" for name, value in self.stats.items())
        message = f", message={self.message!r}" if self.message else ""
        return (
            f"Solution({self.status}, t: {times} ({len(self.t)} times), "
            f"x: {tuple(self.x.shape)} {dtype}{stats}{message})"
        )

    def _repr_html_(self) -> str:
        times = "{:g} to {:g}, {} times".format(*_ends(self.t), len(self.t)) if len(self.t) else "none"
        dtype = str(self.x.dtype).rpartition(".")[2]
        rows = [("t", times), ("x", f"{tuple(self.x.shape)} {dtype}")]
        rows += [(name, _brief(value)) for name, value in self.stats.items()]
        return html_report(f"Solution: {self.status}", rows, note=self.message)


class SolveError(RuntimeError):
    """A computation failed numerically; the part that succeeded is attached.

    Parameters
    ----------
    message : str
        What happened, where, and what to do about it.
    solution : Solution
        The valid prefix: every saved state up to the failure, and the statistics.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import SolveError, Solution
    >>> partial = Solution(t=np.zeros(1), x=np.ones((1, 1, 1)), status="nonfinite", message="score gave nan")
    >>> try:
    ...     raise SolveError(partial.message, partial)
    ... except SolveError as error:
    ...     error.solution.x[-1]
    array([[1.]])
    """

    def __init__(self, message: str, solution: Solution) -> None:
        super().__init__(message)
        self.solution = solution

    def __reduce__(self) -> tuple[type[SolveError], tuple[str, Solution]]:
        # The default reduction of exceptions would drop `solution` when a worker process raises.
        return type(self), (str(self), self.solution)


def _ends(t: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The first time, and the last of any row."""
    first, last = float(np.ravel(t[0])[0]), np.ravel(t[-1])
    return first, float(last[np.argmax(np.abs(last - first))])


def _brief(value: Any) -> str:
    values = np.asarray(value)
    if values.ndim == 0:
        return f"{value}"
    if values.dtype.kind == "f":  # NaN where a step has none
        known = values[~np.isnan(values)]
        return f"{known.min():.4g}..{known.max():.4g}" if known.size else "none"
    return f"{values.min()}..{values.max()}" if values.size else "none"


def check_on_failure(on_failure: str) -> None:
    """Refuse an unknown option at the edge, before any work, rather than when the work has failed."""
    if on_failure not in ("raise", "return"):
        raise ValueError(f"on_failure must be 'raise' or 'return'; got {on_failure!r}")


def finish(solution: Solution, on_failure: Literal["raise", "return"]) -> Solution:
    """Return a solution, or raise `SolveError` if it failed and failures are to be raised.

    A solve that the user's own callback stopped did not fail.
    """
    check_on_failure(on_failure)
    if on_failure == "raise" and not solution.success and solution.status != "user_stop":
        raise SolveError(solution.message, solution)
    return solution
