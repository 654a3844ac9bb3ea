"""The calls: `solve`, `solve_adaptive`, `ensemble`, `coupled`, exact solutions and moments.

Belongs here: functions that step along a path and save states. May import: every other room of `sde`.
"""
