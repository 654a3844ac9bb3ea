"""Splitting methods for separable systems.

Belongs here: methods that conserve a symplectic form. May import: `_tableaux`, `_explicit`, `_stepping`.
"""

from diffmath.ode._symplectic.methods import composed
from diffmath.ode._symplectic.splitting import Splitting

__all__ = ["Splitting", "composed"]
