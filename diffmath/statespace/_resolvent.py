r"""The resolvent of a state matrix in three forms, each free of division at every frequency.

Every rational step of :math:`x' = Ax + Bu` leads to :math:`C (pI - gA)^{-1} B` with numbers p and g: a
frequency of the continuous system is :math:`p = i\omega, g = 1`, and a generalised bilinear step has
:math:`p = 1 - w, g = dt\,(\alpha + (1 - \alpha) w)` at :math:`w = z^{-1}`. The quotient p / g, which is
infinite at the Nyquist frequency of the bilinear rule, is never formed.
"""

from __future__ import annotations

from collections.abc import Iterator

import array_api_compat as compat

from diffmath._arrays import array_namespace
from diffmath._typing import Array
from diffmath.statespace._nplr import DPLR

__all__ = ["complexes", "dense_resolvent", "legs_resolvent", "low_rank_resolvent"]

# Numbers that one block of temporaries holds: 16 MiB of complex ones.
_BLOCK = 1 << 20


def complexes(real: Array, imag: Array) -> Array:
    """Return real + i imag in complex128."""
    xp = array_namespace(real)
    return xp.astype(real, xp.complex128) + 1j * xp.astype(imag, xp.complex128)


def legs_resolvent(C: Array, p: Array, g: Array) -> Array:
    r"""Return :math:`C (pI - gA)^{-1} B` of LegS, shape (outputs, m), for p and g of shape (m,).

    .. math:: X_n = \sqrt{2n+1}\,\frac{\prod_{k<n} (p - kg)}{\prod_{k=1}^{n+1} (p + kg)}

    One Horner sweep over the factors, O(outputs n m). No factor exceeds 1 in modulus where the real part of
    p / g is not negative, so that the sweep is stable.
    """
    xp, n = array_namespace(C), C.shape[1]
    cross = p * xp.conj(g)
    a, b = xp.real(p * xp.conj(p)), xp.real(g * xp.conj(g))
    c, imag_c = 2.0 * xp.real(cross), xp.imag(cross)
    real = C[:, n - 1 :] * (2.0 * n - 1.0) ** 0.5 + 0.0 * a
    imag = 0.0 * real
    for k in range(n - 2, -1, -1):
        # (p - k g) / (p + (k + 2) g), numerator times conjugate denominator, all in real arithmetic.
        inverse = 1.0 / (a + (k + 2.0) * (c + (k + 2.0) * b))
        u, v = (a + c - (k * (k + 2.0)) * b) * inverse, ((2.0 * k + 2.0) * inverse) * imag_c
        term = C[:, k : k + 1] * (2.0 * k + 1.0) ** 0.5
        real, imag = term + (real * u - imag * v), real * v + imag * u
    return complexes(real, imag) / (p + g)


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
    for block in _blocks(p.shape[0], right.shape[0]):
        q, h = p[block], g[block][:, None, None]
        sums = (1.0 / (q[:, None] - g[block][:, None] * modes.eigenvalues)) @ weights
        k = xp.reshape(sums, (q.shape[0], outputs + rank, 1 + rank))
        corrected = k[:, :outputs, :1]
        if rank:
            inner = xp.linalg.solve(identity + h * k[:, outputs:, 1:], k[:, outputs:, :1])
            corrected = corrected - h * (k[:, :outputs, 1:] @ inner)
        found.append(corrected[:, :, 0])
    return xp.matrix_transpose(xp.concat(found, axis=0))


def dense_resolvent(A: Array, B: Array, C: Array, p: Array, g: Array) -> Array:
    """Return C (pI - gA)^{-1} B of any A, shape (outputs, m): one solve per frequency, O(n^3 m)."""
    xp, n = array_namespace(C), A.shape[0]
    identity = xp.eye(n, dtype=p.dtype, device=compat.device(p))
    A, B, C = (xp.astype(part, p.dtype) for part in (A, B, C))
    found = []
    for block in _blocks(p.shape[0], n**2):
        matrices = p[block][:, None, None] * identity - g[block][:, None, None] * A
        sides = xp.broadcast_to(B[:, None], (matrices.shape[0], n, 1))
        found.append((C @ xp.linalg.solve(matrices, sides))[:, :, 0])
    return xp.matrix_transpose(xp.concat(found, axis=0))


def _blocks(length: int, width: int) -> Iterator[slice]:
    """Cut `length` rows of `width` numbers into blocks."""
    rows = max(1, _BLOCK // width)
    for start in range(0, length, rows):
        yield slice(start, min(start + rows, length))
