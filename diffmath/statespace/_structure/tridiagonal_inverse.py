r"""The matrix of LegT: two triangles of cumulative sums, whose inverse is tridiagonal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._core.typing import Array
from diffmath.statespace._structure.structure import Structure, Vector, scaled

__all__ = ["TridiagonalInverse"]


@dataclass(frozen=True, eq=False, repr=False)
class TridiagonalInverse(Structure):
    r"""The dense matrix of a Legendre window: the inverse of a tridiagonal matrix, up to scales and a shift.

    .. math:: A = -\gamma I - \operatorname{diag}(l)\,M \operatorname{diag}(r), \qquad
        M_{nk} = 1\ (k \le n),\ (-1)^{n-k}\ (k > n), \qquad
        M^{-1} = T = \tfrac12 \begin{pmatrix} 1 & 1 \\ -1 & 0 & 1 \\ & \ddots & & \ddots \\ & & -1 & 1
        \end{pmatrix}

    Parameters
    ----------
    left, right : numpy.ndarray, shape (n,)
        Host vectors l and r, each with constant sign.
    rate : float
        :math:`\gamma`.

    Notes
    -----
    A product is two cumulative sums. With :math:`x = r^{-1} T y`, the equation :math:`(pI - gA)x = v` is the
    tridiagonal system :math:`((p + g\gamma) T + g \operatorname{diag}(r l))\,y = r v`, which is solved
    without pivoting. Both cost O(n). If :math:`\mathrm{Re}(p/g) + \gamma` is not negative, every pivot is at
    least half of :math:`|p + g\gamma|`. Otherwise pivots may be small.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> window = ss.legt(3)
    >>> window.structure
    TridiagonalInverse(order=3)
    >>> x = window.structure.solve(1.0, 0.1, np.ones(3))  # (I - A / 10)^-1 v
    >>> bool(np.allclose(x - 0.1 * window.A @ x, 1.0))
    True
    """

    left: Vector
    right: Vector
    rate: float = 0.0
    name: ClassVar[str] = "tridiagonal-inverse"

    @property
    def order(self) -> int:
        return int(self.left.shape[0])

    @property
    def diagonal(self) -> Vector:
        """The diagonal of T."""
        diagonal = np.zeros(self.order)
        diagonal[0] += 0.5
        diagonal[-1] += 0.5
        return diagonal

    def entries(self) -> Vector:
        n = np.arange(self.order)
        sign = np.where(n[:, None] >= n, 1.0, 1.0 - 2.0 * ((n[:, None] + n) % 2))
        outer = np.outer(np.sign(self.left), np.sign(self.right)) * np.sqrt(
            np.outer(self.left**2, self.right**2)
        )
        entries: Vector = -sign * outer - self.rate * np.eye(self.order)
        return entries

    def multiply(self, x: Array) -> Array:
        xp = array_namespace(x)
        left, right = asarray_like(self.left, x), asarray_like(self.right, x)
        sign = asarray_like(1.0 - 2.0 * (np.arange(self.order) % 2), x)
        rx = right * x
        upper = xp.flip(xp.cumulative_sum(xp.flip(sign * rx, axis=-1), axis=-1), axis=-1)
        after = xp.concat([upper[..., 1:], xp.zeros_like(x[..., :1])], axis=-1)
        return -(left * (xp.cumulative_sum(rx, axis=-1) + sign * after) + self.rate * x)

    def solve(self, p: Any, g: Any, v: Array) -> Array:
        xp, half = array_namespace(v), 0.5 * (p + g * self.rate)
        pivot, side, pivots, sides = None, None, [], []
        for n, (t, scale) in enumerate(zip(self.diagonal, self.right * self.left, strict=True)):
            own, b = 2.0 * half * float(t) + g * float(scale), float(self.right[n]) * v[..., n]
            pivot = own if pivot is None else own + half * half / pivot
            side = b if side is None else b + half * side / pivots[-1]
            pivots.append(pivot)
            sides.append(side)
        y = [sides[-1] / pivots[-1]]
        for pivot, side in zip(pivots[-2::-1], sides[-2::-1], strict=True):
            y.append((side - half * y[-1]) / pivot)
        return self._tridiagonal(xp.stack(y[::-1], axis=-1)) / asarray_like(self.right, v)

    def resolvent(self, C: Array, B: Array, p: Array, g: Array) -> Array:
        half = 0.5 * (p + g * self.rate)
        # C x = (C / r) T y, and the transpose of T is applied to C: one elimination for both sides.
        C = self._tridiagonal(C / asarray_like(self.right, C), transpose=True)
        B = B * asarray_like(self.right, B)
        B = B[:, :, None] if B.ndim == 2 else B[:, None]
        ratio, left, right, response = 0.0 * half, 0.0 * half, 0.0 * half, 0.0 * half
        for n, (t, scale) in enumerate(zip(self.diagonal, self.right * self.left, strict=True)):
            pivot = 2.0 * half * float(t) + g * float(scale) + half * ratio
            left, right = C[:, n : n + 1] - ratio * left, B[..., n, :] + ratio * right
            response = response + left * right / pivot
            ratio = half / pivot
        return response

    def _tridiagonal(self, y: Array, *, transpose: bool = False) -> Array:
        """Return T y, or its transpose times y, along the last axis."""
        xp, sign = array_namespace(y), -0.5 if transpose else 0.5
        zero = xp.zeros_like(y[..., :1])
        after = xp.concat([y[..., 1:], zero], axis=-1)
        before = xp.concat([zero, y[..., :-1]], axis=-1)
        return asarray_like(self.diagonal, y) * y + sign * (after - before)

    def transformed(self, *, rate: float = 0.0, gauge: Vector | None = None) -> TridiagonalInverse:
        left, right = scaled(self.left, gauge), scaled(self.right, gauge, inverse=True)
        return TridiagonalInverse(left, right, self.rate + rate)
