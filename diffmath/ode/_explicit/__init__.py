"""Explicit Runge-Kutta methods, and the common parts of all methods: interface, single step, names.

Belongs here: explicit families with their coefficients. May import: `_tableaux`, `_stepping`.
"""

from diffmath.ode._explicit.classical import dopri5
from diffmath.ode._explicit.explicit import ExplicitRungeKutta
from diffmath.ode._explicit.method import AdaptiveMethod, Attempting, Method, attempting, check_state
from diffmath.ode._explicit.named_methods import check_method
from diffmath.ode._explicit.one_step import UNKNOWN, ContinuousMethod, StagedMethod, TableauMethod, check_kind
from diffmath.ode._explicit.stages import combine, estimate, interpolate

__all__ = [
    "UNKNOWN",
    "AdaptiveMethod",
    "Attempting",
    "ContinuousMethod",
    "ExplicitRungeKutta",
    "Method",
    "StagedMethod",
    "TableauMethod",
    "attempting",
    "check_kind",
    "check_method",
    "check_state",
    "combine",
    "dopri5",
    "estimate",
    "interpolate",
]
