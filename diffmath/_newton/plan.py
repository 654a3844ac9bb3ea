"""How many iterations an attempt makes where the host does not wait for their results.

On a device, looking at the result of an iteration costs a synchronisation. There the number of iterations is
planned from the last attempt; whether they were enough is read once, at the end of the attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Plan"]

# The first attempt makes this many iterations in every stage.
_FIRST = 3

# A stage gets one iteration more than it needed, unless it has needed as many in this many attempts.
_STEADY = 8


class Plan(NamedTuple):
    """The iterations that the stages of the last attempt needed, in the row that needed most.

    A spare iteration costs one evaluation of f, a missing one a whole attempt. The spare one is therefore
    left out only where the need does not change.

    Examples
    --------
    >>> from diffmath._newton.plan import Plan
    >>> plan = Plan().after([2, 3], [3, 3])
    >>> plan.iterations(0), plan.iterations(1)
    (3, 4)
    >>> plan.after([2, 5], [3, 4]).iterations(1)  # 4 were too few
    8
    """

    needed: tuple[int, ...] = ()
    steady: tuple[int, ...] = ()  # the number of attempts that needed as many, in succession

    def iterations(self, stage: int) -> int:
        """Return the number of iterations for a stage."""
        if stage >= len(self.needed):
            return _FIRST
        return self.needed[stage] + (self.steady[stage] < _STEADY)

    def after(self, needed: Sequence[int], made: Sequence[int]) -> Plan:
        """Return the plan after an attempt that made so many iterations in every stage.

        If a stage needed more, the attempt is repeated with twice as many in that stage, and no fewer in the
        later ones, which started from stages that were not solved.
        """
        found, least = list[int](), 0
        for n, m in zip(needed, made, strict=True):
            least = max(least, 2 * m - 1 if n > m else 0)
            found.append(max(n, least))
        same = [not least and k < len(self.needed) and self.needed[k] == n for k, n in enumerate(found)]
        return Plan(tuple(found), tuple(self.steady[k] + 1 if s else 0 for k, s in enumerate(same)))
