"""Online memory of a signal: bases, projections, steps of a memory and reconstruction.

Belongs here: what remembers. May import: every other room of `statespace`.
"""
