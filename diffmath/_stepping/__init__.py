"""Floor 1, what every solver steps with: clocks, step control, failures, Newton's method, Jacobians.

Belongs here: what `ode` and `sde` share and what knows no method. May import: floor 0.
"""
