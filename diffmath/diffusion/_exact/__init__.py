"""The numerics behind exact targets: laws on a line, quantile maps, truncated normals, spheres, Bayes.

Belongs here: formulas on numbers and arrays, without a target or a key. May import: `_process`.
"""

from diffmath.diffusion._exact.box import box_map
from diffmath.diffusion._exact.line import LineMixture
from diffmath.diffusion._exact.linear import Measurement, posterior_weights
from diffmath.diffusion._exact.parameters import (
    LOG_2PI,
    HostArray,
    check_weights,
    frozen,
    host_parameter,
    normalise,
    send,
)
from diffmath.diffusion._exact.quantile import Marginal, mixture_map
from diffmath.diffusion._exact.spectrum import spectrum
from diffmath.diffusion._exact.sphere import MOST_DIM, SPHERE_NODES, SphereAverage
from diffmath.diffusion._exact.transition import transition_factors
from diffmath.diffusion._exact.truncated import NODES, TruncatedNormal

__all__ = [
    "LOG_2PI", "MOST_DIM", "NODES", "SPHERE_NODES", "HostArray", "LineMixture", "Marginal", "Measurement",
    "SphereAverage", "TruncatedNormal", "box_map", "check_weights", "frozen", "host_parameter", "mixture_map",
    "normalise", "posterior_weights", "send", "spectrum", "transition_factors",
]  # fmt: skip
