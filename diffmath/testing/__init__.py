"""Tests for solvers, yours or ours: problems with exact solutions, and assertions that explain themselves.

`assert_order` measures the order of accuracy of a step; `strategies` (needs Hypothesis: ``pip install
"diffmath[testing]"``) draws the problems. A checker that cannot fail proves nothing: every assertion here is
itself tested on methods that it must reject.
"""

from typing import TYPE_CHECKING

from diffmath._lazy import lazy_attributes

if TYPE_CHECKING:
    from diffmath.testing import strategies as strategies
    from diffmath.testing._order import assert_order as assert_order
    from diffmath.testing._problems import ODEProblem as ODEProblem
    from diffmath.testing._problems import linear_ode as linear_ode

__all__ = ["ODEProblem", "assert_order", "linear_ode", "strategies"]

__getattr__, _lazy_dir = lazy_attributes(
    __name__,
    {"ODEProblem": "._problems", "assert_order": "._order", "linear_ode": "._problems", "strategies": ""},
)


def __dir__() -> list[str]:
    return sorted(__all__)
