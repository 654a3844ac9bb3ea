"""Distributions with an exact score: Gaussians, mixtures, data sets.

Belongs here: exact references. May import: `_process`, `_model`, `_exact`, `random`.
"""

from diffmath.diffusion._targets.mixture import GaussianMixture
from diffmath.diffusion._targets.rows import row_product
from diffmath.diffusion._targets.target import Target

__all__ = ["GaussianMixture", "Target", "row_product"]
