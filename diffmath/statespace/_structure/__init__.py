"""Structured matrices with cheap products and solves, the measures that have them, checks of signals.

Belongs here: matrices and what they know of themselves. May import: floor 0.
"""

from diffmath.statespace._structure.block_diagonal import BlockDiagonal
from diffmath.statespace._structure.measure import Measure
from diffmath.statespace._structure.sequences import jacobi, laguerre, legendre, legendre_scales, waves
from diffmath.statespace._structure.signal import as_channels, from_channels, quiet, refuse_overflow
from diffmath.statespace._structure.structure import DENSE, Dense, Structure, blocks, complexes, widest

__all__ = [
    "BlockDiagonal",
    "DENSE",
    "Dense",
    "Measure",
    "Structure",
    "as_channels",
    "blocks",
    "complexes",
    "from_channels",
    "jacobi",
    "laguerre",
    "legendre",
    "legendre_scales",
    "quiet",
    "refuse_overflow",
    "waves",
    "widest",
]
