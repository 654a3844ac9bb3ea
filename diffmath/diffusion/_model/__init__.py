"""A user's network as a model with one interface, for every parametrisation and array library.

Belongs here: adapters and checks of a model. May import: `_process`.
"""

from diffmath.diffusion._model.model import Model, as_model, from_denoiser, from_score
from diffmath.diffusion._model.precision import computing_in
from diffmath.diffusion._model.watched import WatchedModel

__all__ = ["Model", "WatchedModel", "as_model", "computing_in", "from_denoiser", "from_score"]
