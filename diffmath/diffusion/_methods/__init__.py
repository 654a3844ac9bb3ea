"""Samplers as data: exponential Adams coefficients and the named methods.

Belongs here: single steps between two times. May import: `_process`.
"""

from diffmath.diffusion._methods.method import Method, as_method
from diffmath.diffusion._methods.step import Stage, Step, factors, is_finite, take_step, updated

__all__ = ["Method", "Stage", "Step", "as_method", "factors", "is_finite", "take_step", "updated"]
