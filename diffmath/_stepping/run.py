"""The interface of a running solve, for the loop, the saver, events and dense output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

from diffmath._core.typing import Array
from diffmath._stepping.clocks import Mask, Rows
from diffmath._stepping.failures import Failures

__all__ = ["Run"]

StepT_co = TypeVar("StepT_co", covariant=True)


class Run(Protocol[StepT_co]):
    """The state of a solve; iterate over it to take its steps.

    Times are host float64. With `own_clocks` every row has a clock, and callables get one time per row;
    otherwise all rows share a clock, and callables get a float. With `own_status` rows end separately.
    """

    own_clocks: bool
    own_status: bool
    batch: int
    x: Array  # the states after the last step
    start: float
    stop: float
    direction: float  # +1.0 or -1.0
    alive: Mask  # rows that have not ended
    goal: Rows  # a time per clock that no step passes; the caller may increase it, up to `stop`
    failures: Failures

    def __iter__(self) -> Iterator[StepT_co]:
        """Yield the steps; each is taken when it is requested."""
        ...

    def end(self, rows: Mask, where: tuple[Rows, Array] | None = None) -> None:
        """End rows at their current time and state, or at those of an event."""
        ...

    def reached(self) -> Rows:
        """Return the time that every row reached."""
        ...

    def stats(self) -> dict[str, Any]:
        """Return the work done."""
        ...
