"""Floor 1, arrays of any library: namespaces, devices and sharing, user callables, matrix functions.

Belongs here: differences between NumPy, CuPy, PyTorch and JAX, kernels, user callables and their results,
matrix exponentials and phi-functions. May import: `diffmath._core`.
"""
