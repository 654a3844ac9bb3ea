"""Floor 4, implicit steps: structured right-hand sides, Jacobians, linear solves, Newton's iteration.

Belongs here: what the implicit methods of `ode` and `sde` share. May import: floors 0 to 3.
"""
