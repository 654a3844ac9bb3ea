"""Floor 0, arrays of any library: namespaces, devices and sharing, user callables, matrix functions.

Belongs here: what NumPy, CuPy, PyTorch and JAX do differently, faster twins, the callables that users hand in
and what they return, matrix exponentials and phi functions. May import: `diffmath._core`.
"""
