r"""The lower-cumulative matrix of LegS, JacS and LagT: a diagonal and running sums below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._arrays.tracing import all_true, is_traced
from diffmath._core.typing import Array
from diffmath.statespace._structure.structure import Structure, Vector, as_complex, scaled

__all__ = ["LowerCumulative"]


@dataclass(frozen=True, eq=False, repr=False)
class LowerCumulative(Structure):
    r"""A lower triangular matrix whose strict part has rank one: a diagonal plus running sums.

    .. math:: A_{nn} = -d_n, \qquad A_{nk} = -p_n q_k\ (k < n), \qquad
        (Ax)_n = -d_n x_n - p_n \sum_{k<n} q_k x_k

    Parameters
    ----------
    d, p, q : numpy.ndarray, shape (n,)
        Host vectors.

    Notes
    -----
    A product is one cumulative sum, a solve is one sweep over the rows, and a resolvent is one sweep for all
    frequencies: O(n) each. LegS and JacS have :math:`p = q = \sqrt{2n+\beta+1}` and :math:`d = n+\beta+1`.
    LagT has :math:`p_n q_k = \sqrt{\gamma_k/\gamma_n}`, which is the triangular Toeplitz matrix of ones at
    :math:`\alpha = 0`.

    If B is a multiple of p, the resolvent is a product of first-order factors, a cascade of filters:

    .. math:: X_n = \frac{b\,p_n}{p + g d_n} \prod_{k<n} \frac{p - g s_k}{p + g d_k},
        \qquad s_k = p_k q_k - d_k

    The modulus of each factor is at most 1 if Re(p/g) is not negative and :math:`|s_k| \le d_k`.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> ss.legs(3).structure.entries().round(3)
    array([[-1.   , -0.   , -0.   ],
           [-1.732, -2.   , -0.   ],
           [-2.236, -3.873, -3.   ]])
    >>> ss.legs(3).structure.multiply(np.ones(3)).round(3)
    array([-1.   , -3.732, -9.109])
    """

    d: Vector
    p: Vector
    q: Vector
    name: ClassVar[str] = "lower-cumulative"

    @property
    def order(self) -> int:
        return int(self.d.shape[0])

    @property
    def decay(self) -> float:
        return float(np.min(self.d))

    def entries(self) -> Vector:
        # p q as one square root of a product, if it is one: see `root_of_products`.
        outer = np.sign(np.outer(self.p, self.q)) * np.sqrt(np.outer(self.p**2, self.q**2))
        entries: Vector = -np.tril(outer, -1) - np.diag(self.d)
        return entries

    def multiply(self, x: Array) -> Array:
        xp = array_namespace(x)
        d, p, q = (asarray_like(vector, x) for vector in (self.d, self.p, self.q))
        sums = xp.cumulative_sum(q * x, axis=-1)
        before = xp.concat([xp.zeros_like(x[..., :1]), sums[..., :-1]], axis=-1)
        return -(d * x + p * before)

    def solve(self, p: Any, g: Any, v: Array) -> Array:
        xp, total, rows = array_namespace(v), None, []
        for n in range(self.order):
            side = v[..., n] if total is None else v[..., n] - g * float(self.p[n]) * total
            rows.append(side / (p + g * float(self.d[n])))
            term = float(self.q[n]) * rows[n]
            total = term if total is None else total + term
        return xp.stack(rows, axis=-1)

    def resolvent(self, C: Array, B: Array, p: Array, g: Array) -> Array:
        if B.ndim == 1 and self.p[0] and self._is_aligned(B):
            return self._cascade(C * (B[0] / float(self.p[0])), p, g)
        B = B[:, :, None] if B.ndim == 2 else B[:, None]
        total, response = 0.0 * p, 0.0 * p
        for n in range(self.order):
            x = (B[..., n, :] - g * float(self.p[n]) * total) / (p + g * float(self.d[n]))
            total = total + float(self.q[n]) * x
            response = response + C[:, n : n + 1] * x
        return response

    def _cascade(self, C: Array, p: Array, g: Array) -> Array:
        """Return the resolvent for B = p: one Horner sweep over the factors, in real arithmetic."""
        n, d, s = self.order, self.d, self.p * self.q - self.d
        xp = array_namespace(C)
        cross = p * xp.conj(g)
        a, b = xp.real(p * xp.conj(p)), xp.real(g * xp.conj(g))
        c, imag_c = xp.real(cross), xp.imag(cross)
        real = C[:, n - 1 :] * float(self.p[n - 1]) + 0.0 * a
        imag = 0.0 * real
        for k in range(n - 2, -1, -1):
            # (p - s_k g) / (p + d_{k+1} g), numerator times conjugate denominator.
            up, down = float(d[k + 1]), float(s[k])
            inverse = 1.0 / (a + up * (2.0 * c + up * b))
            u = (a + (up - down) * c - (up * down) * b) * inverse
            v = ((up + down) * inverse) * imag_c
            term = C[:, k : k + 1] * float(self.p[k])
            real, imag = term + (real * u - imag * v), real * v + imag * u
        return as_complex(real, imag) / (p + g * float(d[0]))

    def _is_aligned(self, B: Array) -> bool:
        if is_traced(B):  # not known: the sweep works for any B
            return False
        xp = array_namespace(B)
        p = asarray_like(self.p, B)
        expected = p * (B[0] / p[0])
        return all_true(xp.abs(B - expected) <= 8.0 * float(xp.finfo(B.dtype).eps) * xp.abs(expected))

    def transformed(self, *, rate: float = 0.0, gauge: Vector | None = None) -> LowerCumulative:
        return LowerCumulative(self.d + rate, scaled(self.p, gauge), scaled(self.q, gauge, inverse=True))
