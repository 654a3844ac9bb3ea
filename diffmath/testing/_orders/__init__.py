"""Orders measured: deterministic, strong and weak, with their noise floors.

Belongs here: assertions. May import: `_problems`.
"""
