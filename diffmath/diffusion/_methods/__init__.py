"""Samplers as data: exponential Adams coefficients and the named methods.

Belongs here: single steps between two times. May import: `_process`.
"""

from diffmath.diffusion._methods.adams import Step
from diffmath.diffusion._methods.method import Method, as_method

__all__ = ["Method", "Step", "as_method"]
