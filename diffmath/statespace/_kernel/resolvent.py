r"""The resolvent of a diagonal matrix minus a matrix of low rank.

The transfer function of every rational step of :math:`x' = Ax + Bu` is :math:`C (pI - gA)^{-1} B` with
numbers p and g. The continuous system has :math:`p = i\omega, g = 1`, and a generalised bilinear step has
:math:`p = 1 - w, g = dt\,(\alpha + (1 - \alpha) w)` at :math:`w = z^{-1}`. The quotient p / g, which is
infinite at the Nyquist frequency of the bilinear rule, is not formed.
"""

from __future__ import annotations

import array_api_compat as compat

from diffmath._arrays.namespace import array_namespace
from diffmath._core.typing import Array
from diffmath.statespace._structure import blocks
from diffmath.statespace._system import DPLR

__all__ = ["low_rank_resolvent"]


def low_rank_resolvent(modes: DPLR, C: Array, p: Array, g: Array) -> Array:
    r"""Return :math:`C (pI - gA)^{-1} B` of a diagonal minus a low-rank matrix, shape (outputs, m).

    .. math:: C (pI - gA)^{-1} B = k_{CB} - g\,k_{CP} (I + g\,k_{QP})^{-1} k_{QB}, \qquad
        k_{ab}(p, g) = \sum_i \frac{a_i b_i}{p - g \lambda_i}

    Cauchy sums and Woodbury's identity for any rank r; O((outputs + r) (1 + r) n m), over pairs of modes.
    """
    xp, rank, outputs = array_namespace(C), modes.rank, C.shape[0]
    left = xp.concat([xp.astype(C, p.dtype) @ modes.V, xp.conj(xp.matrix_transpose(modes.Q))])
    right = xp.concat([modes.B[:, None], modes.P], axis=1)
    weights = xp.matrix_transpose(left)[:, :, None] * right[:, None, :]
    cauchy = _CauchySums(modes.eigenvalues, xp.reshape(weights, (right.shape[0], -1)))
    identity = xp.eye(rank, dtype=p.dtype, device=compat.device(p))
    found = []
    for block in blocks(p.shape[0], right.shape[0]):
        h = g[block][:, None, None]
        k = xp.reshape(cauchy(p[block], g[block]), (h.shape[0], outputs + rank, 1 + rank))
        corrected = k[:, :outputs, :1]
        if rank:
            inner = xp.linalg.solve(identity + h * k[:, outputs:, 1:], k[:, outputs:, :1])
            corrected = corrected - h * (k[:, :outputs, 1:] @ inner)
        found.append(corrected[:, :, 0])
    return xp.matrix_transpose(xp.concat(found, axis=0))


class _CauchySums:
    r"""The sums of :math:`w_i / (p - g\lambda_i)` over the modes of a real matrix, two at a time.

    .. math:: \frac{w}{p - g\lambda} + \frac{w'}{p - g\lambda'}
        = \frac{(w + w')\,p - (w \lambda' + w' \lambda)\,g}
        {p^2 - (\lambda + \lambda')\,pg + \lambda\lambda' g^2}

    Modes ordered by their imaginary parts are paired from both ends, so that all coefficients are real. With
    an odd number, the middle one is real. There are half as many quotients as modes.
    """

    def __init__(self, eigenvalues: Array, weights: Array) -> None:
        xp, n = array_namespace(weights), weights.shape[0]
        half = n // 2
        low, high = eigenvalues[:half], xp.flip(eigenvalues[n - half :])
        w, v = weights[:half, :], xp.flip(weights[n - half :, :], axis=0)
        self.middle, self.own = eigenvalues[half : n - half], weights[half : n - half, :]
        quadratic = xp.stack([xp.ones_like(low), -(low + high), low * high])
        linear = xp.concat([w + v, -(w * high[:, None] + v * low[:, None])], axis=1)
        # Real up to rounding; complex for products with complex arrays.
        self.quadratic, self.linear = (xp.astype(xp.real(c), weights.dtype) for c in (quadratic, linear))

    def __call__(self, p: Array, g: Array) -> Array:
        """Return the sums, shape (m, columns)."""
        xp, columns = array_namespace(p), self.own.shape[1]
        below = xp.stack([p * p, p * g, g * g], axis=1) @ self.quadratic
        above = (1.0 / below) @ self.linear
        paired = p[:, None] * above[:, :columns] + g[:, None] * above[:, columns:]
        return paired + (1.0 / (p[:, None] - g[:, None] * self.middle)) @ self.own
