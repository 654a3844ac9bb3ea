"""Memories with a clock of their own: bilinear steps of one length, of windows and of endless pasts.

The bodies take the matrix of a step; their compiled twins solve it, O(n), at every sample.
"""

from __future__ import annotations

from diffmath._arrays.accelerate import accelerated
from diffmath._arrays.namespace import asarray_like
from diffmath._core.typing import Array
from diffmath.statespace._discretize import bilinear
from diffmath.statespace._memory.sampled import sampled_states
from diffmath.statespace._structure import Measure
from diffmath.statespace._system import StateSpace

__all__ = ["fixed_bilinear", "fourier_window", "laguerre_decay", "legendre_window"]


def fixed_bilinear(measure: Measure, u: Array, c: Array, h: float, every: int) -> Array:
    """Return the states kept (rows, channels, order), orthonormal, by bilinear steps of h lengths."""
    if measure.name == "legt":
        return legendre_window(u, c, h, every)
    if measure.name in ("fout", "foud"):
        return fourier_window(u, c, h, measure.parameters[0], every)
    alpha, beta = measure.parameters
    if alpha != 0.0:  # B is no multiple of the matrix's p: there is no sweep of one number
        return _stepped(Measure("lagt", (alpha, beta)), u, c, h, every)
    scale = beta**0.5 if beta else 1.0  # of the kernels
    return scale * laguerre_decay(u, c / scale, h, beta, every)


@accelerated
def legendre_window(u: Array, c: Array, h: float, every: int) -> Array:
    """Return the states kept of LegT by bilinear steps of h windows."""
    return _stepped(Measure("legt"), u, c, h, every)


@accelerated
def fourier_window(u: Array, c: Array, h: float, kappa: float, every: int) -> Array:
    """Return the states kept of the Fourier window that is closed by kappa, by bilinear steps of h."""
    return _stepped(Measure("fout", (kappa,)), u, c, h, every)


@accelerated
def laguerre_decay(u: Array, c: Array, h: float, beta: float, every: int) -> Array:
    """Return the states kept of LagT with alpha = 0 and kernels of mass 1, by bilinear steps of h."""
    scale = beta**0.5 if beta else 1.0
    return _stepped(Measure("lagt", (0.0, beta)), u, c, h, every, scale)


def _stepped(measure: Measure, u: Array, c: Array, h: float, every: int, scale: float = 1.0) -> Array:
    A, B = measure.matrices(c.shape[1])
    step = bilinear(StateSpace(A, B / scale), h)
    return sampled_states(asarray_like(step.A, u), asarray_like(step.B, u), u, c, every)
