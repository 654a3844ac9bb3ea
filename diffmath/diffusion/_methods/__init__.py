"""Samplers as data: what a step and a method are, presets, clocks, and the simplest methods.

Belongs here: single steps between two times. May import: `_process`.
"""

from diffmath.diffusion._methods.clocks import exponential_clock
from diffmath.diffusion._methods.method import Clock, Method, as_method
from diffmath.diffusion._methods.preset import Preset, preset
from diffmath.diffusion._methods.step import Stage, Step, factors, is_finite, take_step

__all__ = [
    "Clock",
    "Method",
    "Preset",
    "Stage",
    "Step",
    "as_method",
    "exponential_clock",
    "factors",
    "is_finite",
    "preset",
    "take_step",
]
