"""`sample` and `log_likelihood`: the loops over the times.

Belongs here: code that calls the model. May import: every other room of `diffusion`.
"""
