"""Tests for solvers: problems with exact solutions, and assertions with detailed messages.

`assert_order` measures the order of accuracy of a step, `assert_strong_order` that of an SDE method on shared
Brownian paths, `assert_weak_order` that of its expectations, without sampling. `strategies` (needs
Hypothesis: ``pip install "diffmath[testing]"``) draws the problems. Every assertion is itself tested on
methods that it must reject.
"""

from typing import TYPE_CHECKING

from diffmath._core.lazy import lazy_attributes

if TYPE_CHECKING:
    from diffmath.testing import strategies as strategies
    from diffmath.testing._orders.order import assert_order as assert_order
    from diffmath.testing._orders.strong_error import strong_error as strong_error
    from diffmath.testing._orders.strong_order import StrongOrder as StrongOrder
    from diffmath.testing._orders.strong_order import assert_strong_order as assert_strong_order
    from diffmath.testing._orders.strong_order import measure_strong_order as measure_strong_order
    from diffmath.testing._orders.weak_order import WeakOrder as WeakOrder
    from diffmath.testing._orders.weak_order import assert_weak_order as assert_weak_order
    from diffmath.testing._orders.weak_order import measure_weak_order as measure_weak_order
    from diffmath.testing._problems.affine_sde import AffineSDE as AffineSDE
    from diffmath.testing._problems.affine_sde import affine_sde as affine_sde
    from diffmath.testing._problems.heisenberg_sde import heisenberg_sde as heisenberg_sde
    from diffmath.testing._problems.periodic_problems import periodic_sde as periodic_sde
    from diffmath.testing._problems.periodic_sde import PeriodicSDE as PeriodicSDE
    from diffmath.testing._problems.problems import ODEProblem as ODEProblem
    from diffmath.testing._problems.problems import linear_ode as linear_ode
    from diffmath.testing._problems.sde_problem import SDEProblem as SDEProblem
    from diffmath.testing._problems.sde_problems import curved_sde as curved_sde
    from diffmath.testing._problems.sde_problems import geometric_sde as geometric_sde
    from diffmath.testing._problems.sde_problems import linear_sde as linear_sde
    from diffmath.testing._problems.sde_problems import logistic_sde as logistic_sde

_MODULES = {
    "": ("strategies",),
    "._problems.affine_sde": ("AffineSDE", "affine_sde"),
    "._problems.heisenberg_sde": ("heisenberg_sde",),
    "._orders.order": ("assert_order",),
    "._problems.periodic_problems": ("periodic_sde",),
    "._problems.periodic_sde": ("PeriodicSDE",),
    "._problems.problems": ("ODEProblem", "linear_ode"),
    "._problems.sde_problem": ("SDEProblem",),
    "._problems.sde_problems": ("curved_sde", "geometric_sde", "linear_sde", "logistic_sde"),
    "._orders.weak_order": ("WeakOrder", "assert_weak_order", "measure_weak_order"),
    "._orders.strong_error": ("strong_error",),
    "._orders.strong_order": ("StrongOrder", "assert_strong_order", "measure_strong_order"),
}
__all__ = [
    "AffineSDE", "ODEProblem", "PeriodicSDE", "SDEProblem", "StrongOrder", "WeakOrder", "affine_sde",
    "assert_order", "assert_strong_order", "assert_weak_order", "curved_sde", "geometric_sde",
    "heisenberg_sde", "linear_ode", "linear_sde", "logistic_sde", "measure_strong_order",
    "measure_weak_order", "periodic_sde", "strategies", "strong_error",
]  # fmt: skip

__getattr__, _lazy_dir = lazy_attributes(
    __name__, {name: module for module, names in _MODULES.items() for name in names}
)


def __dir__() -> list[str]:
    return sorted(__all__)
