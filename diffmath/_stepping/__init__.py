"""Floor 1, shared by all solvers: clocks, step control, failures, Newton's method, Jacobians.

Belongs here: code shared by `ode` and `sde` that does not depend on a method. May import: floor 0.
"""
