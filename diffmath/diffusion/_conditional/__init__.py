"""Conditional sampling: linear measurements, guidance by them, replacement, weighted particles.

Belongs here: what samples a posterior with a model of the prior. May import: `_process`, `_model`, `_exact`,
`_targets`, `_guidance`, `_methods`, `_loop`.
"""
