"""Single steps: fixed, adaptive or traced; trials, accepted steps, and the last step of a solve.

Belongs here: iterators over steps. May import: every other room but `_loop`, and `_stepping`.
"""

from diffmath.ode._steps.adaptive import AdaptiveSteps
from diffmath.ode._steps.attempt import send
from diffmath.ode._steps.fixed import FixedSteps
from diffmath.ode._steps.step import Step
from diffmath.ode._steps.traced import is_traced_solve, refuse_options, refuse_traced_steps, traced_solution

__all__ = [
    "AdaptiveSteps",
    "FixedSteps",
    "Step",
    "is_traced_solve",
    "refuse_options",
    "refuse_traced_steps",
    "send",
    "traced_solution",
]
