"""HiPPO systems in closed form, their gauges, and the systems that start S4 models.

Belongs here: one function a family. May import: `_structure`, `_system`.
"""

from diffmath.statespace._hippo.hippo import check_parameter

__all__ = ["check_parameter"]
