"""`solve` and `steps`: arguments, save times, dense output and events around the steps.

Belongs here: what turns steps into a solution. May import: every other room of `ode`.
"""
