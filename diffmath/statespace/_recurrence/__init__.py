"""The recurrence: one step, a whole signal, a parallel scan, events at irregular times.

Belongs here: functions from state to state. May import: `_structure`, `_system`, `_discretize`.
"""

from diffmath.statespace._recurrence.scan import recurrence
from diffmath.statespace._recurrence.simulate import initial_state

__all__ = ["initial_state", "recurrence"]
