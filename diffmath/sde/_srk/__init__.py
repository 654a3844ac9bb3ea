"""Stochastic Runge-Kutta methods: strong, additive, weak, with Levy areas, and implicit.

Belongs here: families built from a tableau. May import: `_tableaux`, `_methods`, `_noise`.
"""
