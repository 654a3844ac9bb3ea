"""The measures of the past: the matrices, basis, projection and steps of each family, and its builder.

Belongs here: one file per family, and their common parts. May import: `_structure`, `_system`, `_discretize`,
`_recurrence`.
"""

from diffmath.statespace._measures.log_time import check_discrete, log_time_bilinear, log_time_dense
from diffmath.statespace._measures.sampled import sampled_states
from diffmath.statespace._measures.scaled import ScaledMeasure
from diffmath.statespace._measures.scaled_legendre import legs
from diffmath.statespace._measures.translated import TranslatedMeasure
from diffmath.statespace._measures.window_legendre import legt

__all__ = [
    "ScaledMeasure",
    "TranslatedMeasure",
    "check_discrete",
    "legs",
    "legt",
    "log_time_bilinear",
    "log_time_dense",
    "sampled_states",
]
