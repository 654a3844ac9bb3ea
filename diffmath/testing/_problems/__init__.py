"""Problems with closed forms, on which orders are measured.

Belongs here: exact solutions. May import: floors below `testing`.
"""

from diffmath.testing._problems.affine_sde import AffineSDE
from diffmath.testing._problems.outcomes import outcomes_of
from diffmath.testing._problems.periodic_sde import PeriodicSDE
from diffmath.testing._problems.problems import ODEProblem, Spectrum, linear_ode
from diffmath.testing._problems.sde_problem import SDEProblem

__all__ = ["AffineSDE", "ODEProblem", "PeriodicSDE", "SDEProblem", "Spectrum", "linear_ode", "outcomes_of"]
