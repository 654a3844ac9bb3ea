"""Ordinary differential equations for batches of states on any array library.

A `Tableau` consists of exact fractions and cannot be built unless it satisfies every order condition that it
claims. `solve` takes fixed steps, or adapts the step size of every row of the batch separately, so that rows
do not affect each other. Explicit methods: `euler`, `midpoint`, `heun`, `ralston`, `bosh3`, `rk4`, `dopri5`,
`tsit5`, `vern7` and `dop853`. Implicit methods for stiff problems: `implicit_euler`, `trapezoid`, `sdirk2`,
`kvaerno3`, `kvaerno5` and `radau5`; without an iteration, `rosenbrock23` and `rodas5p`; for a stiff and
another part, `kencarp3` and `kencarp4`. Exponential methods for a stiff linear part: `etd1`, `etdrk2`,
`etdrk3`, `etdrk4`, `krogstad` and `hochbruck_ostermann`. Linear systems: `exact`, `expm_multiply`. Any object
with ``step(f, t, x, dt)`` and `order` can be a method. `steps` iterates over single steps.
"""

from diffmath._core.lazy import lazy_attributes
from diffmath._newton.problems import Linear, Semilinear, Separable, Split, WithJacobian
from diffmath._stepping.control import IController, PIController, PIDController
from diffmath._stepping.events import Event
from diffmath._stepping.trial import Trial
from diffmath.ode._explicit.classical import bosh3, dopri5, euler, heun, midpoint, ralston, rk4, tsit5
from diffmath.ode._explicit.explicit import ExplicitRungeKutta
from diffmath.ode._explicit.method import AdaptiveMethod, Method
from diffmath.ode._loop.iterate import steps
from diffmath.ode._loop.solve import solve
from diffmath.ode._problem.unbatched import unbatched
from diffmath.ode._steps.step import Step
from diffmath.ode._tableaux.extension import ContinuousExtension
from diffmath.ode._tableaux.tableau import Tableau

__all__ = [
    "AdaptiveMethod", "AdditiveRungeKutta", "AdditiveTableau", "ContinuousExtension", "Event",
    "ExplicitRungeKutta", "ExponentialRungeKutta", "ExponentialTableau", "IController",
    "ImplicitRungeKutta", "ImplicitTableau", "Linear", "LinearExact", "Method", "Newton", "PIController",
    "PIDController", "Rosenbrock", "RosenbrockTableau", "Semilinear", "Separable", "Split", "Splitting",
    "SplittingTableau", "Step", "Tableau", "Trial", "WithJacobian", "bosh3", "dop853", "dopri5", "etd1",
    "etdrk2", "etdrk3", "etdrk4", "euler", "exact", "expm_multiply", "from_sympy", "heun",
    "hochbruck_ostermann", "implicit_euler", "kencarp3", "kencarp4", "krogstad", "kvaerno3", "kvaerno5",
    "leapfrog", "mclachlan2", "mclachlan4", "midpoint", "position_verlet", "radau5", "ralston", "rk4",
    "rodas5p", "rosenbrock23", "sdirk2", "solve", "steps", "trapezoid", "tsit5", "unbatched", "vern7",
    "yoshida4", "yoshida6",
]  # fmt: skip

# Proving hundreds of order conditions takes a tenth of a second, so methods are loaded on first use.
_LAZY = {
    "._exponential.linear": ("LinearExact", "exact"),
    "._exponential.action": ("expm_multiply",),
    "._exponential.exponential": ("ExponentialRungeKutta",),
    "._exponential.methods": ("etd1", "etdrk2", "etdrk3", "etdrk4", "hochbruck_ostermann", "krogstad"),
    "._tableaux.exponential": ("ExponentialTableau",),
    "._explicit.dop853": ("dop853",),
    "._explicit.vern7": ("vern7",),
    "._implicit.implicit": ("ImplicitRungeKutta",),
    "._implicit.implicit_methods": (
        "implicit_euler", "kvaerno3", "kvaerno5", "radau5", "sdirk2", "trapezoid",
    ),
    "._tableaux.implicit": ("ImplicitTableau",),
    "._implicit.imex": ("AdditiveRungeKutta",),
    "._implicit.imex_methods": ("kencarp3", "kencarp4"),
    "._tableaux.imex": ("AdditiveTableau",),
    "._implicit.rosenbrock": ("Rosenbrock",),
    "._implicit.rosenbrock_methods": ("rodas5p", "rosenbrock23"),
    "._tableaux.rosenbrock": ("RosenbrockTableau",),
    "._problem.from_sympy": ("from_sympy",),
    "diffmath._newton.newton": ("Newton",),
    "._symplectic.splitting": ("Splitting",),
    "._symplectic.methods": (
        "leapfrog", "mclachlan2", "mclachlan4", "position_verlet", "yoshida4", "yoshida6",
    ),
    "._tableaux.symplectic": ("SplittingTableau",),
}  # fmt: skip
__getattr__, _lazy_dir = lazy_attributes(
    __name__, {name: module for module, names in _LAZY.items() for name in names}
)


def __dir__() -> list[str]:
    return sorted(__all__)
