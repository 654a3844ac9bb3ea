"""diffmath: verified numerics for diffusion models and state-space models, on any array library."""

from typing import TYPE_CHECKING

from diffmath._arrays.accelerate import reference_only
from diffmath._core.lazy import lazy_attributes
from diffmath._core.solution import Solution, SolveError

if TYPE_CHECKING:
    from diffmath import data as data
    from diffmath import diffusion as diffusion
    from diffmath import fokker_planck as fokker_planck
    from diffmath import ode as ode
    from diffmath import plot as plot
    from diffmath import random as random
    from diffmath import sde as sde
    from diffmath import statespace as statespace
    from diffmath import symbolic as symbolic
    from diffmath import testing as testing

__version__ = "0.1.0"

_SUB_PACKAGES = (
    "data", "diffusion", "fokker_planck", "ode", "plot", "random", "sde", "statespace", "symbolic", "testing",
)  # fmt: skip
__all__ = ["SolveError", "Solution", "__version__", "reference_only", *_SUB_PACKAGES]

# Sub-packages load on first use, so `import diffmath` costs little more than NumPy.
__getattr__, _lazy_dir = lazy_attributes(__name__, dict.fromkeys(_SUB_PACKAGES, ""))


def __dir__() -> list[str]:
    return sorted(__all__)
