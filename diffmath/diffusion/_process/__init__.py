"""The noising process: alpha and sigma, schedules, time grids, parametrisations.

Belongs here: everything that needs neither a model nor data. May import: floors 0 to 2.
"""

from diffmath.diffusion._process.combination import (
    Combination,
    alike,
    checked_combination,
    linear_combination,
    nested_combination,
)
from diffmath.diffusion._process.consistency import matches
from diffmath.diffusion._process.derived import ratio
from diffmath.diffusion._process.discrete import DiscreteProcess
from diffmath.diffusion._process.host_values import log_snr_at, remembering
from diffmath.diffusion._process.parametrisation import (
    DENOISER,
    FLOW,
    FORMS,
    NOISE,
    SCORE,
    STRAIGHT,
    VELOCITY,
    Form,
    Pair,
    Parametrisation,
    conversion,
)
from diffmath.diffusion._process.process import Process
from diffmath.diffusion._process.times import check_noise, noise_for, row_times

__all__ = [
    "DENOISER",
    "FLOW",
    "FORMS",
    "NOISE",
    "SCORE",
    "STRAIGHT",
    "VELOCITY",
    "Combination",
    "DiscreteProcess",
    "Form",
    "Pair",
    "Parametrisation",
    "Process",
    "alike",
    "check_noise",
    "checked_combination",
    "conversion",
    "linear_combination",
    "log_snr_at",
    "matches",
    "nested_combination",
    "noise_for",
    "ratio",
    "remembering",
    "row_times",
]
