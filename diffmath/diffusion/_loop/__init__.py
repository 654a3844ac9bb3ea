"""`sample` and `log_likelihood`: the loops over the times.

Belongs here: what calls the model. May import: every other room of `diffusion`.
"""
