"""What a structure tag promises: the closed form of A and B that structured algorithms rely on.

A fast path never looks at the entries of A, so a wrong tag would be silently wrong. `StateSpace` therefore
compares its entries with the closed form filed here; a new structure is one function and one table entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["CLOSED_FORMS", "Matrices", "Structure", "legs_matrices"]

# dense: nothing is promised. legs: the scaled Legendre measure, a lower triangle of partial sums.
Structure = Literal["dense", "legs"]

Matrices: TypeAlias = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def legs_matrices(order: int) -> Matrices:
    r"""Return A (order, order) and B (order,) of HiPPO-LegS, every entry correctly rounded.

    .. math:: A_{nk} = -\sqrt{(2n+1)(2k+1)}\ (k < n), \quad A_{nn} = -(n+1), \quad B_n = \sqrt{2n+1}
    """
    n = np.arange(order, dtype=np.float64)
    odd = 2.0 * n + 1.0
    # One square root of the exact integer product, not the product of two rounded square roots.
    return np.tril(-np.sqrt(np.outer(odd, odd)), -1) + np.diag(-(n + 1.0)), np.sqrt(odd)


CLOSED_FORMS: Mapping[Structure, Callable[[int], Matrices]] = {"legs": legs_matrices}
