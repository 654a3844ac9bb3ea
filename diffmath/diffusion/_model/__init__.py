"""A user's network as one thing: a denoiser, whatever it predicts and on whatever library.

Belongs here: adapters and checks of a model. May import: `_process`.
"""

from diffmath.diffusion._model.model import Model, as_model, from_denoiser, from_score

__all__ = ["Model", "as_model", "from_denoiser", "from_score"]
