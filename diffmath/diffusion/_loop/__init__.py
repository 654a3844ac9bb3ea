"""`sample` and `log_likelihood`: the loops over the times.

Belongs here: code that calls the model. May import: every other room of `diffusion` below it.
"""

from diffmath.diffusion._loop.noise import update_noises
from diffmath.diffusion._loop.plan import check_times, checked_plan
from diffmath.diffusion._loop.sample import sample, trajectory
from diffmath.diffusion._loop.traced import host_standin

__all__ = ["check_times", "checked_plan", "host_standin", "sample", "trajectory", "update_noises"]
