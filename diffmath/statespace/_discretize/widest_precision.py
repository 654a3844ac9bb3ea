"""A float32 system in float64, from its exact matrices where they are known."""

from __future__ import annotations

from dataclasses import replace

from diffmath.statespace._discretize.discretize import gbt
from diffmath.statespace._structure import widest_dtypes
from diffmath.statespace._system import StateSpace, system_like

__all__ = ["in_widest_precision"]


def in_widest_precision(system: StateSpace) -> StateSpace:
    """Return a system in the widest precision of its library: float64, but float32 in JAX without x64.

    A and B are exact if a measure or a structure defines them. A discrete system with an origin is stepped
    again from it, because the effect of the rounding of its matrices grows with the number of steps. Other
    entries are converted.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> from diffmath.statespace._discretize.widest_precision import in_widest_precision
    >>> single = ss.bilinear(ss.legs(8, dtype=np.float32), 0.01)
    >>> bool((in_widest_precision(single).A == ss.bilinear(ss.legs(8), 0.01).A).all())
    True
    """
    real, _ = widest_dtypes(system.A)
    if system.A.dtype == real:
        return system
    wide = system_like(system, system.A, "system", dtype=real)
    if system.origin is None or system.dt is None:
        return wide
    source = system_like(system.origin.system, system.A, "system", dtype=real)
    return replace(gbt(source, system.dt, alpha=system.origin.alpha), C=wide.C, D=wide.D)
