"""Discretization of continuous systems: rules and holds, for one step and for many.

Belongs here: discretization. May import: `_structure`, `_system`.
"""

from diffmath.statespace._discretize.batch import discretize_batch, rule_of
from diffmath.statespace._discretize.discretize import Discretization, bilinear, check_alpha, gbt
from diffmath.statespace._discretize.widest_precision import in_widest_precision

__all__ = [
    "Discretization",
    "bilinear",
    "check_alpha",
    "discretize_batch",
    "gbt",
    "rule_of",
    "in_widest_precision",
]
