"""The equation as the user states it: checks of the coefficients, their shapes and their declarations.

Belongs here: code that reads and checks drift and diffusion. May import: floors 0 to 4.
"""

from diffmath.sde._model.declared import check_declared
from diffmath.sde._model.edge import Prepared, as_sde, check_state, noise_shape, prepare, probe
from diffmath.sde._model.langevin import Langevin
from diffmath.sde._model.linear import LinearSDE, Matrix
from diffmath.sde._model.rows import take
from diffmath.sde._model.watched import rows_of

__all__ = [
    "Langevin",
    "LinearSDE",
    "Matrix",
    "Prepared",
    "as_sde",
    "check_declared",
    "check_state",
    "noise_shape",
    "prepare",
    "probe",
    "rows_of",
    "take",
]
