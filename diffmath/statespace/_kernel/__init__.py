"""Convolution kernels of systems, by a method that suits the structure, and convolution.

Belongs here: kernels. May import: `_structure`, `_system`, `_discretize`.
"""
