"""Scaled measures: the whole history, of growing length; the clock of their systems is ln t."""

from __future__ import annotations

from typing import ClassVar

import array_api_compat as compat
import numpy as np

from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.typing import Array
from diffmath.statespace._discretize import bilinear
from diffmath.statespace._measures.integrals import integrate_by_parts
from diffmath.statespace._measures.log_time import log_time_dense
from diffmath.statespace._structure import Clock, Measure
from diffmath.statespace._system import StateSpace

__all__ = ["ScaledMeasure"]


class ScaledMeasure(Measure):
    """A measure of the whole history, scaled to [0, 1]: 0 is the beginning, 1 is now.

    The first basis function is constant, so the start of a memory is exact.
    """

    clock: ClassVar[Clock] = "scaled"

    def bilinear_states(self, u: Array, c: Array, heard: int, every: int, ahead: int) -> Array:
        """Return the saved states (rows, channels, order), orthonormal, by bilinear steps of ln t from c.

        `heard` samples came before u. States are saved after every `every` samples, of which `ahead` came
        before u. A family with a faster algorithm overrides this method, which forms a matrix at every
        sample.
        """
        A, B = (asarray_like(part, u) for part in self.unit_matrices(c.shape[1]))
        return log_time_dense(StateSpace(A, B), u, c, bilinear, heard, every, ahead)

    def constant_history(self, sample: Array, like: Array) -> Array:
        """Return the exact orthonormal coefficients, shaped as `like`, of a constant (channels,)."""
        xp, (channels, order) = array_namespace(sample), like.shape
        rest = xp.zeros((channels, order - 1), dtype=like.dtype, device=compat.device(like))
        first = float(self.unit_matrices(1)[1][0])
        return xp.concat([sample[:, None] / first, rest], axis=1)

    def project(self, u: Array, order: int, step: float) -> Array:
        knots = np.arange(u.shape[0] + 1) / u.shape[0]
        return integrate_by_parts(u, knots, lambda x: self.older(x, u), order)

    def readable(self, t: Array) -> tuple[Array, str]:
        return (t <= 1.0) & (t >= 0.0), "lie in [0, 1], fractions of the history"
