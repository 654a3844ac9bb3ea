"""`solve` and `steps`: arguments, save times, dense output and events around the steps.

Belongs here: code that makes a solution from steps. May import: every other room of `ode`.
"""
