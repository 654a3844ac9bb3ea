"""Methods for stiff problems: implicit Runge-Kutta, IMEX and Rosenbrock, each with its coefficients.

Belongs here: methods that solve equations in each step. May import: `_tableaux`, `_explicit`, `_stepping`.
"""

from diffmath.ode._implicit.implicit import ImplicitRungeKutta

__all__ = ["ImplicitRungeKutta"]
