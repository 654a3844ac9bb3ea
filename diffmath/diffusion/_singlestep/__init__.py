"""One-step samplers: exponential Runge-Kutta, Runge-Kutta in a noise level, ancestral steps, churn.

Belongs here: samplers that keep nothing from step to step, and what their steps share.
May import: `_process`, `_methods`; of other packages, tableaux of `ode` and phi-functions of `symbolic`.
"""

from diffmath.diffusion._singlestep.dpm import dpm_solver
from diffmath.diffusion._singlestep.tableaux import changed, shown

__all__ = ["changed", "dpm_solver", "shown"]
