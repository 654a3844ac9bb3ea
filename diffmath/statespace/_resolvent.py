r"""The resolvent of a diagonal minus a low rank, free of division at every frequency.

Every rational step of :math:`x' = Ax + Bu` leads to :math:`C (pI - gA)^{-1} B` with numbers p and g: a
frequency of the continuous system is :math:`p = i\omega, g = 1`, and a generalised bilinear step has
:math:`p = 1 - w, g = dt\,(\alpha + (1 - \alpha) w)` at :math:`w = z^{-1}`. The quotient p / g, which is
infinite at the Nyquist frequency of the bilinear rule, is never formed.
"""

from __future__ import annotations

import array_api_compat as compat

from diffmath._arrays import array_namespace
from diffmath._typing import Array
from diffmath.statespace._nplr import DPLR
from diffmath.statespace._structure import blocks

__all__ = ["low_rank_resolvent"]


def low_rank_resolvent(modes: DPLR, C: Array, p: Array, g: Array) -> Array:
    r"""Return :math:`C (pI - gA)^{-1} B` of a diagonal minus a low rank, shape (outputs, m).

    .. math:: C (pI - gA)^{-1} B = k_{CB} - g\,k_{CP} (I + g\,k_{QP})^{-1} k_{QB}, \qquad
        k_{ab}(p, g) = \sum_i \frac{a_i b_i}{p - g \lambda_i}

    Cauchy sums and Woodbury's identity for any rank r; O((outputs + r) (1 + r) n m).
    """
    xp, rank, outputs = array_namespace(C), modes.rank, C.shape[0]
    left = xp.concat([xp.astype(C, xp.complex128) @ modes.V, xp.conj(xp.matrix_transpose(modes.Q))])
    right = xp.concat([modes.B[:, None], modes.P], axis=1)
    weights = xp.matrix_transpose(left)[:, :, None] * right[:, None, :]
    weights = xp.reshape(weights, (right.shape[0], -1))
    identity = xp.eye(rank, dtype=p.dtype, device=compat.device(p))
    found = []
    for block in blocks(p.shape[0], right.shape[0]):
        q, h = p[block], g[block][:, None, None]
        sums = (1.0 / (q[:, None] - g[block][:, None] * modes.eigenvalues)) @ weights
        k = xp.reshape(sums, (q.shape[0], outputs + rank, 1 + rank))
        corrected = k[:, :outputs, :1]
        if rank:
            inner = xp.linalg.solve(identity + h * k[:, outputs:, 1:], k[:, outputs:, :1])
            corrected = corrected - h * (k[:, :outputs, 1:] @ inner)
        found.append(corrected[:, :, 0])
    return xp.matrix_transpose(xp.concat(found, axis=0))
