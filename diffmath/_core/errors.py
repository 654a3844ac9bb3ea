"""The one exception of diffmath's own: a numerical failure that still carries what was computed.

Wrong kinds are `TypeError`, wrong values are `ValueError`; everything that fails *while computing* is a
`SolveError`. Its message is the remedy, its `solution` the valid part of the result: nothing is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffmath._core.solution import Solution

__all__ = ["SolveError"]


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
