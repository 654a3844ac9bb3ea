"""Stochastic Runge-Kutta methods: strong, additive, weak, of the Levy area and implicit.

Belongs here: families built from a tableau. May import: `_tableaux`, `_methods`, `_noise`.
"""
