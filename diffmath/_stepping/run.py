"""What those who watch a solve may ask of it: the loop, the saver, events, dense output."""

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

    Times are host float64. `own_clocks`: every row has its own clock, and callables get one time per row;
    otherwise all rows share a clock, and callables get a float. `own_status`: rows end one by one.
    """

    own_clocks: bool
    own_status: bool
    batch: int
    x: Array  # the states after the last step
    start: float
    stop: float
    direction: float  # +1.0 or -1.0
    alive: Mask  # rows that no event has ended
    goal: Rows  # of every clock: the time that it does not step over; whoever iterates may move it to `stop`
    failures: Failures

    def __iter__(self) -> Iterator[StepT_co]:
        """Take the steps, each when it is asked for."""
        ...

    def end(self, rows: Mask, where: tuple[Rows, Array] | None = None) -> None:
        """Stop rows where they are, or at the times and states of an event."""
        ...

    def reached(self) -> Rows:
        """Return how far every row has come."""
        ...

    def stats(self) -> dict[str, Any]:
        """Return the work done."""
        ...
