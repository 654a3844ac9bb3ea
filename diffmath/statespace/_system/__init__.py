"""A state-space model, its special forms, and its frequency response.

Belongs here: `StateSpace` and maps of it. May import: `_structure`.
"""

from diffmath.statespace._system.nplr import DPLR, dplr
from diffmath.statespace._system.statespace import (
    Origin,
    StateSpace,
    check_follows,
    check_step,
    follow,
    require_continuous,
    require_discrete,
    require_measure,
    require_output,
    sample_length,
)

__all__ = [
    "DPLR",
    "Origin",
    "StateSpace",
    "check_follows",
    "check_step",
    "dplr",
    "follow",
    "require_continuous",
    "require_discrete",
    "require_measure",
    "require_output",
    "sample_length",
]
