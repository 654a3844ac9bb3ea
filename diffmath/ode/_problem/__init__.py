"""The problem as the user states it: one state or a batch, from callables or from SymPy.

Belongs here: what turns a user's right-hand side into one of batches. May import: floor 0, `_stepping`.
"""

from diffmath.ode._problem.problem import pose
from diffmath.ode._problem.single import Single

__all__ = ["Single", "pose"]
