"""Formulas turned into callables on any array library.

Belongs here: programs and what runs them. May import: `_exact`, floor 0.
"""

from diffmath.symbolic._lowering.lower import lower

__all__ = ["lower"]
