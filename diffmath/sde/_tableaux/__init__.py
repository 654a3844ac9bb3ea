"""Stochastic tableaux, one class per family, and the order conditions that are proven when they are built.

Belongs here: exact coefficients. A new family is one class: its layout, its claim, its conditions. May
import: `symbolic`.
"""

from diffmath.sde._tableaux.levy import AdditiveNoiseTableau, StratonovichTableau
from diffmath.sde._tableaux.strong import ImplicitSRATableau, SRATableau, SRITableau
from diffmath.sde._tableaux.tableau import StochasticTableau
from diffmath.sde._tableaux.weak import TangXiaoTableau, WeakTableau

__all__ = [
    "AdditiveNoiseTableau",
    "ImplicitSRATableau",
    "SRATableau",
    "SRITableau",
    "StochasticTableau",
    "StratonovichTableau",
    "TangXiaoTableau",
    "WeakTableau",
]
