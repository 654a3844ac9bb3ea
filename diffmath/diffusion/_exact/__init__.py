"""The numerics behind exact targets: eigenbases, laws on a line, quantile maps, transition laws.

Belongs here: formulas on numbers and arrays, without a target or a key. May import: `_process`.
"""

from diffmath.diffusion._exact.line import LineMixture
from diffmath.diffusion._exact.quantile import Marginal, mixture_map
from diffmath.diffusion._exact.spectrum import spectrum
from diffmath.diffusion._exact.transition import transition_factors

__all__ = ["LineMixture", "Marginal", "mixture_map", "spectrum", "transition_factors"]
