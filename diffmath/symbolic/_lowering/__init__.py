"""Formulas turned into callables on any array library.

Belongs here: programs and the code that runs them. May import: `_exact`, floors 0 and 1.
"""

from diffmath.symbolic._lowering.lower import lower

__all__ = ["lower"]
