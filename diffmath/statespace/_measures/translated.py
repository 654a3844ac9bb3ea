"""Translated measures: a weight of the age that does not depend on time; their systems step by the sample."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np

from diffmath._arrays.namespace import asarray_like
from diffmath._core.typing import Array
from diffmath.statespace._discretize import bilinear
from diffmath.statespace._measures.integrals import integrate_by_parts
from diffmath.statespace._measures.sampled import sampled_states
from diffmath.statespace._structure import Matrices, Measure
from diffmath.statespace._system import StateSpace

__all__ = ["TranslatedMeasure", "matrix_states", "within_window"]


class TranslatedMeasure(Measure):
    """A measure of the age: a window, or an endless past."""

    @abstractmethod
    def reach(self, order: int) -> float:
        """Return the age, in units of the length, beyond which the kernels are below 1e-20."""

    def bilinear_states(self, u: Array, c: Array, h: float, every: int) -> Array:
        """Return the saved states (rows, channels, order), orthonormal, by bilinear steps of h lengths from
        c.

        A family with a faster algorithm overrides this method, which forms the matrix of a step once.
        """
        return matrix_states(self.unit_matrices(c.shape[1]), u, c, h, every)

    def project(self, u: Array, order: int, step: float) -> Array:
        reach = self.reach(order)
        last = min(u.shape[0], math.ceil(min(reach / step, 2.0**62)))
        knots = np.minimum(np.arange(last, -1, -1) * step, reach)
        return integrate_by_parts(u[u.shape[0] - last :, :], knots, lambda x: self.older(x, u), order)

    def readable(self, t: Array) -> tuple[Array, str]:
        if self.clock == "window":
            return within_window(t, self.length)
        return t <= 1.0, "be at most 1, the present"


def within_window(t: Array, length: float) -> tuple[Array, str]:
    """Return which positions lie in a window, and the condition for messages."""
    return (t <= 1.0) & (t >= 0.0), f"lie in [0, 1], fractions of the window: 1 - age/{length:g}"


def matrix_states(matrices: Matrices, u: Array, c: Array, h: float, every: int) -> Array:
    """Return the saved states by bilinear steps of h, with the matrix of a step."""
    step = bilinear(StateSpace(*matrices), h)
    return sampled_states(asarray_like(step.A, u), asarray_like(step.B, u), u, c, every)
