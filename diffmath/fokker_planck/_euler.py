"""One backward Euler step of a Markov chain between cells, and the limit on what may leave each cell.

Source: Zalesak (1979), J. Comput. Phys. 31, 335-362, for the limit.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, solve_banded

from diffmath.fokker_planck._grid import Vector
from diffmath.fokker_planck._scheme import Rates

__all__ = ["backward_euler", "limited"]


def backward_euler(chain: Rates, h: float, mass: Vector) -> tuple[Vector, Vector]:
    """Solve (I - h Q) m = mass; the matrix is diagonally dominant, so elimination keeps all signs."""
    try:
        new: Vector = solve_banded((1, 1), chain.bands(h), mass, overwrite_ab=True, check_finite=False)
    except LinAlgError:  # h |Q| so large that the identity is lost in rounding: reported as an overflow
        new = np.full_like(mass, np.nan)
    # Its columns sum to 1 except at the ends; the rounding error in the sum, 1e-16 h |Q|, is corrected.
    total = new.sum() + h * (chain.out[0] * new[0] + chain.out[1] * new[-1])
    if total != 0.0:  # unless all mass was absorbed so long ago that the rest underflows
        new = new * (mass.sum() / total)
    flux = h * chain.flux(new)
    # Beyond the total mass the difference of two hops is pure rounding; the balance of the cells is exact.
    hops = h * (chain.up * new[:-1] + chain.down * new[1:])
    balance = flux[0] + np.cumsum(mass - new)[:-1]
    flux[1:-1] = np.where(hops > mass.sum(), balance, flux[1:-1])
    return new, flux


def limited(mass: Vector, flux: Vector) -> Vector:
    """Scale the fluxes out of every cell that they would empty: ``mass - diff(flux)`` is nonnegative."""
    leaving = np.maximum(flux[1:], 0.0) + np.maximum(-flux[:-1], 0.0)
    # The tiny number avoids 0 / 0; the four units of rounding keep the difference nonnegative.
    share = (1.0 - 1e-15) * mass / np.maximum(np.maximum(leaving, mass), np.finfo(np.float64).tiny)
    padded = np.concatenate([[1.0], share, [1.0]])
    return flux * np.where(flux > 0, padded[:-1], padded[1:])
