"""Samplers with a form of their own: adaptive ones, exact inverses, flow maps, correctors, restarts.

Belongs here: samplers that are no list of steps on a fixed grid, and presets with a special step.
May import: every other room of `diffusion`; of other packages, `ode`, `sde` and `random`.
"""
