"""A float32 system in float64: the matrices that it was rounded from, where they are known."""

from __future__ import annotations

from dataclasses import replace

from diffmath.statespace._discretize.discretize import gbt
from diffmath.statespace._structure import widest
from diffmath.statespace._system import StateSpace, follow

__all__ = ["widened"]


def widened(system: StateSpace) -> StateSpace:
    """Return a system in the widest precision of its library: float64, but float32 in JAX without x64.

    A and B are exact where a measure or a structure knows them. A discrete system with an origin is stepped
    anew from it: the rounding of a step's matrix would grow with the number of steps taken. Other entries are
    those given.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> from diffmath.statespace._discretize.widened import widened
    >>> single = ss.bilinear(ss.legs(8, dtype=np.float32), 0.01)
    >>> bool((widened(single).A == ss.bilinear(ss.legs(8), 0.01).A).all())
    True
    """
    real, _ = widest(system.A)
    if system.A.dtype == real:
        return system
    wide = follow(system, system.A, "system", dtype=real)
    if system.origin is None or system.dt is None:
        return wide
    source = follow(system.origin.system, system.A, "system", dtype=real)
    return replace(gbt(source, system.dt, alpha=system.origin.alpha), C=wide.C, D=wide.D)
