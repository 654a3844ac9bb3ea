"""Paths between two laws that are no `Process`: stochastic interpolants, and noise through a velocity.

Belongs here: noising by other means than `alpha x0 + sigma noise`, with exact references.
May import: `_process`, `_targets`, `sde`, `random`.
"""

__all__: list[str] = []
