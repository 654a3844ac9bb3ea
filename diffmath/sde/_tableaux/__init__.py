"""Stochastic tableaux, and the order conditions that they must satisfy to exist.

Belongs here: exact coefficients. May import: `symbolic`.
"""

from diffmath.sde._tableaux.tableau import StochasticTableau, check_family

__all__ = ["StochasticTableau", "check_family"]
