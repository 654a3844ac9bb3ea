"""Kernels through their spectrum: the truncated generating function, on a circle, and one inverse FFT."""

from __future__ import annotations

import math
from dataclasses import replace

import array_api_compat as compat

from diffmath._arrays import array_namespace
from diffmath._typing import Array
from diffmath.statespace._nplr import dplr
from diffmath.statespace._resolvent import low_rank_resolvent
from diffmath.statespace._statespace import Origin, StateSpace
from diffmath.statespace._structure import Dense, complexes

__all__ = ["cauchy_kernel", "product_kernel"]

# Beyond this growth of C A^length, the truncated generating function would cancel too many digits.
_LARGEST_GROWTH = 1e3


def product_kernel(system: StateSpace, C: Array, length: int) -> Array:
    """Return C A^j B for j < length by the resolvent of the structure, shape (outputs, length)."""
    origin = _require_origin(system, "product")
    structure = origin.system.structure
    if isinstance(structure, Dense):
        raise ValueError(
            "method='product' needs a system stepped from one with a structure; this one is dense: use "
            "method='cauchy' or 'doubling'"
        )
    grid = _Circle(system, origin.alpha, length, decay=structure.decay)
    B = array_namespace(C).astype(origin.system.B, grid.rows(C).dtype, copy=False)
    return grid.invert(structure.resolvent(grid.truncate(C), B, grid.p, grid.g))


def cauchy_kernel(system: StateSpace, C: Array, length: int) -> Array:
    """Return C A^j B for j < length by Cauchy sums and Woodbury's identity, shape (outputs, length)."""
    origin = _require_origin(system, "cauchy")
    modes = dplr(replace(origin.system, C=None, D=0.0))
    decay = -float(array_namespace(C).real(modes.eigenvalues[0]))
    grid = _Circle(system, origin.alpha, length, decay=decay)
    return grid.invert(low_rank_resolvent(modes, grid.truncate(C), grid.p, grid.g))


class _Circle:
    """Frequencies on a circle around 0, for a kernel of given length stepped by a bilinear rule."""

    def __init__(self, system: StateSpace, alpha: float, length: int, *, decay: float) -> None:
        xp, dt = array_namespace(system.A), float(system.dt or 0.0)
        # Modes that hardly decay over the length lie on the unit circle, next to the frequencies: a circle
        # that is a little smaller keeps its distance, for one digit of the last lags.
        radius = 1.0 if decay * dt * length >= 1.0 else 16.0 ** (-1.0 / length)
        self.system, self.length, self.radius, self.dt = system, length, radius, dt
        half = xp.arange(length // 2 + 1, dtype=xp.float64, device=compat.device(system.A))
        angle = half * (-2.0 * math.pi / length)
        w = radius * complexes(xp.cos(angle), xp.sin(angle))
        self.p, self.g = 1.0 - w, dt * (alpha + (1.0 - alpha) * w)

    def rows(self, C: Array) -> Array:
        """Return the output rows in double precision."""
        xp = array_namespace(C)
        return xp.astype(C, xp.float64, copy=False)

    def truncate(self, C: Array) -> Array:
        """Return C (I - (radius A)^length), whose generating function has the lags below `length` alone."""
        xp, rows = array_namespace(C), self.rows(C)
        A = self.rows(self.system.A)
        last = _advance(rows, A, self.length)
        growth = float(xp.max(xp.abs(last)))
        if not growth <= _LARGEST_GROWTH * float(xp.max(xp.abs(rows))):
            raise ValueError(
                f"spectral kernels are for stable systems; over {self.length} lags this one grows to "
                f"{growth:.1e}: use method='doubling'"
            )
        return rows - self.radius**self.length * last

    def invert(self, resolvent: Array) -> Array:
        """Return the lags of a spectrum dt C (pI - gA)^-1 B, in the precision of the system."""
        xp = array_namespace(resolvent)
        lags = xp.fft.irfft(self.dt * resolvent, n=self.length, axis=-1)
        if self.radius != 1.0:
            j = xp.arange(self.length, dtype=xp.float64, device=compat.device(lags))
            lags = lags * xp.exp(j * -math.log(self.radius))
        return xp.astype(lags, self.system.A.dtype, copy=False)


def _advance(rows: Array, A: Array, steps: int) -> Array:
    """Return rows A^steps by repeated squaring."""
    while steps:
        if steps % 2:
            rows = rows @ A
        steps //= 2
        if steps:
            A = A @ A
    return rows


def _require_origin(system: StateSpace, method: str) -> Origin:
    if system.origin is None:
        raise ValueError(
            f"method={method!r} needs a system stepped by gbt (bilinear, forward_euler, backward_euler) of "
            "policy 's4', which remembers its origin: use method='doubling'"
        )
    return system.origin
