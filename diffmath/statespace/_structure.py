"""What a structure tag promises: the closed form of A and B that structured algorithms rely on.

A fast path never looks at the entries of A, so a wrong tag would be silently wrong. `StateSpace` therefore
compares its entries with the closed form filed here; a new structure is one function and one table entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from diffmath.statespace._matrices import Matrices, legs_matrices

__all__ = ["CLOSED_FORMS", "Structure"]

# dense: nothing is promised. legs: the scaled Legendre measure, a lower triangle of partial sums.
Structure = Literal["dense", "legs"]

CLOSED_FORMS: Mapping[Structure, Callable[[int], Matrices]] = {"legs": legs_matrices}
