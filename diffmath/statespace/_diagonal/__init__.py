"""Diagonal systems: S4D and S5 kernels and steps.

Belongs here: code that needs only the eigenvalues. May import: `_structure`, `_system`.
"""
