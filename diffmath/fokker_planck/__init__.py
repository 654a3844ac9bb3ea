"""Fokker-Planck equations: the density of an SDE on a grid, and checks of samples against it.

`solve` is conservative and positive: Scharfetter-Gummel fluxes in space, extrapolated backward Euler in time.
`check_samples`, `check_cdf` and `check_projections` compare samples with a law and state the probability of a
false alarm, by a bound that holds for every sample size (Dvoretzky-Kiefer-Wolfowitz with Massart's constant).
A `Check` can be asserted: ``assert fp.check_samples(...)``. `UndecidedError` is raised if the samples are too
few for a verdict.
"""

from diffmath.fokker_planck._checks import check_cdf, check_projections, check_samples
from diffmath.fokker_planck._grid import Grid, gaussian
from diffmath.fokker_planck._scheme import stationary
from diffmath.fokker_planck._solve import DensitySolution, solve
from diffmath.fokker_planck._verdict import Check, UndecidedError

__all__ = [
    "Check",
    "DensitySolution",
    "Grid",
    "UndecidedError",
    "check_cdf",
    "check_projections",
    "check_samples",
    "gaussian",
    "solve",
    "stationary",
]
