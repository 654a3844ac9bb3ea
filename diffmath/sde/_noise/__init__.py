"""The noise of one step: increments, bridges, areas, the terms W, H, K, A, and weak noise.

Belongs here: draws and the exact laws between them. May import: floors 0 to 2.
"""

from diffmath.sde._noise.area import area_normals, join_areas, leaf_area
from diffmath.sde._noise.bridge import VARIANCES, State, chen_matrices, divide, split, weighted_sums
from diffmath.sde._noise.increment import Increment, change_arrays, chen
from diffmath.sde._noise.levy import LevyIncrements, check_terms, increment_of, levy_increments
from diffmath.sde._noise.noise import brownian_increments, odd_part
from diffmath.sde._noise.tree import Tree
from diffmath.sde._noise.weak_noise import WeakIncrement, weak_increments

__all__ = [
    "Increment",
    "LevyIncrements",
    "State",
    "Tree",
    "VARIANCES",
    "WeakIncrement",
    "area_normals",
    "brownian_increments",
    "change_arrays",
    "check_terms",
    "chen",
    "chen_matrices",
    "divide",
    "increment_of",
    "join_areas",
    "leaf_area",
    "levy_increments",
    "odd_part",
    "split",
    "weak_increments",
    "weighted_sums",
]
