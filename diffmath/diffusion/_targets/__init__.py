"""Distributions whose score is known exactly: Gaussians, mixtures, data sets.

Belongs here: oracles. May import: `_process`, `_model`, `random`.
"""

from diffmath.diffusion._targets.target import Target

__all__ = ["Target"]
