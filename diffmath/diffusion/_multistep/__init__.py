"""Linear multistep samplers: the exponential-Adams kernel in four forms, its starters, and its presets.

Belongs here: methods that combine evaluations of several steps. May import: `_process`, `_methods`,
and how `_singlestep` writes parameters.
"""

__all__: list[str] = []
