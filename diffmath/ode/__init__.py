"""Ordinary differential equations for batches of states on any array library.

Methods are data that proves itself: a `Tableau` of exact fractions cannot be built unless it satisfies
every order condition it claims. `solve` takes fixed steps, or adapts the step of every row of the batch on
its own, so that no row changes another. `euler`, `midpoint`, `heun`, `rk4` and `dopri5` come with it; a
method of your own is any object with ``step(f, t, x, dt)`` and `order`.
"""

from diffmath.ode._control import PIController
from diffmath.ode._explicit import ExplicitRungeKutta, dopri5, euler, heun, midpoint, rk4
from diffmath.ode._method import AdaptiveMethod, Method
from diffmath.ode._models import Linear, Semilinear, Separable, Split, WithJacobian
from diffmath.ode._solve import solve
from diffmath.ode._tableau import Tableau

__all__ = [
    "AdaptiveMethod", "ExplicitRungeKutta", "Linear", "Method", "PIController", "Semilinear", "Separable",
    "Split", "Tableau", "WithJacobian", "dopri5", "euler", "heun", "midpoint", "rk4", "solve",
]  # fmt: skip
