"""Stochastic differential equations as formulas: generator, Fokker-Planck operator, moments.

Belongs here: operators of a symbolic equation. May import: `_exact`, `_lowering`.
"""
