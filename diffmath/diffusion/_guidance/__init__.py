"""Guidance: models made of other models, which samplers use like any model.

Belongs here: functions from models to a model that change its law on purpose. May import: `_process`,
`_model`.
"""

from diffmath.diffusion._guidance.pair import Scale, check_models, check_scale, scale_at

__all__ = ["Scale", "check_models", "check_scale", "scale_at"]
