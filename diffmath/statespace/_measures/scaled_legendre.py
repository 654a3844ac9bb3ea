"""LegS: the whole history, uniformly, in Legendre polynomials."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.typing import Array
from diffmath.statespace._measures.build import build
from diffmath.statespace._measures.closed_forms import legendre_basis
from diffmath.statespace._measures.integrals import differences, sums_over_knots
from diffmath.statespace._measures.log_time import log_time_bilinear
from diffmath.statespace._measures.scaled import ScaledMeasure
from diffmath.statespace._measures.scaled_jacobi import jacobi_matrices, jacobi_older, jacobi_structure
from diffmath.statespace._structure import LowerCumulative, Matrices, Vector, legendre, legendre_scales
from diffmath.statespace._system import StateSpace

__all__ = ["LegS", "legs"]


@on_its_device
def legs(order: int, *, like: Array | None = None, dtype: Any = None) -> StateSpace:
    r"""Return HiPPO-LegS: the scaled Legendre measure, which weights the whole history uniformly.

    .. math:: t\,c'(t) = A c(t) + B u(t), \qquad
        A_{nk} = -\sqrt{(2n+1)(2k+1)}\ (k < n), \quad A_{nn} = -(n+1), \quad B_n = \sqrt{2n+1}

    The state :math:`c_n(t) = \int_0^1 u(ts) \sqrt{2n+1} P_n(2s-1)\,ds` holds the coefficients of the best
    polynomial of degree ``order - 1`` for the history on :math:`[0, t]`. The equation is exact.

    Parameters
    ----------
    order : int
        Number of coefficients, at least 1.
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library.

    Returns
    -------
    StateSpace
        A (order, order) and B (order,), continuous, of lower-cumulative structure.

    Raises
    ------
    TypeError
        `order` is not an integer, or `dtype` not a real floating type.
    ValueError
        `order` is below 1.

    Notes
    -----
    Signs and scale are those of the S4 code: A includes the minus sign of the paper's
    :math:`c' = -A c/t + B u/t`. `memorize` steps this equation in :math:`\ln t`. S4 uses the same A in the
    time-invariant system :math:`x' = A x + B u`, whose impulse responses are
    :math:`e^{-t} \sqrt{2n+1} P_n(2e^{-t} - 1)`.

    References
    ----------
    .. [1] Gu, Dao, Ermon, Rudra & Re (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections,
       theorem 2.

    Examples
    --------
    >>> from diffmath import statespace as ss
    >>> ss.legs(3).A.round(3)
    array([[-1.   ,  0.   ,  0.   ],
           [-1.732, -2.   ,  0.   ],
           [-2.236, -3.873, -3.   ]])
    """
    return build(LegS(), order, like, dtype)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LegS(ScaledMeasure):
    """The measure of `legs`: JacS with beta = 0."""

    name: ClassVar[str] = "legs"

    def unit_matrices(self, order: int) -> Matrices:
        return jacobi_matrices(order, 0.0)

    def orthonormal_structure(self, order: int) -> LowerCumulative:
        return jacobi_structure(order, 0.0)

    def basis(self, order: int, t: Array) -> Array:
        return legendre_basis(order, t)

    def older(self, x: Vector, like: Array) -> Iterator[Array]:
        return jacobi_older(x, like, 0.0)

    def bilinear_states(self, u: Array, c: Array, heard: int, every: int, ahead: int) -> Array:
        return log_time_bilinear(u, c, 0.0, heard, every, ahead)

    def project(self, u: Array, order: int, step: float) -> Array:
        """Like any measure, but from half of the knots: Legendre polynomials are even or odd."""
        knots, jumps = _fold(u)
        moments = sums_over_knots(knots, jumps, lambda x: legendre(asarray_like(x, u)), order + 1)
        moments = [float(s) * moment for s, moment in zip(legendre_scales(order + 1), moments, strict=True)]
        mean = u[-1, :] + 0.5 * (moments[0] + moments[1])
        # (P_{n+1} - P_{n-1}) / (2n+1) / 2 is the antiderivative of P_n(2s-1), which vanishes at both ends.
        rest = [(moments[n + 1] - moments[n - 1]) * (0.5 / math.sqrt(2 * n + 1)) for n in range(1, order)]
        return array_namespace(u).stack([mean, *rest], axis=-1)


def _fold(u: Array) -> tuple[Vector, tuple[Array, Array]]:
    """Return the inner knots x in [0, 1) of [-1, 1], and the jumps there plus, and minus, those at -x."""
    xp, samples = array_namespace(u), u.shape[0]
    jumps, pairs = differences(u), (samples - 1) // 2
    left, right = xp.flip(jumps[:pairs, :], axis=0), jumps[samples - 1 - pairs :, :]
    middle = jumps[pairs : samples - 1 - pairs, :]  # the knot 0 of an even number of samples, or none
    knots = 2.0 * np.arange(samples - right.shape[0] - middle.shape[0], samples) / samples - 1.0
    return knots, (xp.concat([middle, right + left]), xp.concat([middle, right - left]))
