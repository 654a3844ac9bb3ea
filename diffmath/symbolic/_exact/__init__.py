"""Exact arithmetic with SymPy: numbers without floats, and searches with a time limit.

Belongs here: checks that the other rooms share. May import: SymPy.
"""

from diffmath.symbolic._exact.exact import differentiate, exact, is_zero
from diffmath.symbolic._exact.time_limit import bounded, simplified

__all__ = ["bounded", "differentiate", "exact", "is_zero", "simplified"]
