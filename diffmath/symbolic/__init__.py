"""Exact derivations with SymPy of the formulas that the numerical packages use.

The package derives HiPPO matrices from a measure and its basis, with the proof that they close, in every
gauge. It holds stochastic differential equations with their generator, Fokker-Planck operator, and Ito and
Stratonovich forms. It lowers formulas to callables on any array library. It generates rooted trees and the
order conditions of Runge-Kutta methods. All numbers are exact. SymPy is imported when a name that needs it is
first used.
"""

from typing import TYPE_CHECKING

from diffmath._core.lazy import lazy_attributes

if TYPE_CHECKING:
    from diffmath.symbolic._conditions.butcher import RootedTree as RootedTree
    from diffmath.symbolic._conditions.butcher import elementary_weight as elementary_weight
    from diffmath.symbolic._conditions.butcher import order_conditions as order_conditions
    from diffmath.symbolic._conditions.butcher import rooted_trees as rooted_trees
    from diffmath.symbolic._conditions.exponential_conditions import (
        exponential_conditions as exponential_conditions,
    )
    from diffmath.symbolic._conditions.levy_conditions import (
        additive_noise_conditions as additive_noise_conditions,
    )
    from diffmath.symbolic._conditions.levy_conditions import (
        stratonovich_conditions as stratonovich_conditions,
    )
    from diffmath.symbolic._conditions.mixed_conditions import ColouredTree as ColouredTree
    from diffmath.symbolic._conditions.mixed_conditions import additive_conditions as additive_conditions
    from diffmath.symbolic._conditions.mixed_conditions import rosenbrock_conditions as rosenbrock_conditions
    from diffmath.symbolic._conditions.phi_sums import PhiSum as PhiSum
    from diffmath.symbolic._conditions.phi_sums import phi as phi
    from diffmath.symbolic._conditions.stiff_conditions import StiffTree as StiffTree
    from diffmath.symbolic._conditions.stiff_conditions import (
        stiff_order_conditions as stiff_order_conditions,
    )
    from diffmath.symbolic._conditions.stiff_conditions import stiff_trees as stiff_trees
    from diffmath.symbolic._conditions.strong_conditions import sra_conditions as sra_conditions
    from diffmath.symbolic._conditions.strong_conditions import sri_conditions as sri_conditions
    from diffmath.symbolic._conditions.surds import Surd as Surd
    from diffmath.symbolic._conditions.surds import square_root as square_root
    from diffmath.symbolic._conditions.symplectic_conditions import lyndon_words as lyndon_words
    from diffmath.symbolic._conditions.symplectic_conditions import (
        splitting_conditions as splitting_conditions,
    )
    from diffmath.symbolic._conditions.weak_conditions import tang_xiao_conditions as tang_xiao_conditions
    from diffmath.symbolic._conditions.weak_conditions import weak_conditions as weak_conditions
    from diffmath.symbolic._hippo.gauges import change_gauge as change_gauge
    from diffmath.symbolic._hippo.gauges import jacobi_gauge as jacobi_gauge
    from diffmath.symbolic._hippo.gauges import tilt as tilt
    from diffmath.symbolic._hippo.hippo import HippoClosure as HippoClosure
    from diffmath.symbolic._hippo.hippo import derive_hippo as derive_hippo
    from diffmath.symbolic._hippo.hippo import hippo_closure as hippo_closure
    from diffmath.symbolic._hippo.measures import foud as foud
    from diffmath.symbolic._hippo.measures import fous as fous
    from diffmath.symbolic._hippo.measures import fout as fout
    from diffmath.symbolic._hippo.measures import jacs as jacs
    from diffmath.symbolic._hippo.measures import lagt as lagt
    from diffmath.symbolic._hippo.measures import legs as legs
    from diffmath.symbolic._hippo.measures import legt as legt
    from diffmath.symbolic._hippo.orthogonal import Measure as Measure
    from diffmath.symbolic._lowering.lower import lower as lower
    from diffmath.symbolic._lowering.program import ArrayFunction as ArrayFunction
    from diffmath.symbolic._operators.moments import moment_equations as moment_equations
    from diffmath.symbolic._operators.operators import fokker_planck_operator as fokker_planck_operator
    from diffmath.symbolic._operators.operators import generator as generator
    from diffmath.symbolic._operators.sde import SDE as SDE

_MODULES = {
    "._conditions.butcher": ("RootedTree", "elementary_weight", "order_conditions", "rooted_trees"),
    "._conditions.exponential_conditions": ("exponential_conditions",),
    "._hippo.gauges": ("change_gauge", "jacobi_gauge", "tilt"),
    "._hippo.hippo": ("HippoClosure", "derive_hippo", "hippo_closure"),
    "._conditions.levy_conditions": ("additive_noise_conditions", "stratonovich_conditions"),
    "._lowering.lower": ("lower",),
    "._hippo.measures": ("foud", "fous", "fout", "jacs", "lagt", "legs", "legt"),
    "._conditions.mixed_conditions": ("ColouredTree", "additive_conditions", "rosenbrock_conditions"),
    "._operators.moments": ("moment_equations",),
    "._operators.operators": ("fokker_planck_operator", "generator"),
    "._hippo.orthogonal": ("Measure",),
    "._conditions.phi_sums": ("PhiSum", "phi"),
    "._lowering.program": ("ArrayFunction",),
    "._operators.sde": ("SDE",),
    "._conditions.stiff_conditions": ("StiffTree", "stiff_order_conditions", "stiff_trees"),
    "._conditions.strong_conditions": ("sra_conditions", "sri_conditions"),
    "._conditions.surds": ("Surd", "square_root"),
    "._conditions.symplectic_conditions": ("lyndon_words", "splitting_conditions"),
    "._conditions.weak_conditions": ("tang_xiao_conditions", "weak_conditions"),
}
__all__ = [
    "ArrayFunction", "ColouredTree", "HippoClosure", "Measure", "PhiSum", "RootedTree", "SDE", "StiffTree",
    "Surd",
    "additive_noise_conditions", "change_gauge", "derive_hippo", "elementary_weight",
    "exponential_conditions", "fokker_planck_operator", "foud", "fous", "fout", "generator",
    "hippo_closure", "jacobi_gauge", "jacs", "lagt", "legs", "legt", "lower", "lyndon_words",
    "moment_equations", "order_conditions", "phi", "rooted_trees", "rosenbrock_conditions",
    "splitting_conditions", "square_root", "sra_conditions", "sri_conditions", "stiff_order_conditions",
    "stiff_trees", "stratonovich_conditions", "tilt", "weak_conditions", "additive_conditions",
    "tang_xiao_conditions",
]  # fmt: skip

__getattr__, _lazy_dir = lazy_attributes(
    __name__, {name: module for module, names in _MODULES.items() for name in names}
)


def __dir__() -> list[str]:
    return sorted(__all__)
