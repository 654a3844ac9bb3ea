r"""Blocks of one or two states minus a matrix of rank one: Fourier memories, and diagonal systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from diffmath._arrays.namespace import array_namespace, asarray_like, to_numpy
from diffmath._arrays.tracing import all_true, is_traced
from diffmath._core.typing import Array
from diffmath.statespace._structure.structure import Dense, Structure, Vector, blocks, scaled

__all__ = ["BlockDiagonal"]


# A determinant below this fraction of its terms has lost half of its digits.
_SINGULAR = 1e-8


@dataclass(frozen=True, eq=False, repr=False)
class BlockDiagonal(Structure):
    r"""Real blocks of one state (a decay) or two (a wave), minus a rank-one matrix.

    .. math:: A = K - l\,r^\mathsf{T}, \qquad K_{nn} = a_n, \quad K_{n\pi(n)} = o_n,
        \qquad (Kx)_n = a_n x_n + o_n x_{\pi(n)}

    where :math:`\pi` exchanges the two states of a block, and maps the state of a block of one to itself.

    Parameters
    ----------
    diagonal, off : numpy.ndarray, shape (n,)
        Host vectors a and o; o is 0 for a block of one.
    partner : numpy.ndarray of int, shape (n,)
        :math:`\pi`.
    left, right : numpy.ndarray, shape (n,), optional
        l and r. Without them A is K.

    Notes
    -----
    Products are elementwise. A solve inverts every block by Cramer's rule and adds the rank-one part by the
    Sherman-Morrison formula. Both cost O(n). A block may be singular at a frequency that is not a pole of A.
    If B is a multiple of l, both sides are then multiplied by the smallest determinant, which avoids the
    division by zero. Other B need a dense solve at such a frequency. `solve` needs blocks that are not
    singular.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> ss.fout(5).structure
    BlockDiagonal(order=5, rank=1)
    >>> bool(np.allclose(ss.fout(5).structure.multiply(np.ones(5)), ss.fout(5).A @ np.ones(5)))
    True
    """

    diagonal: Vector
    off: Vector
    partner: npt.NDArray[np.intp]
    left: Vector | None = None
    right: Vector | None = None
    name: ClassVar[str] = "block-diagonal"

    @property
    def order(self) -> int:
        return int(self.diagonal.shape[0])

    @property
    def decay(self) -> float:
        return 0.0 if self.left is not None or np.any(self.off) else max(0.0, -float(np.max(self.diagonal)))

    def entries(self) -> Vector:
        n = np.arange(self.order)
        entries: Vector = np.diag(self.diagonal)
        entries[n, self.partner] += self.off
        if self.left is not None and self.right is not None:
            signs = np.outer(np.sign(self.left), np.sign(self.right))
            entries -= signs * np.sqrt(np.outer(self.left**2, self.right**2))
        return entries

    def multiply(self, x: Array) -> Array:
        product = asarray_like(self.diagonal, x) * x + asarray_like(self.off, x) * self._swap(x)
        if self.left is None:
            return product
        xp = array_namespace(x)
        return product - asarray_like(self.left, x) * xp.sum(
            asarray_like(self.right, x) * x, axis=-1, keepdims=True
        )

    def solve(self, p: Any, g: Any, v: Array) -> Array:
        p, g = (part[..., None] if compat.is_array_api_obj(part) else part for part in (p, g))
        numerator, determinant = self._cramer(p, g, v)
        return self._correct(numerator / determinant, determinant, p, g)

    def _correct(self, y: Array, determinant: Array, p: Any, g: Any) -> Array:
        """Convert y = (pI - gK)^-1 v to the solution for A, by the Sherman-Morrison formula."""
        if self.left is None:
            return y
        xp, right = array_namespace(y), asarray_like(self.right, y)
        z = self._cramer(p, g, asarray_like(self.left, y))[0] / determinant
        gain = 1.0 + g * xp.sum(right * z, axis=-1, keepdims=True)
        return y - g * z * (xp.sum(right * y, axis=-1, keepdims=True) / gain)

    def resolvent(self, C: Array, B: Array, p: Array, g: Array) -> Array:
        xp = array_namespace(C)
        if self.left is not None and B.ndim == 1 and self._is_aligned(B):
            largest = int(np.argmax(np.abs(self.left)))
            C, B = C * (B[largest] / float(self.left[largest])), asarray_like(self.left, B)
            respond = self._aligned
        else:
            respond = self._general
        if p.ndim == 2 or B.ndim == 2:
            rows = [
                respond(
                    C[i : i + 1, :],
                    B[i, :] if B.ndim == 2 else B,
                    *((p[i, :], g[i, :]) if p.ndim == 2 else (p, g)),
                )
                for i in range(C.shape[0])
            ]
            return xp.concat(rows)
        found = [respond(C, B, p[block], g[block]) for block in blocks(p.shape[0], self.order)]
        return xp.concat(found, axis=1)

    def _general(self, C: Array, B: Array, p: Array, g: Array) -> Array:
        """Return C (pI - gA)^-1 B for any B, shape (outputs, m)."""
        xp = array_namespace(C)
        C, B = xp.astype(C, p.dtype), xp.astype(B, p.dtype)
        numerator, determinant = self._cramer(p[:, None], g[:, None], B)
        size = asarray_like(np.abs(self.diagonal) + np.abs(self.off), xp.abs(p))
        scale = xp.abs(p[:, None]) + xp.abs(g[:, None]) * size
        scale = xp.where(self._alone(C), scale, scale * scale)
        found = xp.all(xp.abs(determinant) > _SINGULAR * scale, axis=-1)
        if self.left is not None and is_traced(found):  # values are not known: use it at all frequencies
            return Dense(asarray_like(self.entries(), xp.real(C))).resolvent(C, B, p, g)
        sound = None if self.left is None else to_numpy(found)
        if sound is None or sound.all():
            x = self._correct(numerator / determinant, determinant, p[:, None], g[:, None])
            return C @ xp.matrix_transpose(x)
        parts, order = [], np.concatenate([np.flatnonzero(sound), np.flatnonzero(~sound)])
        for chosen in (sound, ~sound):
            index = xp.asarray(np.flatnonzero(chosen), device=compat.device(p))
            q, h = xp.take(p, index), xp.take(g, index)
            if chosen is sound:
                parts.append(self._general(C, B, q, h) if q.shape[0] else C[:, :0])
            else:
                parts.append(Dense(asarray_like(self.entries(), C)).resolvent(C, B, q, h))
        back = xp.asarray(np.argsort(order), device=compat.device(p))
        return xp.take(xp.concat(parts, axis=1), back, axis=1)

    def _aligned(self, C: Array, B: Array, p: Array, g: Array) -> Array:
        r"""Return C (pI - gA)^-1 l, shape (outputs, m), without division by a vanishing determinant.

        With :math:`z = (pI - gK)^{-1} l` it is :math:`C z / (1 + g\,r^\mathsf{T} z)`; both sides are
        multiplied by the smallest determinant.
        """
        xp = array_namespace(C)
        numerator, determinant = self._cramer(p[:, None], g[:, None], xp.astype(B, p.dtype))
        size = xp.abs(determinant)
        nearest = xp.argmin(size, axis=-1, keepdims=True)
        is_nearest = xp.arange(self.order, device=compat.device(C)) == nearest
        # The two states of a block have one determinant, so either both or neither are the smallest.
        is_nearest = is_nearest | self._swap(is_nearest)
        smallest = xp.sum(xp.where(is_nearest, determinant, 0.0 * determinant), axis=-1, keepdims=True)
        smallest = smallest / xp.sum(xp.astype(is_nearest, p.dtype), axis=-1, keepdims=True)
        one = xp.ones_like(determinant)
        ratio = xp.where(is_nearest, one, smallest / xp.where(is_nearest, one, determinant))
        z = numerator * ratio
        right = xp.astype(asarray_like(self.right, C), p.dtype)
        below = smallest[:, 0] + g * xp.sum(right * z, axis=-1)
        return (xp.astype(C, p.dtype) @ xp.matrix_transpose(z)) / below

    def _cramer(self, p: Any, g: Any, v: Array) -> tuple[Array, Array]:
        """Return the numerators and the determinants of (pI - gK)^-1 v; p and g end in an axis of 1."""
        xp = array_namespace(v)
        a, off = asarray_like(self.diagonal, v), asarray_like(self.off, v)
        alone = self._alone(v)
        own, other = p - g * a, p - g * self._swap(a)
        other = xp.where(alone, xp.ones_like(other), other)
        determinant = own * other - (g * g) * (off * self._swap(off))
        return other * v + g * off * self._swap(v), determinant

    def _alone(self, like: Array) -> Array:
        """Return which states are blocks of size one."""
        return asarray_like(self.partner == np.arange(self.order), like, array_namespace(like).bool)

    def _swap(self, x: Array) -> Array:
        xp = array_namespace(x)
        return xp.take(x, xp.asarray(self.partner, device=compat.device(x)), axis=-1)

    def _is_aligned(self, B: Array) -> bool:
        if self.left is None or is_traced(B):  # not known: the general resolvent works for any B
            return False
        xp, left, largest = array_namespace(B), asarray_like(self.left, B), int(np.argmax(np.abs(self.left)))
        expected = left * (B[largest] / left[largest])
        return all_true(xp.abs(B - expected) <= 8.0 * float(xp.finfo(B.dtype).eps) * xp.abs(expected))

    def transformed(self, *, rate: float = 0.0, gauge: Vector | None = None) -> BlockDiagonal:
        off = self.off if gauge is None else self.off * (gauge / gauge[self.partner])
        if self.left is None or self.right is None:
            return BlockDiagonal(self.diagonal - rate, off, self.partner)
        left, right = scaled(self.left, gauge), scaled(self.right, gauge, inverse=True)
        return BlockDiagonal(self.diagonal - rate, off, self.partner, left, right)

    def __repr__(self) -> str:
        return f"BlockDiagonal(order={self.order}, rank={0 if self.left is None else 1})"
