"""Tableaux of each family, with order conditions that are proven when they are built, and extensions.

Belongs here: exact numbers and the proofs of their order conditions. May import: `_core` and `symbolic`.
"""

from diffmath.ode._tableaux.algebraic import as_fraction, number_row, root_of
from diffmath.ode._tableaux.exponential import ExponentialTableau
from diffmath.ode._tableaux.extension import ContinuousExtension, collocation_weights
from diffmath.ode._tableaux.imex import AdditiveTableau
from diffmath.ode._tableaux.implicit import ImplicitTableau, floats
from diffmath.ode._tableaux.rosenbrock import RosenbrockTableau, from_transformed
from diffmath.ode._tableaux.symplectic import SplittingTableau
from diffmath.ode._tableaux.tableau import Tableau, difference

__all__ = [
    "AdditiveTableau",
    "ContinuousExtension",
    "ExponentialTableau",
    "ImplicitTableau",
    "RosenbrockTableau",
    "SplittingTableau",
    "Tableau",
    "as_fraction",
    "collocation_weights",
    "difference",
    "floats",
    "from_transformed",
    "number_row",
    "root_of",
]
