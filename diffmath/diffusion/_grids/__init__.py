"""Time grids of samplers: functions `{name}_times` that return host times from noise to data.

Belongs here: every choice of the times of a run. A grid has `steps + 1` strictly decreasing float64 times
with exact ends. May import: `_process`.
"""

__all__: list[str] = []
