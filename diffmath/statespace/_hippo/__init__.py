"""Systems derived from HiPPO systems: gauges, tilts, delays, and initial poles of S4 models.

Belongs here: maps of HiPPO systems, and initialisations derived from them. May import: `_structure`,
`_system`, `_measures`.
"""

from diffmath.statespace._hippo.transform import change_gauge, tilt

__all__ = ["change_gauge", "tilt"]
