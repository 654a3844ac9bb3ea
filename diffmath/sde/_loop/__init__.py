"""The calls: `solve`, `solve_adaptive`, `ensemble`, `coupled`, exact solutions and moments.

Belongs here: what steps along a path and saves states. May import: every other room of `sde`.
"""
