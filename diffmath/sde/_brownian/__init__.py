"""One Brownian motion that can be queried over any interval: a tree of nodes, and paths on it.

Belongs here: code that refines or queries a path. May import: `_noise`, `random`.
"""

from diffmath.sde._brownian.motion import motion_of
from diffmath.sde._brownian.nodes import Indices, KeyNodes, Node, PathNodes, take_rows
from diffmath.sde._brownian.path import BrownianPath

__all__ = ["BrownianPath", "Indices", "KeyNodes", "Node", "PathNodes", "motion_of", "take_rows"]
