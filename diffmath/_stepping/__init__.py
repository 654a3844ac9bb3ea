"""Floor 3, shared by all solvers: clocks, step control, trial steps, failures, watchers of user functions.

Belongs here: code shared by `ode` and `sde` that does not depend on a method. May import: floors 0 and 1.
"""
