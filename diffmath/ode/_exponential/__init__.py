"""Methods that treat a linear part exactly: exponential Runge-Kutta, exact flows, Krylov actions.

Belongs here: methods built from the matrix exponential. May import: `_tableaux`, `_explicit`, `_stepping`.
"""
