"""HiPPO matrices derived from a measure and its basis, with the proof that they close.

Belongs here: measures, bases and gauges. May import: `_exact`.
"""
