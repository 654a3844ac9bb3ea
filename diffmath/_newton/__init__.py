"""Floor 4, implicit steps: structured right-hand sides, Jacobians, linear solves, Newton's iteration.

Belongs here: code shared by the implicit methods of `ode` and `sde`. May import: floors 0 to 3.
"""
