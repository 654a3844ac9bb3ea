"""Structured matrices with fast products and solves, the interface of measures, checks of arguments.

Belongs here: matrices and their structure. May import: floors 0 and 1.
"""

from diffmath.statespace._structure.block_diagonal import BlockDiagonal
from diffmath.statespace._structure.lower_cumulative import LowerCumulative
from diffmath.statespace._structure.measure import Clock, Matrices, Measure
from diffmath.statespace._structure.parameters import check_parameter
from diffmath.statespace._structure.sequences import jacobi, laguerre, legendre, legendre_scales, waves
from diffmath.statespace._structure.signal import as_channels, from_channels, ignore_overflow, refuse_overflow
from diffmath.statespace._structure.structure import (
    DENSE,
    Dense,
    Structure,
    Vector,
    as_complex,
    blocks,
    widest_dtypes,
)
from diffmath.statespace._structure.tridiagonal_inverse import TridiagonalInverse

__all__ = [
    "DENSE",
    "BlockDiagonal",
    "Clock",
    "Dense",
    "LowerCumulative",
    "Matrices",
    "Measure",
    "Structure",
    "TridiagonalInverse",
    "Vector",
    "as_channels",
    "blocks",
    "check_parameter",
    "as_complex",
    "from_channels",
    "jacobi",
    "laguerre",
    "legendre",
    "legendre_scales",
    "ignore_overflow",
    "refuse_overflow",
    "waves",
    "widest_dtypes",
]
