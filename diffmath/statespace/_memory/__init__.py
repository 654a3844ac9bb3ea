"""Online memory of a signal: bases, projections, steps of a memory and reconstruction.

Belongs here: memories. May import: every other room of `statespace`.
"""
