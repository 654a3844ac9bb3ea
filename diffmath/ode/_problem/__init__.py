"""The problem as the user states it: one state or a batch, as callables or from SymPy.

Belongs here: converters of user right-hand sides to batch functions. May import: floors 0 to 4.
"""

from diffmath.ode._problem.problem import pose
from diffmath.ode._problem.single import Single

__all__ = ["Single", "pose"]
