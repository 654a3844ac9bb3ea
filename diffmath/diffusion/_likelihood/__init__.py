"""Likelihoods by the probability-flow ODE: log-density, latent, divergence, pixels.

Belongs here: what integrates the exact flow of a model with the adaptive solvers of `ode`.
May import: `_process`, `_model`, `_targets`.
"""
