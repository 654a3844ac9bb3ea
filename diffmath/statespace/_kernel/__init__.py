"""Convolution kernels of systems, each by the method that suits its structure, and convolution.

Belongs here: kernels. May import: `_structure`, `_system`, `_discretize`.
"""
