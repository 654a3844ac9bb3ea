"""Floor 0, arrays of any library: their namespace, device and sharing, the callables that map them, functions.

Belongs here: what NumPy, CuPy, PyTorch and JAX do differently, faster twins, the callables that users hand in
and what they return, matrix exponentials and phi functions. May import: `diffmath._core`.
"""
