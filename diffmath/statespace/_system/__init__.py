"""The state-space model, its special forms, and its frequency response.

Belongs here: `StateSpace` and functions of it. May import: `_structure`.
"""

from diffmath.statespace._system.blocks import blockwise_outputs, blockwise_state
from diffmath.statespace._system.nplr import DPLR, dplr
from diffmath.statespace._system.statespace import (
    Origin,
    StateSpace,
    check_can_move,
    check_step,
    require_continuous,
    require_discrete,
    require_measure,
    require_output,
    sample_length,
    system_like,
)

__all__ = [
    "DPLR",
    "Origin",
    "StateSpace",
    "blockwise_outputs",
    "blockwise_state",
    "check_can_move",
    "check_step",
    "dplr",
    "system_like",
    "require_continuous",
    "require_discrete",
    "require_measure",
    "require_output",
    "sample_length",
]
