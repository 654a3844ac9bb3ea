"""The probability-flow ODE to a tolerance: sampling, encoding, log-density, divergence, pixels.

Belongs here: what integrates the exact flow of a model with the adaptive solvers of `ode`.
May import: `_process`, `_model`, `_targets`.
"""

from diffmath.diffusion._likelihood.clock import checked_times, solve_flow

__all__ = ["checked_times", "solve_flow"]
