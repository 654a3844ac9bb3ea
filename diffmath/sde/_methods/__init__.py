"""Methods without a tableau: Maruyama, Milstein, Heun, implicit and Langevin; their interface and names.

Belongs here: steps as pure functions of (model, state, t, x, dt, noise). May import: `_model`, `_noise`.
"""

from diffmath.sde._methods.implicit import ImplicitMethod, check_newton, drift_of
from diffmath.sde._methods.implicit_slope import implicit_slope, without
from diffmath.sde._methods.method import Method
from diffmath.sde._methods.named_methods import as_method
from diffmath.sde._methods.scheme import Scheme
from diffmath.sde._methods.steppers import apply_diffusion, root_of
from diffmath.sde._methods.trial import Inside, Trial

__all__ = [
    "ImplicitMethod",
    "Inside",
    "Method",
    "Scheme",
    "Trial",
    "apply_diffusion",
    "as_method",
    "check_newton",
    "drift_of",
    "implicit_slope",
    "root_of",
    "without",
]
